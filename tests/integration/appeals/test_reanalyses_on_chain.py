"""A re-check that changes a verdict is a correction on chain, not a second attestation."""

from uuid import UUID, uuid4

import pytest
from support.platform import Platform
from support.quarrels import ChainQuarrel, make_quarrel
from support.town import DAY_S, Town

from oracle.appeals import reanalyses
from oracle.appeals.rulings import open_question
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import hexed
from oracle.chain.rpc.client import RECORDED
from oracle.jobs import Jobs
from oracle.notices.actors import REANALYSIS
from oracle.originality import reanalysis
from storage.cases import rulings
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
    """The work is judged once more, as the worker would."""
    assert reanalysis.queue_rechecks(quarrel.platform.db, Jobs(quarrel.platform.db.dsn)) == 1
    ((number,),) = quarrel.platform.rows("select id from analyses where status = 'queued'")
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
                matched_work_id=before.matched_work_id if copy else None,
                evidence=b"{}",
                evidence_hash=uuid4().bytes * 2,
                model_digest=bytes(32),
                index_snapshot=1,
                decided_at=quarrel.now,
            ),
        )
    return UUID(str(number))


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
    assert quarrel.platform.rows("select count(*) from reanalyses_carried") == [(1,)]


def test_what_people_decide_comes_first(quarrel: ChainQuarrel) -> None:
    """What people have been asked about the post comes before what a new analysis says."""
    rechecked(quarrel, "original")
    with quarrel.platform.db.transaction() as conn:
        open_question(
            conn, "review", quarrel.post, original_post_id=None, now=quarrel.now, hold=False
        )
    assert reanalyses.carry(quarrel.platform.db, quarrel.now) == 0
    assert quarrel.platform.rows("select count(*) from reanalyses_carried") == [(0,)]


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
