"""The reviewers' queue: everything that waits for a person, and who may not decide it."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from oracle.api.access import Caller, FraudOfficer
from oracle.api.boundary import BoundedRoute
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.parties import actor_of, check_own
from oracle.api.schemas.queue import (
    AlarmAnswer,
    CaseKind,
    CaseView,
    InterestView,
    NewInterest,
    QueueView,
    SideView,
    case_view,
)
from oracle.api.services import ServicesDep
from oracle.appeals import neutral
from oracle.appeals.neutral import Reviewer, check_neutral
from oracle.errors import NotAllowed
from oracle.notices.actors import display_name, key_actor
from oracle.originality import quarantine
from oracle.originality.naming import find_creator
from storage.cases import interests, queue
from storage.cases.queue import QueuedCase
from storage.database import Connection
from storage.errors import NotFound
from storage.works import works

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["reviews"])

HAD_A_PART = "You had a part in this; another reviewer has to decide."


@router.get("/queue", summary="All that waits for a reviewer, nearest deadline first")
def get_queue(
    services: ServicesDep,
    caller: FraudOfficer,
    kind: CaseKind | None = None,
    media_type: Literal["image", "video", "audio"] | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> QueueView:
    with services.db.transaction() as conn:
        found = queue.page(
            conn, kind=kind, media_type=media_type, after=read_cursor(cursor, UUID), limit=limit + 1
        )
        views = views_of(conn, caller, found[:limit])
        waiting = queue.counts(conn)
    last = found[limit - 1] if len(found) > limit else None
    return QueueView(
        cases=views,
        waiting=waiting,
        next_cursor=write_cursor(queue.due_of(last), last.id) if last else None,
    )


@router.get("/sides/{creator}", summary="What became of a creator's works and cases so far")
def get_side(services: ServicesDep, caller: FraudOfficer, creator: str) -> SideView:
    if caller.creator_id is not None:  # who is a creator sees what became of themselves alone
        check_own(caller, creator)
    with services.db.transaction() as conn:
        return SideView(**vars(queue.history_of(conn, _creator(conn, creator))))


@router.get("/interests", summary="Declared stakes of reviewers; of all with the scope admin")
def list_interests(services: ServicesDep, caller: FraudOfficer) -> list[InterestView]:
    with services.db.transaction() as conn:
        declared = (
            interests.list_declared(conn)
            if caller.may("admin")
            else Reviewer(conn, actor_of(caller)).interests()
        )
    return [
        InterestView(
            reviewer=display_name(one.actor),
            creator=one.creator,
            note=one.note,
            declared_by=one.declared_by,
            declared_at=one.declared_at,
        )
        for one in declared
    ]


@router.post(
    "/interests", status_code=201, summary="Declare a stake: no case of that creator is yours"
)
def declare_interest(
    services: ServicesDep, caller: FraudOfficer, body: NewInterest
) -> list[InterestView]:
    if body.reviewer is not None and not caller.may("admin"):
        raise NotAllowed("For another reviewer only an operator declares an interest.")
    actor = key_actor(body.reviewer) if body.reviewer else actor_of(caller)
    with services.db.transaction() as conn:
        neutral.declare(
            conn,
            actor,
            _creator(conn, body.creator),
            note=body.note,
            by=actor_of(caller),
            now=datetime.now(UTC),
        )
    return list_interests(services, caller)


@router.post("/alarms/{work_id}/answer", summary="Answer an alarm about a work")
def answer_alarm(
    services: ServicesDep, caller: FraudOfficer, work_id: UUID, body: AlarmAnswer
) -> dict[str, UUID | str | list[UUID]]:
    now, actor = datetime.now(UTC), actor_of(caller)
    again: list[UUID] = []
    with services.db.transaction() as conn:
        check_neutral(conn, actor, works.get_work(conn, work_id).creator_id)
        if body.outcome == "quarantine":
            again = quarantine.quarantine(conn, work_id, by=actor, because=body.because, now=now)
        else:
            quarantine.dismiss_alarm(conn, work_id, by=actor, because=body.because, now=now)
    return {"work_id": work_id, "outcome": body.outcome, "judged_again": again}


def views_of(conn: Connection, caller: Caller, cases: list[QueuedCase]) -> list[CaseView]:
    """Return the cases as this reviewer sees them, with why one is not theirs to decide."""
    reviewer = Reviewer(conn, actor_of(caller))
    return [
        case_view(
            case,
            HAD_A_PART
            if reviewer.had_a_part(case.barred)
            else reviewer.why_not(case.creator_id, case.other_id),
        )
        for case in cases
    ]


def _creator(conn: Connection, name: str) -> int:
    creator_id = find_creator(conn, name)
    if creator_id is None:
        raise NotFound(f"There is no creator {name}.")
    return creator_id
