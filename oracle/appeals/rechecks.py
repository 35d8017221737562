"""Re-checks on their way to the chain: a verdict that changed is a correction there, which can be
seen coming and vetoed, and never a second attestation.
"""

from datetime import datetime

import structlog

from oracle.appeals.rulings import Found, decide_work
from oracle.originality.attestation import account_of
from oracle.rules.decision import Verdict
from storage.cases import appeals, rulings
from storage.chain import outbox
from storage.database import Connection, Database
from storage.works import analyses, works
from storage.works.analyses import Analysis

log = structlog.get_logger()

BY = "the oracle's re-analysis"
BATCH = 50


def carry(db: Database, now: datetime) -> int:
    """Have an arbiter's key propose what re-checks found otherwise than the chain was told.

    Left out is what people decide or have decided, what still cannot be decided, and what is not on
    chain. Returns: how many corrections begin. Raises: DatabaseUnavailable.
    """
    begun = 0
    with db.transaction() as conn:
        for number, before_id, after_id in appeals.decided_rechecks(conn, BATCH):
            before, after = analyses.get(conn, before_id), analyses.get(conn, after_id)
            if _changed(before, after) and _is_ours(conn, after):
                _correct(conn, after, now)
                begun += 1
            appeals.mark_recheck_carried(conn, number)
    return begun


def _changed(before: Analysis, after: Analysis) -> bool:
    def said(analysis: Analysis) -> tuple[object, ...]:
        return analysis.verdict, analysis.matched_work_id, analysis.redirect_bps

    return after.verdict != Verdict.UNDECIDED and said(before) != said(after)


def _is_ours(conn: Connection, after: Analysis) -> bool:
    """Whether the oracle's word counts about this post, on chain."""
    return (
        outbox.goes_on_chain(conn, after.post_id)
        and rulings.find_waiting(conn, after.post_id) is None
        and not rulings.changes(conn, after.post_id)
    )


def _correct(conn: Connection, after: Analysis, now: datetime) -> None:
    assert after.verdict is not None
    original = None
    if after.verdict == Verdict.DERIVATIVE and after.matched_work_id is not None:
        original = works.get_work(conn, after.matched_work_id)
    decide_work(
        conn,
        after.post_id,
        Found(
            verdict=after.verdict,
            similarity_bps=after.similarity_bps or 0,
            original_post_id=original.post_id if original else None,
            original_account=account_of(original) if original else None,
        ),
        reason="The work that the verdict rested on was found not to be the original; a new"
        f" analysis ({after.id}) says {after.verdict}.",
        decided_by=BY,
        now=now,
        analysis_id=after.id,
    )
    log.info("recheck.carried", analysis_id=str(after.id), verdict=after.verdict)
