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
    if younger:
        # Those that copy one of them: what they share may be of this work.
        affected = [
            *younger,
            *(copy for one in younger for copy in analyses.find_dependents(conn, one)),
        ]
        queue(conn, jobs, analyses.find_changeable(conn, affected, DISPUTE_WINDOW_S))
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


def apply_history(db: Database, jobs: Jobs) -> int:
    """Date works by the claims of history whose veto window has passed, and judge them, and with
    them the younger ones, again.

    Returns: how many works. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        works = history.apply_due(conn)
        queue(conn, jobs, analyses.find_changeable(conn, works, DISPUTE_WINDOW_S), late=True)
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


def queue(conn: Connection, jobs: Jobs, newest: Sequence[Newest], *, late: bool = False) -> None:
    """Queue a new analysis of each of these; one that is queued sees what is known now."""
    for one in newest:
        if one.status == "queued":
            if late:
                analyses.mark_late(conn, one.analysis_id)
            continue
        before = analyses.get(conn, one.analysis_id)
        analysis = analyses.second_look(before, "index", late=late)
        analyses.add(conn, analysis)
        jobs.defer(conn, analysis.id)
        log.info("analysis.again", analysis_id=str(analysis.id), before=str(before.id))
