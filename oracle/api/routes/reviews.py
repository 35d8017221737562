"""Reviews of what could not be decided: the queue of reviewers, and the creators' own cases."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from oracle.api.access import FraudOfficer, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.parties import actor_of, check_side, own_creator
from oracle.api.schemas.reviews import (
    JudgedAgain,
    QuarantineList,
    QuarantineReason,
    QuarantineView,
    ReviewDecision,
    ReviewPage,
    ReviewStatement,
    ReviewView,
)
from oracle.api.services import ServicesDep
from oracle.appeals import reviews as appeals_reviews
from oracle.appeals.neutral import check_neutral
from oracle.notices import wording
from oracle.originality import quarantine
from storage.cases import quarantines, reviews
from storage.cases.reviews import Review
from storage.works import works

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["reviews"])


@router.get("/reviews", summary="What waits for a reviewer, nearest deadline first")
def list_reviews(
    services: ServicesDep,
    _: FraudOfficer,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ReviewPage:
    with services.db.transaction() as conn:
        listed = reviews.list_open(conn, limit + 1, after=read_cursor(cursor, UUID))
    last = listed[limit - 1] if len(listed) > limit else None
    return ReviewPage(
        reviews=[review_view(review) for review in listed[:limit]],
        next_cursor=write_cursor(last.decide_by, last.id) if last else None,
    )


@router.get("/reviews/{review_id}", summary="One review; also for the creator of the post")
def get_review(services: ServicesDep, caller: Reader, review_id: UUID) -> ReviewView:
    with services.db.transaction() as conn:
        review = reviews.get(conn, review_id)
    check_side(caller, review.creator_id)
    return review_view(review)


@router.post("/reviews/{review_id}/statement", summary="Say what helps to decide, as the creator")
def add_statement(
    services: ServicesDep, caller: Reader, review_id: UUID, body: ReviewStatement
) -> ReviewView:
    with services.db.transaction() as conn:
        creator_id = own_creator(caller, body.creator)
        appeals_reviews.add_statement(
            conn, review_id, creator_id=creator_id, statement=body.statement
        )
        return review_view(reviews.get(conn, review_id))


@router.post("/reviews/{review_id}/decide", summary="Decide what the oracle could not")
def decide_review(
    services: ServicesDep, caller: FraudOfficer, review_id: UUID, body: ReviewDecision
) -> ReviewView:
    with services.db.transaction() as conn:
        appeals_reviews.decide(
            conn,
            review_id,
            outcome=body.outcome,
            actor=actor_of(caller),
            because=body.because,
            now=datetime.now(UTC),
        )
        return review_view(reviews.get(conn, review_id))


@router.get("/quarantines", summary="Works by which nobody is accused now, and those that were")
def list_quarantines(
    services: ServicesDep, _: FraudOfficer, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> QuarantineList:
    with services.db.transaction() as conn:
        listed = quarantines.list_all(conn, limit)
    return QuarantineList(quarantines=[QuarantineView(**vars(each)) for each in listed])


@router.post("/works/{work_id}/quarantine", summary="Stop a bad reference in one step")
def quarantine_work(
    services: ServicesDep, caller: FraudOfficer, work_id: UUID, body: QuarantineReason
) -> JudgedAgain:
    with services.db.transaction() as conn:
        check_neutral(conn, actor_of(caller), works.get_work(conn, work_id).creator_id)
        again = quarantine.quarantine(
            conn, work_id, by=actor_of(caller), because=body.because, now=datetime.now(UTC)
        )
    return JudgedAgain(work_id=work_id, judged_again=again)


@router.post("/works/{work_id}/release", summary="Undo a quarantine")
def release_work(
    services: ServicesDep, caller: FraudOfficer, work_id: UUID, body: QuarantineReason
) -> JudgedAgain:
    with services.db.transaction() as conn:
        check_neutral(conn, actor_of(caller), works.get_work(conn, work_id).creator_id)
        again = quarantine.release(
            conn, work_id, by=actor_of(caller), because=body.because, now=datetime.now(UTC)
        )
    return JudgedAgain(work_id=work_id, judged_again=again)


def review_view(review: Review) -> ReviewView:
    """Build the API's view of a review."""
    shown = {
        name: getattr(review, name) for name in ReviewView.model_fields if hasattr(review, name)
    }
    return ReviewView(
        **shown
        | {
            "post_id": "0x" + review.post_id.hex(),
            "would_help": wording.would_help(review.reason, review.media_type),
        }
    )
