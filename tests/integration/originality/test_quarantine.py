"""A bad reference is stopped in one step, and that is undone in one."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.testclient import TestClient
from support.photos import edited, photo
from support.platform import Platform

from oracle.jobs import Jobs
from oracle.originality import quarantine, reanalysis
from storage import operator_alerts
from storage.cases import reviews
from storage.database import Database
from storage.fraud import audit_log

Post = Callable[..., dict[str, Any]]
OPERATOR = {"Authorization": "Bearer operator"}
WHY = {"because": "It is a template that everybody uses."}


def judge_again(db: Database, drain: Callable[[], None]) -> int:
    queued = reanalysis.queue_rechecks(db, Jobs(db.dsn))
    drain()
    return queued


def newest(client: TestClient, db: Database, posted: dict[str, Any]) -> dict[str, Any]:
    with db.transaction() as conn:
        row = conn.execute(
            "select id from analyses where work_id = %s and status = 'decided' order by decided_at"
            " desc limit 1",
            (posted["work"]["id"],),
        ).fetchone()
    assert row is not None
    view: dict[str, Any] = client.get(f"/v1/analyses/{row[0]}").json()
    return view


def test_a_quarantine_stops_a_reference_and_a_release_undoes_it(
    client: TestClient, db: Database, post: Post, drain: Callable[[], None]
) -> None:
    template = post(photo("temple"), "alice")
    copies = [post(edited(photo("temple"), kind), kind) for kind in ("resized", "reencoded")]
    assert {copy["verdict"] for copy in copies} == {"derivative"}
    final = copies[1]["work"]["post_id"]
    platform = Platform(db)
    for copy in copies:
        post_id = bytes.fromhex(copy["work"]["post_id"][2:])
        platform.grade(post_id, "C")
        platform.earns(post_id, 10_000, at=datetime.now(UTC))
    platform.run(datetime.now(UTC))
    with db.transaction() as conn:
        conn.execute(
            "update post_terms set final_at = now() - interval '1 day' where post_id = %s",
            (bytes.fromhex(final[2:]),),
        )
    path = f"/v1/works/{template['work']['id']}"
    assert client.post(f"{path}/quarantine", json=WHY).status_code == 401
    stopped = client.post(f"{path}/quarantine", json=WHY, headers=OPERATOR)
    assert stopped.json()["judged_again"] == [copies[0]["analysis_id"]], "a final verdict stays"
    twice = client.post(f"{path}/quarantine", json=WHY, headers=OPERATOR)
    assert twice.json()["code"] == "already_quarantined"
    (listed,) = client.get("/v1/quarantines", headers=OPERATOR).json()["quarantines"]
    assert (listed["creator"], listed["because"]) == ("alice", WHY["because"])

    assert judge_again(db, drain) == 1
    later = post(edited(photo("temple"), "cropped"), "dora")
    for waits in (newest(client, db, copies[0]), later):
        assert (waits["verdict"], waits["reason"]) == ("undecided", "quarantined")
        with db.transaction() as conn:
            review = reviews.find_of_analysis(conn, UUID(waits["analysis_id"]))
        assert review is not None and review.status == "open" and review.held_bps > 0
    platform.run(datetime.now(UTC))
    terms = platform.find_terms(bytes.fromhex(copies[0]["work"]["post_id"][2:]))
    assert terms is not None and (terms.verdict, terms.held_bps > 0) == ("undecided", True)
    assert newest(client, db, copies[1])["verdict"] == "derivative"

    released = client.post(f"{path}/release", json=WHY, headers=OPERATOR)
    assert set(released.json()["judged_again"]) == {
        newest(client, db, copies[0])["analysis_id"],
        later["analysis_id"],
    }
    assert client.post(f"{path}/release", json=WHY, headers=OPERATOR).json()["code"] == (
        "not_quarantined"
    )
    assert judge_again(db, drain) == 2
    for judged in (copies[0], later):
        assert newest(client, db, judged)["verdict"] == "derivative"
    with db.transaction() as conn:
        assert reviews.list_open(conn, 10) == []
        assert audit_log.find_break(conn) is None


def test_a_work_that_matches_many_creators_at_once_raises_one_alarm(
    client: TestClient, db: Database, post: Post
) -> None:
    template = post(photo("temple"), "alice")
    for kind in ("resized", "reencoded"):
        post(edited(photo("temple"), kind), kind)
    post(edited(photo("temple"), "captioned"), "resized")  # again the same creator
    now = datetime.now(UTC)
    assert quarantine.raise_alarms(db, 3, now) == 0
    assert quarantine.raise_alarms(db, 0, now) == 0, "switched off"
    assert quarantine.raise_alarms(db, 2, now) == 1
    assert quarantine.raise_alarms(db, 2, now) == 0, "once"
    with db.transaction() as conn:
        (alert,) = operator_alerts.list_open(conn)
        assert alert.subject == f"work {template['work']['id']}"
        quarantine.quarantine(
            conn, UUID(template["work"]["id"]), by="key:maria", because=WHY["because"], now=now
        )
        assert operator_alerts.list_open(conn) == [], "the alarm is answered by that"
    assert quarantine.raise_alarms(db, 2, now) == 0, "it is stopped"
