"""Whoever acts, the sentences about them are whole, on every page and in every notice."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from oracle.api.pages.rendering import linked, show
from oracle.notices import templates
from oracle.notices.actors import (
    CONTRACT,
    MACHINE,
    REANALYSIS,
    RULES,
    creator_actor,
    display_name,
    key_actor,
)
from oracle.notices.render import render, slots

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACTORS = (
    RULES,
    MACHINE,
    REANALYSIS,
    CONTRACT,
    f"{CONTRACT} 0x{'ab' * 20}",
    "operator",
    creator_actor("maya"),
    key_actor("reviewer 2"),
)


@pytest.mark.parametrize("actor", ACTORS)
def test_an_actor_is_the_subject_of_a_sentence(actor: str) -> None:
    assert re.fullmatch(r"[\w ]+", display_name(actor)), "no comma, no colon, no address"
    assert not re.search("automatically|decision|0x", display_name(actor))


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("template", ["alert.html", "appeal.html"])
def test_a_page_has_no_hole_for_an_actor(template: str, actor: str) -> None:
    step = SimpleNamespace(at=NOW, actor=actor, step="freeze", text="Said.")
    alert = SimpleNamespace(
        id="1", round=1, status="notified", rule="a rule", thresholds_version=1, post=None,
        profile=SimpleNamespace(handle="maya"), frozen_at=NOW, frozen_until=NOW, frozen_by=actor,
        decided_by=actor, decided_at=NOW, decision_reason=None, seen_from=NOW, seen_until=NOW,
        signals=[], history=[step],
    )  # fmt: skip
    appeal = SimpleNamespace(
        id="1", kind="originality", status="open", outcome=None, decide_by=NOW, convinced="C",
        first_decider=actor, decided_by=actor, decided_at=NOW, statement="S", other_until=None,
        other_view=None, analysis_id=None, attachments=[], history=[step],
    )  # fmt: skip
    common: dict[str, Any] = {"appeal": appeal, "may_decide": True}
    given = {
        "alert.html": {
            "alert": alert, "notices_sent": [], "why": [], "grounds": {}, "max_days": 14,
            "may_appeal": False,
        },
        "appeal.html": {
            "ground": "g", "file_lost": False, "may_attach": False, "may_answer": False,
        },
    }[template]  # fmt: skip
    for outcome in (None, "granted"):
        appeal.outcome, appeal.status = outcome, "decided" if outcome else "open"
        page = show(template, None, **common, **given)
        assert display_name(actor) in page
        assert "None" not in page and ", automatically" not in page
        assert actor in (CONTRACT, RULES, display_name(actor)) or actor not in page


@pytest.mark.parametrize("template", templates.ALL.values(), ids=lambda t: t.kind)
def test_a_notice_says_no_endpoint_and_no_hash(template: templates.Template) -> None:
    facts = {name: f"<{name}>" for name in slots(template)}
    text = render(template, facts).body
    assert not re.search(r"POST |GET |/v1/|/api/|0x|SHA|hash|log_head|data_link", text)


def test_paths_in_a_notice_are_links_with_words() -> None:
    text = linked(
        "Tell us: /fraud_alerts/0b-1. <b>See</b> /analyses/2#appeal, or www.x.org/appeals"
    )
    assert '<a href="/fraud_alerts/0b-1">the page of the case</a>.' in text
    assert '<a href="/analyses/2#appeal">the page of the verdict</a>,' in text
    assert "&lt;b&gt;" in text
