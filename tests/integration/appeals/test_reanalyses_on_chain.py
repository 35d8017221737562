"""A re-check that changes a verdict is a correction on chain, not a second attestation."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from support.platform import Platform
from support.quarrels import ChainQuarrel, make_quarrel
from support.town import DAY_S, Town

from oracle.appeals import reanalyses, reviews
from oracle.appeals.rulings import open_question
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import hexed
from oracle.chain.rpc.client import RECORDED
from oracle.jobs import Jobs
from oracle.notices.actors import REANALYSIS
from oracle.originality import reanalysis
from oracle.originality import reviews as originality_reviews
from storage.cases import reviews as stored_reviews
from storage.cases import rulings
from storage.chain import reanalyses as stored
from storage.works import analyses, policies


@pytest.fixture
def quarrel(town: Town, platform: Platform) -> ChainQuarrel:
    """Bob's post counts as a copy; his appeal came to nothing."""
    made = make_quarrel(town, platform)
    appeal = made.appeal()
    made.answer(appeal)
    made.town.wait(8 * DAY_S)
    made.drive(2)
    made.decide(appeal, granted=False)
    made.drive(6)
    with made.platform.db.transaction() as conn:
        assert rulings.find_waiting(conn, made.post) is None
        policies.record(conn, policies.Policy(1, "image", 9_500, 10_000))
        conn.execute(
            "insert into rechecks (analysis_id, appeal_id, reason) values (%s, %s, 'reference')",
            (made.analysis, appeal),
        )
    return made


def rechecked(quarrel: ChainQuarrel, verdict: str) -> UUID:
    """The work is judged once more for a recheck, as the worker would."""
    assert reanalysis.queue_rechecks(quarrel.platform.db, Jobs(quarrel.platform.db.dsn)) == 1
    ((number,),) = quarrel.platform.rows("select id from analyses where status = 'queued'")
    conclude(quarrel, number, verdict)
    return UUID(str(number))


def judged_again(
    quarrel: ChainQuarrel, verdict: str, *, matched: bool = True, after_s: int = 0
) -> UUID:
    """The work is judged once more for another reason."""
    number = uuid4()
    with quarrel.platform.db.transaction() as conn:
        before = analyses.get(conn, quarrel.analysis)
        again = analyses.NewAnalysis(
            id=number,
            source="index",
            post_id=before.post_id,
            creator_id=before.creator_id,
            media_type=before.media_type,
            policy_version=before.policy_version,
            threshold_bps=before.threshold_bps,
            base_redirect_bps=before.base_redirect_bps,
            work_id=before.work_id,
        )
        analyses.add(conn, again)
    conclude(quarrel, number, verdict, matched=matched, after_s=after_s)
    return number


def conclude(
    quarrel: ChainQuarrel, number: UUID, verdict: str, *, matched: bool = True, after_s: int = 0
) -> None:
    with quarrel.platform.db.transaction() as conn:
        before = analyses.get(conn, quarrel.analysis)
        copy = verdict == "derivative"
        analyses.conclude(
            conn,
            number,
            analyses.Conclusion(
                verdict=verdict,
                reason="copy_of_earlier" if copy else "no_match",
                similarity_bps=before.similarity_bps or 0 if copy else 1_000,
                tier="high" if copy else "low",
                redirect_bps=before.redirect_bps or 0 if copy else 0,
                matched_work_id=before.matched_work_id if copy and matched else None,
                evidence=b"{}",
                evidence_hash=uuid4().bytes * 2,
                model_digest=bytes(32),
                index_snapshot=1,
                decided_at=quarrel.now + timedelta(seconds=after_s),
            ),
        )
        assert stored.note(conn, number)


def reports_of(quarrel: ChainQuarrel) -> int:
    """How many reports of the post the registry has written."""
    client = quarrel.town.client
    topics = [hexed(client.posts_abi.topic(RECORDED)), hexed(quarrel.post)]
    where = client.deployment.post_registry
    return len(client.logs_between(0, client.head().number, topics=topics, address=where))


def test_a_verdict_that_changes_is_proposed_by_an_arbiter_and_seen_coming(
    quarrel: ChainQuarrel,
) -> None:
    number = rechecked(quarrel, "original")
    db = quarrel.platform.db
    assert reanalyses.carry(db, quarrel.now) == 1
    assert reanalyses.carry(db, quarrel.now) == 0
    with db.transaction() as conn:
        waiting = rulings.find_waiting(conn, quarrel.post)
    assert waiting is not None
    assert (waiting.decided_by, waiting.analysis_id) == (REANALYSIS, number)
    quarrel.drive(3)
    assert quarrel.result().outcome is Outcome.DERIVATIVE, "it can still be vetoed"
    assert ("arbiter", "final", None) in quarrel.calls()
    quarrel.town.wait(3 * DAY_S)
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    assert reports_of(quarrel) == 1


