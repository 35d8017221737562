"""What becomes known late judges others again: each gets a new decision, with a notice of its own.

Only provisional results: after the time for disputes a ruling changes them, and nothing else.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog

from oracle.jobs import Jobs
from oracle.originality.judge import Judgement
from oracle.rules.decision import Reason, Verdict
from storage.database import Connection, Database
from storage.works import analyses, creators, history
from storage.works.analyses import Newest
from storage.works.works import Work

log = structlog.get_logger()

DISPUTE_WINDOW_S = 7 * 86_400.0  # under a policy that is not the chain's, as for payouts


def queue_affected(
    conn: Connection, jobs: Jobs, judgement: Judgement, work: Work, younger: Sequence[UUID]
) -> None:
    """Judge again what a decision changes for others, in the transaction that writes it: those
    who contest it, and the copies that credit a work which turns out not to be the first.

    Args: younger: works that were judged before this one was known, and that it matches.
    """
    queue_younger(conn, jobs, younger)
    contested = judgement.decision.reason is Reason.CONTESTED
    if not contested and judgement.decision.verdict is not Verdict.DERIVATIVE:
        return
    rivals = [match.work.id for match in judgement.matches if match.rival] if contested else []
    # They pay a creator who is, or may be, the copyist himself.
    copies = analyses.find_dependents(conn, work.id)
    queue(
        conn,
        jobs,
        analyses.find_changeable(conn, rivals + copies, DISPUTE_WINDOW_S, skip_contested=True),
    )


def queue_younger(conn: Connection, jobs: Jobs, younger: Sequence[UUID]) -> None:
    """Judge again works that were judged before an earlier one was known, and the copies of them:
    what those share may be of the earlier one.
    """
    affected = [
        *younger,
        *(copy for one in younger for copy in analyses.find_dependents(conn, one)),
    ]
    queue(conn, jobs, analyses.find_changeable(conn, affected, DISPUTE_WINDOW_S))


def apply_history(db: Database, jobs: Jobs) -> int:
    """Date works by the claims of history whose veto window has passed, judge them again, and find
    the younger ones: also where a work's own result is final, theirs may not be.

    Returns: how many works. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        works = history.apply_due(conn)
        queue(conn, jobs, analyses.find_changeable(conn, works, DISPUTE_WINDOW_S))
        for work_id in works:
            history.add_look(conn, work_id)
            jobs.defer(conn, work_id)
    return len(works)


def apply_merges(db: Database, jobs: Jobs) -> int:
    """Judge again what creators were found to have copied from those who turned out to be the same.

    Returns: how many works. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        works = [
            work_id
            for creator_id in creators.take_merged(conn)
            for work_id in analyses.find_self_accused(conn, creator_id)
        ]
        queue(conn, jobs, analyses.find_changeable(conn, works, DISPUTE_WINDOW_S))
    return len(works)


def queue(conn: Connection, jobs: Jobs, newest: Sequence[Newest]) -> None:
    """Queue a new analysis of each of these; one that is queued sees what is known now."""
    for one in newest:
        if one.status == "queued":
            continue
        before = analyses.get(conn, one.analysis_id)
        analysis = analyses.second_look(before, "index")
        analyses.add(conn, analysis)
        jobs.defer(conn, analysis.id)
        log.info("analysis.again", analysis_id=str(analysis.id), before=str(before.id))
