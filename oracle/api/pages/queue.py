"""Pages of those who decide: the queue, an undecided verdict, a reference that is doubted."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Caller, FraudOfficer, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show, speaking_to
from oracle.api.parties import actor_of, check_side
from oracle.api.routes import queue as routes
from oracle.api.routes import reviews as review_routes
from oracle.api.routes.analyses import load_view
from oracle.api.schemas.queue import AlarmAnswer, CaseKind, NewInterest
from oracle.api.schemas.reviews import QuarantineReason, ReviewDecision, ReviewStatement
from oracle.api.services import ServicesDep
from oracle.appeals.neutral import Reviewer
from oracle.fraud import wording as fraud_wording
from oracle.notices import wording
from oracle.notices.titles import work_name
from oracle.originality import quarantine
from storage import operator_alerts
from storage.cases import quarantines, queue, reviews
from storage.cases.queue import SideHistory
from storage.database import Connection
from storage.fraud import alerts as fraud_alerts
from storage.ledger import ledger
from storage.works import works

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

KINDS = {
    "review": "undecided",
    "claim": "claims",
    "appeal": "appeals",
    "alert": "fraud alerts",
    "alarm": "doubtful references",
}
SIGNALS: dict[str, str] = {str(name): words for name, words in fraud_wording.RULES.items()}
SIGNALS |= wording.GROUNDS | {quarantine.ALARM: "made copyists of many"}
Because = Annotated[str, Form(min_length=10, max_length=4000)]


@router.get("/queue", response_class=HTMLResponse)
def queue_page(
    services: ServicesDep,
    caller: FraudOfficer,
    kind: CaseKind | None = None,
    media_type: Literal["image", "video", "audio", ""] = "",
    mine: bool = False,
    cursor: str | None = None,
) -> str:
    now = datetime.now(UTC)
    view = routes.get_queue(services, caller, kind, media_type or None, cursor)
    with services.db.transaction() as conn:
        record = fraud_alerts.record_by_signal(conn, now - timedelta(days=90))
    following = {"kind": kind, "media_type": media_type, "mine": mine, "cursor": view.next_cursor}
    return show(
        "queue.html",
        caller,
        view=view,
        rows=[case for case in view.cases if not (mine and case.why_not_you)],
        ages={case.id: age(now - case.opened_at) for case in view.cases},
        kinds=KINDS,
        signals=SIGNALS,
        wanted_kind=kind,
        wanted_media=media_type,
        mine=mine,
        next_page=urlencode({name: value for name, value in following.items() if value}),
        record=record,
        declared=routes.list_interests(services, caller),
    )


@router.get("/fraud_alerts")
def alerts_page(_: FraudOfficer) -> RedirectResponse:
    """Lead on from where the queue of alerts was."""
    return RedirectResponse("/queue?kind=alert", status_code=307)


@router.post("/interests")
def interest_form(
    services: ServicesDep,
    caller: FraudOfficer,
    creator: Annotated[str, Form(min_length=1, max_length=256)],
    note: Annotated[str, Form(min_length=1, max_length=2000)],
) -> RedirectResponse:
    routes.declare_interest(services, caller, NewInterest(creator=creator, note=note))
    return RedirectResponse("/queue", status_code=303)


@router.get("/reviews/{review_id}", response_class=HTMLResponse)
def review_page(services: ServicesDep, caller: Reader, review_id: UUID) -> str:
    with services.db.transaction() as conn:
        review = reviews.get(conn, review_id)
        check_side(caller, review.creator_id)
        name = work_name(works.get_work(conn, review.work_id))
        known = ledger.is_booked(conn, review.post_id)
        amount = ledger.waiting(conn, review.post_id).contested if known else None
        sides = sides_for(conn, caller, review.creator_id, review.nearest_creator_id)
        why_not = why_not_for(conn, caller, review.creator_id, review.nearest_creator_id)
    return show(
        "review.html",
        caller,
        review=review_routes.review_view(review),
        title=name,
        amount=amount,
        explanation=load_view(services.db, review.analysis_id, speaking_to(caller)).explanation,
        sides=sides,
        why_not=why_not,
        may_state=review.status == "open"
        and caller.creator_id is not None
        and caller.creator_id == review.creator_id,
        may_decide=review.status == "open" and caller.may("fraud"),
    )


@router.post("/reviews/{review_id}/decide")
def decide_form(
    services: ServicesDep,
    caller: FraudOfficer,
    review_id: UUID,
    outcome: Annotated[Literal["original", "licensed", "derivative"], Form()],
    because: Because,
) -> RedirectResponse:
    decision = ReviewDecision(outcome=outcome, because=because)
    review_routes.decide_review(services, caller, review_id, decision)
    return RedirectResponse(f"/reviews/{review_id}", status_code=303)


@router.post("/reviews/{review_id}/statement")
def statement_form(
    services: ServicesDep,
    caller: Reader,
    review_id: UUID,
    statement: Annotated[str, Form(min_length=1, max_length=10_000)],
) -> RedirectResponse:
    review_routes.add_statement(services, caller, review_id, ReviewStatement(statement=statement))
    return RedirectResponse(f"/reviews/{review_id}", status_code=303)


@router.get("/quarantines/{work_id}", response_class=HTMLResponse)
def quarantine_page(services: ServicesDep, caller: FraudOfficer, work_id: UUID) -> str:
    with services.db.transaction() as conn:
        work = works.get_work(conn, work_id)
        alarm = operator_alerts.find_open(conn, quarantine.ALARM, f"work {work_id}")
        current = quarantines.find_open(conn, work_id)
        copies = quarantines.copies_of(conn, work_id)
        sides = sides_for(conn, caller, work.creator_id)
        why_not = why_not_for(conn, caller, work.creator_id)
    return show(
        "quarantine.html",
        caller,
        work_id=work_id,
        title=work_name(work),
        creator=work.creator,
        media_type=work.media_type,
        alarm=alarm,
        current=current,
        copies=copies,
        sides=sides,
        why_not=why_not,
    )


@router.post("/quarantines/{work_id}")
def alarm_form(
    services: ServicesDep,
    caller: FraudOfficer,
    work_id: UUID,
    outcome: Annotated[Literal["quarantine", "keep"], Form()],
    because: Because,
) -> RedirectResponse:
    answer = AlarmAnswer(outcome=outcome, because=because)
    routes.answer_alarm(services, caller, work_id, answer)
    return RedirectResponse(f"/quarantines/{work_id}", status_code=303)


@router.post("/quarantines/{work_id}/release")
def release_form(
    services: ServicesDep, caller: FraudOfficer, work_id: UUID, because: Because
) -> RedirectResponse:
    review_routes.release_work(services, caller, work_id, QuarantineReason(because=because))
    return RedirectResponse(f"/quarantines/{work_id}", status_code=303)


def sides_for(conn: Connection, caller: Caller, *sides: int | None) -> list[SideHistory]:
    """Return both sides' histories for a reviewer; a creator sees none."""
    if caller.creator_id is not None or not caller.may("fraud"):
        return []
    named = dict.fromkeys(side for side in sides if side is not None)
    return [queue.history_of(conn, side) for side in named]


def why_not_for(conn: Connection, caller: Caller, *sides: int | None) -> str | None:
    """Return why a reviewer may not decide between these, None if they may, or are none."""
    return Reviewer(conn, actor_of(caller)).why_not(*sides) if caller.may("fraud") else None


def age(span: timedelta) -> str:
    """Return how long something waits, in words."""
    hours = int(span.total_seconds() // 3600)
    if hours < 1:
        return "less than an hour"
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