def test_a_verdict_that_stays_or_is_open_asks_nothing_of_the_chain(quarrel: ChainQuarrel) -> None:
    before = quarrel.calls()
    rechecked(quarrel, "derivative")
    assert reanalyses.carry(quarrel.platform.db, quarrel.now) == 0
    quarrel.drive(2)
    assert quarrel.calls() == before
    assert quarrel.platform.rows("select count(*) from reanalyses_waiting") == [(0,)]


def test_what_people_decide_comes_first(quarrel: ChainQuarrel) -> None:
    """What people have been asked about the post comes before what a new analysis says."""
    rechecked(quarrel, "original")
    with quarrel.platform.db.transaction() as conn:
        open_question(
            conn, "review", quarrel.post, original_post_id=None, now=quarrel.now, hold=False
        )
    assert reanalyses.carry(quarrel.platform.db, quarrel.now) == 0
    assert quarrel.platform.rows("select count(*) from reanalyses_waiting") == [(1,)]
    with quarrel.platform.db.transaction() as conn:
        assert stored.list_new(conn, quarrel.now, 1) == [], "what waits takes no place of others"


def test_an_analysis_that_cannot_be_carried_stops_no_other(quarrel: ChainQuarrel) -> None:
    db = quarrel.platform.db
    broken = judged_again(quarrel, "derivative", matched=False)
    good = judged_again(quarrel, "original", after_s=1)
    assert reanalyses.carry(db, quarrel.now) == 1
    with db.transaction() as conn:
        waiting = rulings.find_waiting(conn, quarrel.post)
    assert waiting is not None and waiting.analysis_id == good
    assert quarrel.platform.rows("select kind, subject from operator_alerts") == [
        ("case_failed", f"analysis {broken}")
    ]


def test_only_what_was_attested_is_looked_at(quarrel: ChainQuarrel) -> None:
    quarrel.platform.rows(
        "delete from outbox where analysis_id = %s returning id", quarrel.analysis
    )
    with quarrel.platform.db.transaction() as conn:
        assert not stored.note(conn, quarrel.analysis)


def test_a_verdict_that_changes_back_is_corrected_back(quarrel: ChainQuarrel) -> None:
    db = quarrel.platform.db
    rechecked(quarrel, "original")
    assert reanalyses.carry(db, quarrel.now) == 1
    quarrel.drive(3)
    quarrel.town.wait(3 * DAY_S)
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    quarrel.platform.rows("update rechecks set done_at = null returning id")
    rechecked(quarrel, "derivative")
    assert reanalyses.carry(db, quarrel.now) == 1
    quarrel.drive(3)
    quarrel.town.wait(3 * DAY_S)
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.DERIVATIVE
    assert reports_of(quarrel) == 1


@pytest.mark.parametrize("by", ["the rule at the deadline", "a complete search"])
def test_what_ended_a_review_by_itself_is_no_last_word(
    town: Town, platform: Platform, by: str
) -> None:
    quarrel = make_quarrel(town, platform, undecided=True)
    db = platform.db
    if by == "a complete search":
        number = judged_again(quarrel, "original", after_s=1)
        with db.transaction() as conn:
            analysis = analyses.get(conn, number)
            review = stored_reviews.find_of_analysis(conn, quarrel.analysis)
            assert review is not None and analysis.decided_at is not None
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
                decided_at=analysis.decided_at,
            )
            originality_reviews.follow_verdict(conn, analysis, review.work_id, end, review)
        assert reviews.report_superseded(db, quarrel.now) == 1
        assert reanalyses.carry(db, quarrel.now) == 0, "its own ruling is under way"
    else:
        assert reviews.lapse_due(db, quarrel.now + timedelta(days=7)) == 1
    quarrel.drive(4)
    quarrel.town.wait(8 * DAY_S)
    quarrel.drive(5)
    assert reanalyses.carry(db, quarrel.now) == 0
    assert platform.rows("select count(*) from reanalyses_waiting") == [(0,)]
    number = judged_again(quarrel, "derivative")
    assert reanalyses.carry(db, quarrel.now) == 1
    with db.transaction() as conn:
        waiting = rulings.find_waiting(conn, quarrel.post)
    assert waiting is not None and waiting.analysis_id == number
