"""The template environment of the pages, with filters for numbers and codes."""

import jinja2

from oracle.api.access import Caller
from oracle.api.pages.match_drawings import clock
from oracle.notices import wording
from oracle.notices.render import day
from oracle.payouts.statement import dollars
from oracle.rules.explain import percent

templates = jinja2.Environment(
    loader=jinja2.PackageLoader("oracle.api"), autoescape=True, trim_blocks=True
)
templates.filters |= {
    "clock": clock,
    "day": day,
    "did": wording.step,
    "dollars": dollars,
    "percent": percent,
    "who": wording.who,
}


def show(template: str, caller: Caller | None, /, **context: object) -> str:
    """Render a page in the frame of who looks at it; None for a caller that is not known."""
    return templates.get_template(template).render(me=caller, **context)
