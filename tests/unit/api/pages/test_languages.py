"""Every page of creators is whole in every language, and no catalogue says what no page does."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from oracle.api.access import Caller
from oracle.api.languages import LANGUAGES, VIEWER, Viewer, catalogue, negotiate
from oracle.api.pages.rendering import PAGES, long_day, show, templates
from oracle.api.translating import messages, pieces
from oracle.originality import evidence
from oracle.rules import cost, explain
from oracle.rules.decision import Reason, Verdict

# What operators and reviewers see is English.
OF_OPERATORS = {
    "case_macros.html",
    "docs.html",
    "failed_payouts.html",
    "keys.html",
    "oversight.html",
    "policies.html",
    "quarantine.html",
    "queue.html",
    "review.html",
    "rules.html",
    "status.html",
}
WORDS = {  # that pages show, and that are no text of a template
    "derivative",
    "self duplicate",
    "undecided",
    "high",
    "medium",
    "low",
    "provisional",
    "final",
    *PAGES.values(),
    "image",
    "video",
    "audio",
    # Verdicts in words.
    *explain.SENTENCES.values(),
    explain.PERHAPS_TEMPLATE,
    explain.DECIDED_COPY,
    explain.NOT_DECIDED,
    explain.BY,
    cost.GOES,
    cost.WAITS,
    cost.HALVED,
    cost.ALL,
    evidence.CALLED,
    evidence.SECOND,
}
OTHERS = [code for code in LANGUAGES if code != "en"]


def said(names: set[str]) -> set[str]:
    return {message for name in names for message in messages(templates, name)}


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_says_all_that_creators_read_and_nothing_else(language: str) -> None:
    every = set(templates.list_templates(extensions=["html"]))
    known = catalogue(language)
    assert said(every - OF_OPERATORS) - set(known) == set(), "not translated"
    assert set(known) - said(every) - WORDS == set(), "said by no page"
    assert set(known) >= WORDS


def test_texts_of_a_template_are_messages_and_tags_are_not() -> None:
    text = ' lost">Yes <b class="x">it is</b>, <img alt="A cat" src="cat"> 12 <a title=\'no\'>'
    assert [words for message, words in pieces(text, in_tag=True) if message] == [
        "Yes",
        "it is",
        "A cat",
    ]
    assert "".join(words for _, words in pieces(text, in_tag=True)) == text


def test_a_page_is_german_for_whom_it_is_meant() -> None:
    lena = Caller("lena", frozenset({"read"}), "lena", 1, language="de", time_zone="Asia/Tokyo")
    page = show("notices.html", lena, messages=[])
    assert '<html lang="de">' in page and "<h1>Mitteilungen</h1>" in page
    assert ">Abmelden<" in page and 'aria-label="Hauptmenü"' in page
    assert not re.search("Nobody|Notices|Sign out", page)
    other = show("notices.html", Caller("tom", frozenset(), "tom", 2), messages=[])
    assert "<h1>Notices</h1>" in other, "the next one reads English again"


def test_moments_are_in_the_zone_of_who_looks() -> None:
    token = VIEWER.set(Viewer("de", ZoneInfo("Europe/Berlin")))
    try:
        assert long_day(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "2. Juli 2026, 00:30 CEST"
    finally:
        VIEWER.reset(token)
    assert long_day(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "1 July 2026, 22:30 UTC"


@pytest.mark.parametrize(
    ("accept", "language"),
    [("", "en"), ("de-CH, en;q=0.5", "de"), ("fr, de;q=0.3", "de"), ("xx,;;,=", "en"), ("*", "en")],
)
def test_a_browser_says_its_language(accept: str, language: str) -> None:
    assert negotiate(accept) == language


@pytest.mark.parametrize("language", OTHERS)
def test_a_verdict_is_said_with_the_same_facts(language: str) -> None:
    known = catalogue(language)
    for reason in Reason:
        for verdict in Verdict:
            facts = {
                "verdict": verdict,
                "reason": reason,
                "similarity_bps": 9_812,
                "threshold_bps": 9_500,
                "redirect_bps": 6_240,
                "media_type": "image",
                "other": "{a} cat.jpg",
                "other_creator": "maya",
            }
            english = explain.explain(**facts)
            said = explain.explain(**facts, say=lambda text: known.get(text, text))
            assert said != english
            for fact in ("{a} cat.jpg", "maya", "98.1", "62.4"):
                assert (fact in said) == (fact in english), (said, english)
