"""Decisions that rest on a reference which misled us once are made again."""

from uuid import uuid4

import structlog

from oracle.jobs import Jobs
from storage import analyses, appeals, policies
from storage.database import Database

log = structlog.get_logger()


def queue_due(db: Database, jobs: Jobs, *, limit: int = 50) -> int:
    """Put the decisions to check again into the queue, as new analyses of the same works under the policy of today.

    They are judged like any other and are not sent to the chain; what they come to changes the post's terms unless an
    appeal has ruled on it. Returns: how many were queued. Raises: PolicyUnknown, DatabaseUnavailable.
    """
    queued = 0
    with db.transaction() as conn:
        for number, analysis_id in appeals.open_rechecks(conn, limit):
            before = analyses.get(conn, analysis_id)
            if before.work_id is not None:
                policy = policies.current(conn, before.media_type)
                again = uuid4()
                analyses.add(conn, analyses.NewAnalysis(
                    again, "index", before.post_id, before.creator_id, before.media_type, policy.version,
                    policy.threshold_bps, policy.base_redirect_bps, work_id=before.work_id,
                ))  # fmt: skip
                jobs.defer(conn, again)
                log.info("appeal.recheck", analysis_id=str(again), before=str(analysis_id))
                queued += 1
            appeals.recheck_done(conn, number)
    return queued
