"""Analyses made again: of what an incomplete search left undecided, and of what rested on a
wrong reference.
"""

from uuid import UUID, uuid4

import structlog

from oracle.jobs import Jobs
from storage.cases import appeals
from storage.database import Connection, Database
from storage.works import analyses, policies
from storage.works.analyses import NewAnalysis

log = structlog.get_logger()

BATCH = 50


def queue_incomplete(db: Database, jobs: Jobs, *, limit: int = BATCH) -> int:
    """Queue one re-analysis of each analysis that could not look at everything and now could.

    It is of the same work at its own sequence number, under the policy that the first one was
    under. It is no report to the contract, which has an answer: there the creator, or whoever
    asked, asks again without a URI. The ledger follows it like any verdict, for what is earned from
    then on.

    Returns: how many were queued. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        due = analyses.find_incomplete(conn, limit)
        for analysis_id in due:
            before, again = analyses.get(conn, analysis_id), uuid4()
            analyses.add(
                conn,
                NewAnalysis(
                    again,
                    "index",
                    before.post_id,
                    before.creator_id,
                    before.media_type,
                    before.policy_version,
                    before.threshold_bps,
                    before.base_redirect_bps,
                    work_id=before.work_id,
                    reanalysis_of=analysis_id,
                ),
            )
            jobs.defer(conn, again)
            log.info("analysis.again", analysis_id=str(again), before=str(analysis_id))
    return len(due)


def queue_rechecks(db: Database, jobs: Jobs, *, limit: int = BATCH) -> int:
    """Queue a re-analysis of each decision that rests on a reference which an appeal found wrong.

    They are new analyses of the same works under the policy of today, judged like any other and not
    sent to the chain; what they come to changes the post's terms unless an appeal has ruled on it.

    Returns: how many were queued. Raises: PolicyUnknown, DatabaseUnavailable.
    """
    queued = 0
    with db.transaction() as conn:
        for number, analysis_id in appeals.open_rechecks(conn, limit):
            queued += _queue_recheck(conn, jobs, analysis_id)
            appeals.recheck_done(conn, number)
    return queued


def _queue_recheck(conn: Connection, jobs: Jobs, analysis_id: UUID) -> bool:
    before = analyses.get(conn, analysis_id)
    if before.work_id is None:
        return False
    policy, again = policies.current(conn, before.media_type), uuid4()
    analyses.add(
        conn,
        NewAnalysis(
            again,
            "index",
            before.post_id,
            before.creator_id,
            before.media_type,
            policy.version,
            policy.threshold_bps,
            policy.base_redirect_bps,
            work_id=before.work_id,
        ),
    )
    jobs.defer(conn, again)
    log.info("appeal.recheck", analysis_id=str(again), before=str(analysis_id))
    return True
