"""Decisions computed again from stored facts: they agree, and what was tampered with shows."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient
from support.photos import edited, photo

from oracle import wiring
from oracle.originality.recompute import agrees
from oracle.settings import Settings
from storage.database import Database
from storage.errors import NotFound

Post = Callable[..., dict[str, Any]]


def test_every_number_of_a_decision_agrees_when_computed_again(
    post: Post, settings: Settings, db: Database
) -> None:
    auditor = wiring.make_auditor(settings, db)
    first = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "cropped"), "bob")
    post(photo("flower"), "alice")
    for view in (first, copy):
        checks = auditor.audit(UUID(view["analysis_id"]))
        assert agrees(checks), [check for check in checks if not check.ok]
    names = {check.name for check in checks}
    assert {
        "verdict",
        "redirect",
        "tier",
        "evidence hash",
        "credited work",
        "similarity in the report",
    } <= names
    assert any(name.startswith("match with work") for name in names)


@pytest.mark.parametrize(
    ("tampering", "names"),
    [
        (
            "update analyses set similarity_bps = 10000 where verdict = 'derivative'",
            {"similarity", "similarity in the report"},
        ),
        ("update analyses set redirect_bps = 1 where verdict = 'derivative'", {"redirect"}),
        ("update analyses set verdict = 'original' where verdict = 'derivative'", {"verdict"}),
        ("update analyses set threshold_bps = 9000", {"threshold", "redirect"}),
        (
            "update analyses set evidence ="
            " convert_to(replace(convert_from(evidence, 'UTF8'), ':null', ': null'), 'UTF8')",
            {"evidence hash"},
        ),
        (
            "update outbox set report = jsonb_set(report, '{similarity_bps}', '9500')",
            {"similarity in the report"},
        ),
    ],
)
def test_what_was_tampered_with_differs(
    tampering: str, names: set[str], post: Post, settings: Settings, db: Database
) -> None:
    post(photo("coffee"), "alice")
    copy = post(edited(photo("coffee"), "cropped"), "bob")
    with db.transaction() as conn:
        conn.execute(tampering)
    checks = wiring.make_auditor(settings, db).audit(UUID(copy["analysis_id"]))
    assert {check.name for check in checks if not check.ok} == names


def test_there_is_nothing_to_explain_before_a_decision(
    client: TestClient, settings: Settings, db: Database
) -> None:
    queued = client.post("/upload", files={"file": photo("cat")}).json()
    with pytest.raises(NotFound):
        wiring.make_auditor(settings, db).audit(UUID(queued["analysis_id"]))
    assert client.get(queued["links"]["receipt"]).json()["code"] == "not_found"


def test_metrics_are_served(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "oracle_node_database_up 1.0" in answer.text
