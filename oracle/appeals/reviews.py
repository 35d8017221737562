"""Undecided verdicts end: a person without a part in it decides, or the rule at the deadline."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from oracle.appeals import rulings
from oracle.appeals.apart import AGAIN_AFTER, apart, lapse_each
from oracle.appeals.errors import AccuserCannotDecide, NotYourCase, StepNotPossible, TooLate
from oracle.appeals.neutral import Reviewer, check_neutral
from oracle.notices.actors import RULES
from oracle.notices.render import day
from oracle.originality import reviews as originality_reviews
from oracle.rules.decision import Reason, Verdict
from oracle.rules.review import OutcomeNotPossible, at_deadline, ruled_redirect_bps
from storage.cases import reviews, settlements
from storage.cases import rulings as stored_rulings
from storage.cases.reviews import Review
from storage.chain import outbox
from storage.database import Connection, Database
from storage.fraud import audit_log
from storage.works import analyses, authors, works


@dataclass(frozen=True)
class Outcome:
    """How a review ended: the analysis that says so, and what the post's creator loses by it."""

    analysis_id: UUID
    verdict: Verdict
    redirect_bps: int


def decide(
    conn: Connection, review_id: UUID, *, outcome: str, actor: str, because: str, now: datetime
) -> Outcome:
    """End a review by a person's decision: the ledger, the chain and the notices follow it.

    Where it is no copy the pair is settled. What a person calls a copy can be disputed and appealed
    like any verdict, and ends a settlement of the pair.

    Raises: NotYourCase for either side, ConflictOfInterest, AccuserCannotDecide, StepNotPossible,
        NotFound.
    """
    review = reviews.get(conn, review_id, lock=True)
    if review.status != "open":
        raise StepNotPossible(f"This review has ended: {review.outcome}, by {review.decided_by}.")
    check_neutral(conn, actor, review.creator_id, review.nearest_creator_id)
    if Reviewer(conn, actor).had_a_part(stored_rulings.vetoed(conn, review.post_id)):
        raise AccuserCannotDecide("You decided this before; somebody else has to decide it now.")
    before = analyses.get(conn, review.analysis_id)
    try:
        redirect = ruled_redirect_bps(
            Verdict(outcome),
            similarity_bps=review.similarity_bps,
            threshold_bps=before.threshold_bps,
            base_bps=before.base_redirect_bps,
            poster_id=review.creator_id,
            original_creator_id=review.nearest_creator_id,
            original_is_copy=bool(authors.behind(conn, [review.nearest_work_id]))
            if review.nearest_work_id
            else False,
        )
    except OutcomeNotPossible as exc:
        raise StepNotPossible(f"{exc} Nothing was decided; find it original or licensed.") from exc
    ended = _end(conn, review, Verdict(outcome), redirect, Reason.REVIEWED, actor, because, now)
    if review.nearest_work_id is not None and review.similarity_bps >= before.threshold_bps:
        if outcome == Verdict.DERIVATIVE:
            settlements.end(
                conn, review.work_id, review.nearest_work_id, by=actor, because=because, now=now
            )
        elif outcome == Verdict.ORIGINAL:
            settlements.add(
                conn,
                review.work_id,
                review.nearest_work_id,
                appeal_id=None,
                decided_by=actor,
                now=now,
            )
    return ended


def add_statement(conn: Connection, review_id: UUID, *, creator_id: int, statement: str) -> None:
    """Record what the post's creator has to say. Raises: NotYourCase, TooLate, NotFound."""
    review = reviews.get(conn, review_id)
    if review.creator_id != creator_id:
        raise NotYourCase("Only the creator of the post is asked about it.")
    if not reviews.add_statement(conn, review_id, statement):
        raise TooLate("This review has ended; nothing was kept.")


def lapse_due(db: Database, now: datetime) -> int:
    """End the reviews that no person decided in time, by the rule: nobody is accused.

    Returns: how many. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        due = reviews.overdue(conn, now)
    return lapse_each(db, "review", due, _lapse, now)


def hold_reopened(db: Database, now: datetime) -> int:
    """Have the contract hold what waits for a review, of posts that it takes for decided: whoever
    they copy is in quarantine, or another creator has come to claim the same content.

    Each in a transaction of its own. Returns: how many. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = reviews.unheld(conn)
    held = 0
    for review_id in waiting:
        with apart(db, f"review {review_id}", now), db.transaction() as conn:
            held += hold(conn, reviews.get(conn, review_id, lock=True), now)
    return held


def hold(conn: Connection, review: Review, now: datetime) -> bool:
    """Have a share wait on chain for a review. Returns: False where it cannot, or does already."""
    waits = stored_rulings.find_waiting(conn, review.post_id) is not None
    if review.status != "open" or review.nearest_work_id is None or waits:
        return False
    original = works.get_work(conn, review.nearest_work_id)
    rulings.open_question(
        conn,
        "review",
        review.post_id,
        original_post_id=original.post_id,
        now=now,
        analysis_id=review.analysis_id,
    )
    return True


def report_superseded(db: Database, now: datetime) -> int:
    """Tell the contract of posts that a complete search could decide after all.

    Each in a transaction of its own. Returns: how many. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = reviews.unreported(conn, now)
    told = 0
    for review_id in waiting:
        later = partial(reviews.report_later, review_id=review_id, until=now + AGAIN_AFTER)
        with apart(db, f"review {review_id}", now, later), db.transaction() as conn:
            review = reviews.get(conn, review_id, lock=True)
            assert review.ended_by is not None and review.decided_by and review.because
            if not reviews.mark_reported(conn, review_id):
                continue
            if outbox.goes_on_chain(conn, review.post_id):
                _carry_out(
                    conn,
                    review,
                    review.ended_by,
                    decided_by=review.decided_by,
                    because=review.because,
                    now=now,
                )
                told += 1
    return told


def _lapse(conn: Connection, review_id: UUID, now: datetime) -> bool:
    review = reviews.get(conn, review_id, lock=True)
    if review.status != "open" or review.decide_by > now:
        return False  # another process was faster
    because = f"Nobody decided it by {day(review.decide_by)}: a doubt alone accuses nobody."
    verdict = at_deadline(review.reason)
    _end(conn, review, verdict, 0, Reason.REVIEW_LAPSED, RULES, because, now)
    return True


def _end(
    conn: Connection,
    review: Review,
    verdict: Verdict,
    redirect_bps: int,
    reason: Reason,
    actor: str,
    because: str,
    now: datetime,
) -> Outcome:
    ruling = originality_reviews.rule(
        conn,
        review,
        verdict,
        redirect_bps,
        reason=reason,
        decided_by=actor,
        because=because,
        now=now,
    )
    _carry_out(conn, review, ruling, decided_by=actor, because=because, now=now)
    audit_log.append(
        conn,
        at=now,
        actor=actor,
        step="review",
        reason_code=verdict,
        text=because,
        facts={
            "review_id": str(review.id),
            "analysis_id": str(review.analysis_id),
            "ended_by": str(ruling),
            "redirect_bps": redirect_bps,
        },
    )
    return Outcome(ruling, verdict, redirect_bps)


def _carry_out(
    conn: Connection,
    review: Review,
    analysis_id: UUID,
    *,
    decided_by: str,
    because: str,
    now: datetime,
) -> None:
    """Tell the contract what an analysis says, or where the post is not there the ledger."""
    rulings.decide_work(
        conn,
        review.post_id,
        rulings.found_by(conn, analyses.get(conn, analysis_id)),
        reason=because,
        decided_by=decided_by,
        now=now,
        analysis_id=analysis_id,
    )
