"""Re-analyses: of what an incomplete search left undecided, and of what rested on a wrong
reference.
"""

from uuid import UUID, uuid4

import structlog

from oracle.jobs import Jobs
from storage.cases import appeals
from storage.chain import outbox
from storage.database import Connection, Database
from storage.works import analyses, policies
from storage.works.analyses import Analysis, NewAnalysis
from storage.works.policies import Policy

log = structlog.get_logger()

BATCH = 50


def queue_incomplete(db: Database, jobs: Jobs, *, limit: int = BATCH) -> int:
    """Queue one re-analysis of each analysis that could not look at everything and now could.

    It is of the same work at its own sequence number, under the policy that the first one was
    under. It is no report to the contract, which has an answer: there the creator, or the client
    that asked, asks again without a URI. The ledger follows it like any verdict, for what is earned
    from then on.

    Returns: how many were queued. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        due = analyses.find_incomplete(conn, limit)
        for analysis_id in due:
            before = analyses.get(conn, analysis_id)
            reanalysis = _queue(conn, jobs, before, before.policy, reanalysis_of=analysis_id)
            log.info("analysis.again", analysis_id=str(reanalysis), before=str(analysis_id))
    return len(due)


def queue_out_of_policy(db: Database, jobs: Jobs, *, limit: int = BATCH) -> int:
    """Queue a new decision where the contract took no attestation since its policy had ended.

    It is of the same work at its own sequence number, under the policy in force, and attested like
    an upload.

    Returns: how many were queued. Raises: PolicyUnknown, DatabaseUnavailable.
    """
    queued = 0
    with db.transaction() as conn:
        for analysis_id in outbox.list_out_of_policy(conn, limit):
            before = analyses.get(conn, analysis_id)
            policy = policies.current(conn, before.media_type)
            if policy.version == before.policy_version:
                continue  # the one that followed it was not read yet
            queued += 1
            reanalysis = _queue(
                conn, jobs, before, policy, reanalysis_of=analysis_id, source=before.source
            )
            log.info("analysis.policy_ended", analysis_id=str(reanalysis), before=str(analysis_id))
    return queued


def queue_rechecks(db: Database, jobs: Jobs, *, limit: int = BATCH) -> int:
    """Queue a re-analysis of each decision that rests on a reference which an appeal found wrong.

    They are new analyses of the same works under the policy of today, judged like any other. What
    they come to changes the post's terms unless an appeal has ruled on it; on chain it is no second
    attestation but a correction (`oracle.appeals.reanalyses`).

    Returns: how many were queued. Raises: PolicyUnknown, DatabaseUnavailable.
    """
    queued = 0
    with db.transaction() as conn:
        for number, analysis_id in appeals.open_rechecks(conn, limit):
            queued += _queue_recheck(conn, jobs, analysis_id)
            appeals.close_recheck(conn, number)
    return queued


def _queue_recheck(conn: Connection, jobs: Jobs, analysis_id: UUID) -> bool:
    before = analyses.get(conn, analysis_id)
    if before.work_id is None:
        return False
    reanalysis = _queue(conn, jobs, before, policies.current(conn, before.media_type))
    log.info("appeal.recheck", analysis_id=str(reanalysis), before=str(analysis_id))
    return True


def _queue(
    conn: Connection,
    jobs: Jobs,
    before: Analysis,
    policy: Policy,
    *,
    reanalysis_of: UUID | None = None,
    source: str = "index",  # of which nothing goes to the chain
) -> UUID:
    analysis = NewAnalysis(
        id=uuid4(),
        source=source,
        post_id=before.post_id,
        creator_id=before.creator_id,
        media_type=before.media_type,
        policy_version=policy.version,
        threshold_bps=policy.threshold_bps,
        base_redirect_bps=policy.base_redirect_bps,
        work_id=before.work_id,
        reanalysis_of=reanalysis_of,
    )
    analyses.add(conn, analysis)
    jobs.defer(conn, analysis.id)
    return analysis.id
