"""Undecided is a state with an end: what waits, who ends it, and who hears of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from integration.originality.test_analysis_failures import oracle, upload, view
from integration.originality.test_reanalysis import COPY, gave_up, jobs
from rich.console import Console
from starlette.testclient import TestClient
from support.photos import edited, photo
from support.platform import Platform
from typer.testing import CliRunner

from oracle import cli
from oracle.appeals import reviews as appeals_reviews
from oracle.appeals import verdicts as verdict_appeals
from oracle.appeals import vetoes
from oracle.appeals.apart import AGAIN_AFTER
from oracle.appeals.errors import AccuserCannotDecide, NotYourCase, StepNotPossible
from oracle.jobs import Jobs
from oracle.originality import reanalysis
from oracle.originality import reviews as originality_reviews
from oracle.originality.analysis import Originality
from storage.cases import reviews, rulings
from storage.cases.reviews import Review
from storage.cases.rulings import Ruling
from storage.database import Database
from storage.fraud import audit_log
from storage.works import analyses, authors, creators

__all__ = ["jobs", "oracle"]  # the fixtures
NOW = datetime.now(UTC)
WHY = "The negative lies before me."
Post = Callable[..., dict[str, Any]]


@dataclass
class Doubt:
    """Bob's post, which may be a copy of alice's: something that came first is still missing."""

    db: Database
    client: TestClient
    platform: Platform
    analysis: UUID

    @property
    def review(self) -> Review:
        with self.db.transaction() as conn:
            found = reviews.find_of_analysis(conn, self.analysis)
        assert found is not None
        return found

    def decide(self, outcome: str, actor: str = "key:maria", at: datetime = NOW) -> dict[str, Any]:
        """Returns: the analysis it ended in."""
        with self.db.transaction() as conn:
            ended = appeals_reviews.decide(
                conn, self.review.id, outcome=outcome, actor=actor, because=WHY, now=at
            )
        return view(self.client, ended.analysis_id)

    def number(self, handle: str) -> int:
        with self.db.transaction() as conn:
            found = creators.find_creator(conn, handle)
        assert found is not None
        return found

    @property
    def ruling(self) -> Ruling:
        """What the contract is to be told."""
        with self.db.transaction() as conn:
            row = conn.execute(
                "select id from rulings where post_id = %s", (self.review.post_id,)
            ).fetchone()
            assert row is not None
            return rulings.get(conn, row[0])

    def off_chain(self) -> None:
        """As for historical works: nothing of the post goes on chain."""
        with self.db.transaction() as conn:
            conn.execute("delete from outbox")


@pytest.fixture
def doubt(client: TestClient, oracle: Originality, db: Database) -> Doubt:
    first = upload(client, photo("cat"), "alice")
    oracle.analyse(first)
    upload(client, photo("rocket"), "dora")  # nobody reads it
    analysis = gave_up(client, oracle, db, COPY, "bob")
    platform = Platform(db)
    post = bytes.fromhex(view(client, analysis)["work"]["post_id"][2:])
    platform.grade(post, "C")
    platform.earns(post, 10_000, at=NOW)
    platform.run(NOW)
    return Doubt(db, client, platform, analysis)


def test_what_a_copy_would_cost_waits_with_a_reason_a_nearest_work_and_a_deadline(
    doubt: Doubt,
) -> None:
    review = doubt.review
    assert (review.reason, review.nearest_creator, review.status) == (
        "incomplete_search",
        "alice",
        "open",
    )
    assert review.held_bps == 10_000 and review.similarity_bps >= 9_500
    assert review.decide_by == review.opened_at + timedelta(days=7)
    bob = doubt.platform.totals(doubt.number("bob"))
    assert (bob.contested, bob.available) == (10_000, 0)


def test_a_person_finds_no_copy_and_everything_follows(
    doubt: Doubt, post: Post, drain: Callable[[], None]
) -> None:
    doubt.off_chain()
    ended = doubt.decide("original")
    assert (ended["verdict"], ended["reason"]) == ("original", "reviewed")
    assert ended["again_of"] == str(doubt.analysis)
    evidence = doubt.client.get(ended["links"]["evidence"]).json()
    assert (evidence["decided_by"], evidence["because"]) == ("key:maria", WHY)
    bob = doubt.platform.totals(doubt.number("bob"))
    assert (bob.contested, bob.available) == (0, 10_000)
    assert (doubt.ruling.verdict, doubt.ruling.status) == ("original", "in_force")
    with pytest.raises(StepNotPossible, match=r"original, by key:maria"):
        doubt.decide("derivative")
    drain()  # what was missing is read
    assert post(edited(photo("cat"), "cropped"), "bob")["verdict"] == "self_duplicate", "settled"
    with doubt.db.transaction() as conn:
        assert audit_log.find_break(conn) is None


def test_of_a_post_on_chain_the_money_waits_for_the_contract(doubt: Doubt) -> None:
    doubt.decide("original")
    ruling = doubt.ruling
    assert (ruling.kind, ruling.verdict, ruling.status) == ("review", "original", "decided")
    assert (ruling.decided_by, ruling.reason) == ("key:maria", WHY)
    doubt.platform.run(NOW + timedelta(days=1))
    assert doubt.platform.totals(doubt.number("bob")).contested == 10_000


def test_a_person_finds_a_copy_which_can_be_disputed_and_appealed(doubt: Doubt) -> None:
    doubt.off_chain()
    ended = doubt.decide("derivative")
    assert (ended["verdict"], ended["redirect_bps"]) == ("derivative", doubt.review.held_bps)
    assert ended["original"]["creator"] == "alice"
    assert doubt.ruling.original_post_id is not None
    assert "0x" + doubt.ruling.original_post_id.hex() == ended["original"]["post_id"]
    doubt.platform.run(NOW + timedelta(days=6))
    assert doubt.platform.totals(doubt.number("bob")).contested == 10_000
    with doubt.db.transaction() as conn:
        appeal = verdict_appeals.appeal_verdict(
            conn,
            UUID(ended["analysis_id"]),
            creator_id=doubt.number("bob"),
            actor="creator:bob",
            ground="mine_and_earlier",
            statement="I have the raw file.",
            now=NOW,
        )
        with pytest.raises(verdict_appeals.AccuserCannotDecide):
            verdict_appeals.decide_verdict(
                conn,
                appeal,
                granted=False,
                actor="key:maria",
                convinced=WHY,
                now=NOW + timedelta(days=8),
            )


def test_what_a_person_called_a_copy_pays_the_original_after_its_window(doubt: Doubt) -> None:
    doubt.off_chain()
    doubt.decide("derivative")
    doubt.platform.run(NOW + timedelta(days=8))
    assert doubt.platform.totals(doubt.number("alice")).available == 10_000


def test_the_rule_ends_it_at_the_deadline(doubt: Doubt) -> None:
    doubt.off_chain()
    review = doubt.review
    assert appeals_reviews.lapse_due(doubt.db, review.decide_by - timedelta(seconds=1)) == 0
    assert appeals_reviews.lapse_due(doubt.db, review.decide_by) == 1
    assert appeals_reviews.lapse_due(doubt.db, review.decide_by) == 0, "once"
    ended = view(doubt.client, doubt.review.ended_by or UUID(int=0))
    assert (ended["verdict"], ended["reason"]) == ("original", "review_lapsed")
    assert (doubt.review.decided_by, doubt.ruling.verdict) == ("rules", "original")
    assert doubt.platform.totals(doubt.number("bob")).available == 10_000


def test_neither_side_decides(doubt: Doubt) -> None:
    for actor in ("creator:bob", "creator:alice", "alice"):
        with pytest.raises(NotYourCase):
            doubt.decide("original", actor)
    key = doubt.platform.key("alice", ["fraud", "read"], creator_id=doubt.number("alice"))
    answer = doubt.client.post(
        f"/v1/reviews/{doubt.review.id}/decide",
        json={"outcome": "derivative", "because": WHY},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_case")


def test_reviewers_have_a_queue_and_the_creator_a_say(doubt: Doubt) -> None:
    client, path = doubt.client, f"/v1/reviews/{doubt.review.id}"
    assert client.get("/v1/reviews").status_code == 401
    officer = {"Authorization": "Bearer operator"}
    (listed,) = client.get("/v1/reviews", headers=officer).json()["reviews"]
    assert listed["id"] == str(doubt.review.id)
    assert view(client, doubt.analysis)["links"]["review"] == path
    bob, alice = (
        {"Authorization": f"Bearer {doubt.platform.key(n, ['read'], creator_id=doubt.number(n))}"}
        for n in ("bob", "alice")
    )
    assert client.get(path, headers=alice).json()["code"] == "not_your_case"
    assert client.get(path, headers=bob).json()["would_help"]
    said = {"statement": "I took it in May."}
    assert client.post(f"{path}/statement", json=said, headers=alice).status_code == 403
    assert client.post(f"{path}/statement", json=said, headers=bob).is_success
    decided = client.post(
        f"{path}/decide", json={"outcome": "licensed", "because": WHY}, headers=officer
    ).json()
    assert (decided["status"], decided["statement"]) == ("decided", "I took it in May.")
    assert client.get("/v1/reviews", headers=officer).json()["reviews"] == []
    assert client.post(f"{path}/statement", json=said, headers=bob).json()["code"] == "too_late"


def test_what_is_not_in_force_makes_no_known_copy(doubt: Doubt) -> None:
    review = doubt.review
    assert review.nearest_work_id is not None
    doubt.decide("derivative", at=datetime.now(UTC))
    for status, known in (("decided", False), ("in_force", True), ("vetoed", False)):
        doubt.platform.rows("update rulings set status = %s returning id", status)
        with doubt.db.transaction() as conn:
            assert bool(authors.behind(conn, [review.work_id])) is known
            copies = analyses.find_dependents(conn, review.nearest_work_id)
        assert copies == ([review.work_id] if known else [])


def test_a_vetoed_decision_on_what_waited_at_the_contract_is_asked_again(doubt: Doubt) -> None:
    with doubt.db.transaction() as conn:
        assert appeals_reviews.hold(conn, doubt.review, NOW)
    now = datetime.now(UTC)
    doubt.decide("original", at=now)
    doubt.platform.rows(
        "update rulings set status = 'vetoed', ended_at = %s returning id", now + timedelta(hours=1)
    )
    assert vetoes.ask_again(doubt.db, now + timedelta(hours=2)) == 1
    assert doubt.review.status == "open"
    with pytest.raises(AccuserCannotDecide):
        doubt.decide("original", at=now + timedelta(hours=3))


def test_a_request_that_decides_answers_what_waits_at_the_contract(doubt: Doubt) -> None:
    review = doubt.review
    with doubt.db.transaction() as conn:
        assert appeals_reviews.hold(conn, review, NOW)
        asked = replace(analyses.get(conn, doubt.analysis), source="request")
        end = analyses.Conclusion(
            verdict="original",
            reason="no_match",
            similarity_bps=1_000,
            tier="low",
            redirect_bps=0,
            matched_work_id=None,
            evidence=b"{}",
            evidence_hash=bytes(32),
            model_digest=bytes(32),
            index_snapshot=1,
            decided_at=NOW,
        )
        originality_reviews.follow_verdict(conn, asked, review.work_id, end, review)
    later = NOW + AGAIN_AFTER
    assert appeals_reviews.report_superseded(doubt.db, later) == 1
    assert doubt.ruling.status == "decided"


def test_a_complete_search_ends_it_and_tells_the_contract(
    doubt: Doubt, oracle: Originality, jobs: Jobs, drain: Callable[[], None]
) -> None:
    assert reanalysis.queue_incomplete(doubt.db, jobs) == 0, "it is incomplete still"
    drain()  # what was missing is read
    assert reanalysis.queue_incomplete(doubt.db, jobs) == 1
    drain()
    review = doubt.review
    assert (review.status, review.outcome) == ("superseded", "derivative")
    doubt.platform.rows("update reviews set because = '' returning id")  # it cannot be told
    assert appeals_reviews.report_superseded(doubt.db, NOW) == 0
    alerts = doubt.platform.rows("select kind, subject from operator_alerts")
    assert alerts == [("case_failed", f"review {review.id}")]
    doubt.platform.rows("update reviews set because = %s returning id", review.because)
    assert appeals_reviews.report_superseded(doubt.db, NOW) == 0, "others come first"
    later = NOW + AGAIN_AFTER
    assert appeals_reviews.report_superseded(doubt.db, later) == 1
    assert appeals_reviews.report_superseded(doubt.db, later) == 0, "once"
    assert (doubt.ruling.verdict, doubt.ruling.status) == ("derivative", "decided")
    assert (doubt.ruling.similarity_bps or 0) >= 9_500
    assert appeals_reviews.lapse_due(doubt.db, review.decide_by) == 0


def test_an_incomplete_search_is_repeated_until_it_is_complete(
    doubt: Doubt, client: TestClient, oracle: Originality, jobs: Jobs, drain: Callable[[], None]
) -> None:
    drain()
    before = doubt.review
    assert reanalysis.queue_incomplete(doubt.db, jobs) == 1
    again = UUID(view(client, doubt.analysis)["second_look"])
    with doubt.db.transaction() as conn:  # something that came first is on its way again
        conn.execute(
            "insert into unread_works (analysis_id, media_type, history, dated_at, registration)"
            " select a.id, a.media_type, false, w.dated_at, w.registration from analyses a join"
            " works w on w.id = a.work_id where w.registration = 1"
        )
        conn.execute("update works set visible_at = null where registration = 1")
        conn.execute(
            "update analyses set status = 'running' where work_id in (select id from works where"
            " registration = 1)"
        )
        conn.execute(
            "update analyses set waiting_since = now() - interval '2 hours' where id = %s", (again,)
        )
    oracle.analyse(again)
    assert view(client, again)["reason"] == "incomplete_search"
    review = doubt_of(doubt, again).review
    assert (review.id, review.decide_by) == (before.id, before.decide_by), "the deadline stays"
    assert reanalysis.queue_incomplete(doubt.db, jobs) == 0
    with doubt.db.transaction() as conn:
        conn.execute("delete from unread_works")
        conn.execute("update works set visible_at = now() where registration = 1")
        conn.execute("update analyses set status = 'decided' where status = 'running'")
    assert reanalysis.queue_incomplete(doubt.db, jobs) == 1
    drain()
    assert doubt_of(doubt, again).review.status == "superseded"


def test_a_person_decides_while_a_second_look_waits(
    doubt: Doubt, client: TestClient, jobs: Jobs, drain: Callable[[], None]
) -> None:
    drain()
    assert reanalysis.queue_incomplete(doubt.db, jobs) == 1
    again = UUID(view(client, doubt.analysis)["second_look"])
    ended = doubt.decide("original")
    assert (ended["verdict"], ended["reason"]) == ("original", "reviewed")
    assert UUID(view(client, doubt.analysis)["second_look"]) == UUID(ended["analysis_id"]) != again
    assert reanalysis.queue_incomplete(doubt.db, jobs) == 0


def doubt_of(doubt: Doubt, analysis: UUID) -> Doubt:
    return Doubt(doubt.db, doubt.client, doubt.platform, analysis)


def test_the_rate_of_undecided_is_told_by_media_type_and_reason(
    doubt: Doubt, database_dsn: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_dsn)
    monkeypatch.setenv("ORACLE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(cli, "console", Console(width=200))
    shown = CliRunner().invoke(cli.app, ["review", "rate"])
    assert shown.exit_code == 0, shown.output
    assert "50.00 %" in shown.output and "incomplete_search" in shown.output
    metrics = doubt.client.get("/metrics").text
    assert 'oracle_undecided_share{media_type="image",reason="incomplete_search"} 0.5' in metrics
    assert "oracle_reviews_open 1.0" in metrics
    listed = CliRunner().invoke(cli.app, ["review", "list"])
    assert "incomplete_search" in listed.output
    number = str(doubt.review.id)
    assert number in CliRunner().invoke(cli.app, ["review", "show", number]).output
    why = ["--because", WHY]
    by_side = ["review", "decide", number, "original", *why, "--by", "alice"]
    assert isinstance(CliRunner().invoke(cli.app, by_side).exception, NotYourCase)
    by_other = ["review", "decide", number, "original", *why, "--by", "maria"]
    decided = CliRunner().invoke(cli.app, by_other)
    assert decided.exit_code == 0, decided.output
    assert doubt.review.outcome == "original"


def test_what_nobody_can_be_credited_for_is_no_copy_by_decision(
    post: Post, client: TestClient, db: Database
) -> None:
    post(photo("flower"))
    copy = post(edited(photo("flower"), "reencoded"), "bob")
    doubt = Doubt(db, client, Platform(db), UUID(copy["analysis_id"]))
    assert doubt.review.held_bps > 0
    with pytest.raises(StepNotPossible, match="no other creator"):
        doubt.decide("derivative")
    assert doubt.decide("licensed")["verdict"] == "licensed"
