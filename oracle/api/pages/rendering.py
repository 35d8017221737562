"""The template environment of the pages, with filters for numbers and codes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import jinja2
from babel.dates import format_datetime
from markupsafe import Markup, escape

from oracle.api.access import Caller
from oracle.api.languages import VIEWER, Viewer, catalogue, gettext, local, viewer_of
from oracle.api.pages.match_drawings import clock
from oracle.api.translating import Translating
from oracle.notices import wording
from oracle.payouts.statement import dollars
from oracle.rules.explain import percent

DATES = {"en": "d MMMM yyyy, HH:mm", "de": "d. MMMM yyyy, HH:mm"}
# Times in the text of notices, which are stored as they were sent.
MOMENT = re.compile(r"\b\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC\b")
STATED = "%d %B %Y, %H:%M UTC"
# Paths in the text of notices, and what is said in their place.
PATH = re.compile(r"/(analyses|appeals|fraud_alerts|creators|licences)(?:/[\w-]+)?(?:#\w+)?")
PAGES = {
    "analyses": "the page of the verdict",
    "appeals": "the page of the appeal",
    "fraud_alerts": "the page of the case",
    "creators": "the dashboard",
    "licences": "your licences",
}


def long_day(at: datetime) -> str:
    """Format a moment for people, in the language and time zone of who looks."""
    language = VIEWER.get().language
    shown = format_datetime(local(at), DATES.get(language, DATES["en"]), locale=language)
    return f"{shown} {local(at).tzname()}"


def moment(at: datetime) -> str:
    """Format a moment briefly, in the time zone of who looks."""
    return f"{local(at):%Y-%m-%d %H:%M} {local(at).tzname()}"


def said(text: str) -> Markup:
    """Return a text of a template, markup and all, in the language of who looks."""
    return Markup(gettext(text))


def speaking_to(caller: Caller) -> Callable[[str], str]:
    """Return what a text of ours is in the language of a caller."""
    known = catalogue(viewer_of(caller.language, caller.time_zone).language)
    return lambda text: known.get(text, text)


def linked(text: str) -> Markup:
    """Turn paths of ours in a text of a notice into links, and its times into those of who looks;
    all else stays text.
    """
    return Markup(PATH.sub(_link, MOMENT.sub(_local_time, str(escape(text)))))


def _local_time(found: re.Match[str]) -> str:
    try:
        at = datetime.strptime(found[0], STATED)
    except ValueError:  # somebody's title, and no time
        return found[0]
    return long_day(at.replace(tzinfo=UTC))


def _link(found: re.Match[str]) -> str:
    words = gettext(PAGES.get(found[1], "this page"))
    return f'<a href="{found[0]}">{words}</a>'


def time_left(until: datetime, now: datetime) -> str:
    """Say how long it is until then: "in 3 days", "in 5 hours", "any moment"."""
    hours = (until - now).total_seconds() / 3600
    if hours < 1:
        return "any moment"
    number, unit = (round(hours / 24), "day") if hours >= 48 else (round(hours), "hour")
    return f"in {number} {unit}{'' if number == 1 else 's'}"


templates = jinja2.Environment(
    loader=jinja2.PackageLoader("oracle.api"),
    autoescape=True,
    trim_blocks=True,
    extensions=[Translating],
)
templates.globals |= {"_": said, "word": gettext}
templates.globals["language"] = lambda: VIEWER.get().language
templates.filters |= {
    "clock": clock,
    "day": long_day,
    "moment": moment,
    "did": wording.step,
    "dollars": dollars,
    "left": time_left,
    "linked": linked,
    "percent": percent,
    "who": wording.who,
}


def show(template: str, caller: Caller | None, /, **context: object) -> str:
    """Render a page in the frame of who looks at it; None for a caller that is not known."""
    viewer = viewer_of(caller.language, caller.time_zone) if caller else Viewer()
    token = VIEWER.set(viewer)
    try:
        drawn = templates.get_template(template)
        return drawn.render(me=caller, **context)
    finally:
        VIEWER.reset(token)
