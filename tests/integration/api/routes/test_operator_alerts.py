"""Matters of the operator: listed, on the page, in readiness and metrics, until one is resolved."""

from datetime import UTC, datetime

from starlette.testclient import TestClient

from storage import operator_alerts
from storage.database import Database

ADMIN = {"Authorization": "Bearer operator"}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_matter_is_seen_everywhere_until_somebody_resolves_it(
    client: TestClient, db: Database
) -> None:
    assert client.get("/readyz").json()["checks"]["payouts"]["ok"]
    assert client.get("/api/operator_alerts").status_code == 401
    with db.transaction() as conn:
        assert operator_alerts.report(conn, "payout_differs", "payment 7", "46 and not 47.", NOW)
        assert not operator_alerts.report(conn, "payout_differs", "payment 7", "45.", NOW), "once"
    (matter,) = client.get("/api/operator_alerts", headers=ADMIN).json()
    assert (matter["kind"], matter["subject"], matter["detail"]) == (
        "payout_differs",
        "payment 7",
        "45.",
    )
    check = client.get("/readyz").json()["checks"]["payouts"]
    assert not check["ok"] and check["detail"].startswith("1 divided otherwise")
    assert "payment 7" in client.get("/stuck_payments", headers=ADMIN).text
    line = 'oracle_operator_alerts{kind="payout_differs"} 1.0'
    assert line in client.get("/metrics").text

    path = f"/api/operator_alerts/{matter['id']}/resolve"
    note = {"note": "Paid the cent by hand."}
    assert client.post(path, json=note).status_code == 401
    assert client.post(path, json=note, headers=ADMIN).status_code == 200
    assert client.post(path, json=note, headers=ADMIN).status_code == 404
    assert client.get("/readyz").json()["checks"]["payouts"]["ok"]
    assert client.get("/api/operator_alerts", headers=ADMIN).json() == []


def test_what_is_gone_is_resolved_by_itself(db: Database) -> None:
    with db.transaction() as conn:
        for subject in ("a", "b"):
            operator_alerts.report(conn, "reconciliation", subject, "differs", NOW)
        assert operator_alerts.end_unseen(conn, "reconciliation", ["b"], NOW) == 1
        assert [alert.subject for alert in operator_alerts.list_open(conn)] == ["b"]
        assert operator_alerts.report(conn, "reconciliation", "a", "again", NOW)
