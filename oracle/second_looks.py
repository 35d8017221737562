"""What an incomplete search left undecided is judged again, once, when what was missing has come."""

from uuid import uuid4

import structlog

from oracle.jobs import Jobs
from storage import analyses
from storage.analyses import NewAnalysis
from storage.database import Database

log = structlog.get_logger()

AT_ONCE = 50


def queue_due(db: Database, jobs: Jobs, *, limit: int = AT_ONCE) -> int:
    """Queue a second look at each analysis that could not look at everything and now could.

    It is of the same work at its own place in the order, under the policy that the first one was under. It is no
    report to the contract, which has an answer: there the creator, or whoever asked, asks again without a URI. The
    books follow it like any verdict, for what is earned from then on.

    Returns: how many were queued. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        due = analyses.find_incomplete(conn, limit)
        for analysis_id in due:
            before, again = analyses.get(conn, analysis_id), uuid4()
            analyses.add(conn, NewAnalysis(
                again, "index", before.post_id, before.creator_id, before.media_type, before.policy_version,
                before.threshold_bps, before.base_redirect_bps, work_id=before.work_id, again_of=analysis_id,
            ))  # fmt: skip
            jobs.defer(conn, again)
            log.info("analysis.again", analysis_id=str(again), before=str(analysis_id))
    return len(due)
