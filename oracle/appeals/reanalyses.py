"""Re-analyses on their way to the chain: a verdict that changed is a correction there, which can be
seen coming and vetoed, and never a second attestation.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from oracle.appeals.apart import AGAIN_AFTER, apart
from oracle.appeals.rulings import decide_work, found_by
from oracle.notices.actors import MACHINE, REANALYSIS, RULES
from oracle.rules.decision import Verdict
from storage.cases import rulings
from storage.chain import reanalyses
from storage.database import Connection, Database
from storage.works import analyses
from storage.works.analyses import Analysis

log = structlog.get_logger()

# No person's decision: what a later analysis says takes its place.
AUTOMATIC = (REANALYSIS, MACHINE, RULES)
BATCH = 50


def carry(db: Database, now: datetime) -> int:
    """Have an arbiter's key propose what re-analyses found otherwise than the chain was told.

    Left out is what people decide or have decided, what was undecided, which has a review of its
    own, or still is, and what is not on chain. Each in a transaction of its own.

    Returns: how many corrections begin. Raises: DatabaseUnavailable.
    """
    begun = 0
    with db.transaction() as conn:
        new = reanalyses.list_new(conn, now, BATCH)
    for told_id, analysis_id in new:
        later = partial(reanalyses.postpone, analysis_id=analysis_id, until=now + AGAIN_AFTER)
        with apart(db, f"analysis {analysis_id}", now, later), db.transaction() as conn:
            begun += _carry_one(conn, told_id, analysis_id, now)
    return begun


def _carry_one(conn: Connection, told_id: UUID, analysis_id: UUID, now: datetime) -> bool:
    after = analyses.get(conn, analysis_id)
    if rulings.find_waiting(conn, after.post_id) is not None:
        return False  # looked at again once that is in force
    if not reanalyses.take(conn, analysis_id):
        return False  # another process was faster
    before = _ours_in_force(conn, after.post_id, told_id)
    if before is None or not _changed(before, after):
        return False
    _correct(conn, after, now)
    return True


def _ours_in_force(conn: Connection, post_id: bytes, told_id: UUID) -> Analysis | None:
    """The analysis that the contract goes by; None where that is what people decided."""
    changes = rulings.changes(conn, post_id)
    if not changes:
        return analyses.get(conn, told_id)
    ruling = rulings.get(conn, changes[-1].ruling_id) if changes[-1].ruling_id else None
    if ruling is None or ruling.decided_by not in AUTOMATIC or ruling.analysis_id is None:
        return None
    return analyses.get(conn, ruling.analysis_id)


def _changed(before: Analysis, after: Analysis) -> bool:
    def said(analysis: Analysis) -> tuple[object, ...]:
        return analysis.verdict, analysis.matched_work_id, analysis.redirect_bps

    undecided = Verdict.UNDECIDED in (before.verdict, after.verdict)
    return not undecided and said(before) != said(after)


def _correct(conn: Connection, after: Analysis, now: datetime) -> None:
    decide_work(
        conn,
        after.post_id,
        found_by(conn, after),
        reason=f"A new analysis ({after.id}), with what is known by now, says {after.verdict}.",
        decided_by=REANALYSIS,
        now=now,
        analysis_id=after.id,
    )
    log.info("reanalysis.carried", analysis_id=str(after.id), verdict=after.verdict)
