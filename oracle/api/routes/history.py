"""Claims of history: a work was published before it was registered here."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from oracle.api.access import Caller, Governor, Historian, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.parties import actor_of, unerased
from oracle.api.schemas.uploads import WRITABLE
from oracle.api.services import ServicesDep
from oracle.appeals.neutral import check_neutral
from oracle.errors import Conflict, NotAllowed
from oracle.rules.decision import EPOCH
from storage import operator_alerts
from storage.works import history, works
from storage.works.history import HistoryClaim
from storage.works.works import Work

VETO_WINDOW = timedelta(days=7)
# What a missing date is often written as, in every time zone; and what is everybody's is dated by.
NO_DATE = EPOCH + timedelta(days=1)

router = APIRouter(route_class=BoundedRoute, prefix="/v1/works/{work_id}/history", tags=["works"])


class NewClaim(BaseModel):
    """Since when a work has been published."""

    model_config = ConfigDict(extra="forbid")

    published_at: AwareDatetime
    reason: str = Field(
        min_length=1, max_length=500, pattern=WRITABLE, description="How that is known."
    )


class Veto(BaseModel):
    """Why a claim shall not count."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, pattern=WRITABLE)


class ClaimView(BaseModel):
    """A claim of when a work was published."""

    published_at: datetime
    claimed_by: str
    reason: str
    claimed_at: datetime
    counts_from: datetime
    status: Literal["waiting", "counts", "vetoed"]
    vetoed_by: str | None
    veto_reason: str | None


@router.post("", status_code=201, summary="Claim that a work was published before it came here")
def claim_history(
    services: ServicesDep, caller: Historian, work_id: UUID, body: NewClaim
) -> list[ClaimView]:
    """It counts after seven days in which it can be vetoed: then the work is as old as that, and
    verdicts that are not final are made again.
    """
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        work = unerased(works.get_work(conn, work_id))
        _check_may_claim(caller, work)
        if body.published_at <= NO_DATE:
            raise Conflict(
                f"{body.published_at.isoformat()} is no date of a publication: such a moment stands"
                " for an unknown one. Nothing was changed."
            )
        if body.published_at >= work.dated_at:
            raise Conflict(
                f"The work is proven to exist since {work.dated_at.isoformat()}, which is no later."
                " Nothing was changed."
            )
        new = history.claim(
            conn,
            work_id,
            body.published_at,
            by=actor_of(caller),
            reason=body.reason,
            counts_from=now + VETO_WINDOW,
        )
        if new:
            text = (
                f"{actor_of(caller)} says that it was published {body.published_at.isoformat()}:"
                f" {body.reason} Unless somebody vetoes that, it counts from"
                f" {(now + VETO_WINDOW).isoformat()} on."
            )
            operator_alerts.report(conn, "history_claim", f"work {work_id}", text, now)
        return [_view(row) for row in history.claims_of(conn, work_id)]


@router.get("", summary="What was claimed of a work's age, the oldest claim first")
def list_history(services: ServicesDep, _: Reader, work_id: UUID) -> list[ClaimView]:
    with services.db.transaction() as conn:
        works.get_work(conn, work_id)
        return [_view(row) for row in history.claims_of(conn, work_id)]


@router.post("/veto", summary="Veto what is claimed of a work's age and does not count yet")
def veto_history(
    services: ServicesDep, caller: Governor, work_id: UUID, body: Veto
) -> list[ClaimView]:
    with services.db.transaction() as conn:
        check_neutral(conn, actor_of(caller), works.get_work(conn, work_id).creator_id)
        if not history.veto(conn, work_id, by=actor_of(caller), reason=body.reason):
            raise Conflict("No claim waits: what counts already changes by a ruling only.")
        return [_view(row) for row in history.claims_of(conn, work_id)]


def _check_may_claim(caller: Caller, work: Work) -> None:
    owns = caller.creator_id is not None and caller.creator_id == work.creator_id
    if not (owns or caller.poster == work.posted_by or caller.may("admin")):
        raise NotAllowed(
            "How old a work is, the key says that posted it, or its creator's own. Nothing was"
            " changed."
        )


def _status(row: HistoryClaim) -> Literal["waiting", "counts", "vetoed"]:
    if row.vetoed_by is not None:
        return "vetoed"
    return "counts" if row.applied else "waiting"


def _view(row: HistoryClaim) -> ClaimView:
    facts = {name: value for name, value in vars(row).items() if name != "applied"}
    return ClaimView(status=_status(row), **facts)
