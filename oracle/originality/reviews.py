"""Undecided is a state with an end: a review opens with the verdict, and ends in an analysis.

How a review ends is written as an analysis of its own (source "review"), so that whatever follows
verdicts follows it; its evidence says who decided and why.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog

from oracle.chain.core.report import ZERO_HASH
from oracle.notices.actors import MACHINE
from oracle.originality.evidence import digest, ruling_evidence
from oracle.rules.deadlines import DISPUTE_WINDOW
from oracle.rules.decision import Reason, Verdict, tier_of
from oracle.rules.review import held_bps
from storage.cases import reviews, rulings
from storage.cases.reviews import NewReview, Review
from storage.database import Connection
from storage.works import analyses, policies, works
from storage.works.analyses import Analysis, Conclusion

log = structlog.get_logger()

# What is undecided for these is so whatever was decided before.
REOPENS = (Reason.CONTESTED, Reason.QUARANTINED)


def follow_verdict(
    conn: Connection,
    analysis: Analysis,
    work_id: UUID,
    conclusion: Conclusion,
    review: Review | None,
) -> None:
    """Open a review of what could not be decided, or end the open one that an analysis answers.

    Call it in the transaction that concludes the analysis. A work that was decided before keeps
    that verdict, and needs no review; unless another creator has come to claim the same content,
    or it rested on a work that is in quarantine now. What two contest has one review: asking again
    must not keep money waiting.
    """
    now = conclusion.decided_at
    if conclusion.verdict != Verdict.UNDECIDED:
        if review is not None:
            _supersede(conn, analysis, conclusion, review)
        return
    reopens = conclusion.reason in REOPENS
    if reviews.has_lapsed(conn, work_id) or (not reopens and reviews.is_decided(conn, work_id)):
        return
    terms = policies.find_terms(conn, analysis.policy_version)
    window = DISPUTE_WINDOW if terms is None else timedelta(seconds=terms.dispute_window_s)
    reviews.add(
        conn,
        NewReview(
            id=uuid4(),
            analysis_id=analysis.id,
            work_id=work_id,
            post_id=analysis.post_id,
            creator_id=analysis.creator_id,
            reason=conclusion.reason,
            held_bps=held_bps(
                conclusion.similarity_bps, analysis.threshold_bps, analysis.base_redirect_bps
            ),
            opened_at=now,
            # The contract holds the share for as long, and frees it then.
            decide_by=now + window,
        ),
    )


def rule(
    conn: Connection,
    review: Review,
    outcome: Verdict,
    redirect_bps: int,
    *,
    reason: Reason,
    decided_by: str,
    because: str,
    now: datetime,
) -> UUID:
    """Write how a review ends; the caller tells the contract. Returns: the analysis it ends in.

    The review must be open and locked.
    """
    before = analyses.get(conn, review.analysis_id)
    work = works.get_work(conn, review.work_id)
    ruling = analyses.second_look(before, "review")
    conclusion = Conclusion(
        verdict=outcome,
        reason=reason,
        similarity_bps=review.similarity_bps,
        tier=tier_of(review.similarity_bps),
        redirect_bps=redirect_bps,
        matched_work_id=review.nearest_work_id,
        evidence=b"",
        evidence_hash=b"",
        model_digest=before.model_digest or ZERO_HASH,
        index_snapshot=work.sequence,
        decided_at=now,
    )
    evidence = ruling_evidence(
        ruling, before, work, conclusion, decided_by=decided_by, because=because
    )
    conclusion = replace(conclusion, evidence=evidence, evidence_hash=digest(evidence))
    analyses.add(conn, ruling)
    analyses.conclude(conn, ruling.id, conclusion)
    reviews.close(
        conn,
        review.id,
        status="decided",
        outcome=outcome,
        decided_by=decided_by,
        because=because,
        ended_by=ruling.id,
        now=now,
    )
    reviews.mark_reported(conn, review.id)
    log.info("review.decided", review_id=str(review.id), outcome=outcome, by=decided_by)
    return ruling.id


def _supersede(
    conn: Connection, analysis: Analysis, conclusion: Conclusion, review: Review
) -> None:
    reviews.close(
        conn,
        review.id,
        status="superseded",
        outcome=conclusion.verdict,
        decided_by=MACHINE,
        because="A later analysis could decide.",
        ended_by=analysis.id,
        now=conclusion.decided_at,
    )
    # A request's goes on chain by itself, unless what waits there for the review must be answered.
    if analysis.source != "index" and rulings.find_of_review(conn, review.post_id) is None:
        reviews.mark_reported(conn, review.id)
