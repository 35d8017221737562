"""Pay that is stuck between the books and the contract: the operator sees why, and notes what was done about it."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from oracle.api.access import Admin, Caller
from oracle.api.pages import templates
from oracle.api.services import Services, ServicesDep
from oracle.creators.chain_pay import owed
from oracle.errors import Busy
from storage import ledger_chain, ledger_stuck
from storage.ledger_stuck import StuckPay

MOST_SHOWN = 200
Note = Annotated[str, Field(min_length=10, max_length=2000)]
router = APIRouter(tags=["payments"])


class StuckView(BaseModel):
    """A payment that is booked and not on chain."""

    transaction: int
    kind: str
    creator: str
    post_id: str
    week: date
    status: str = Field(description="refused: by the contract; held: not sent, since it judges the post otherwise.")
    error: str
    tries: int
    booked_at: datetime
    next_try_at: datetime
    to_poster: int = Field(description="Cents that the books give the poster of it by now.")
    to_original: int = Field(description="Cents for the original's creator; where it still waits, if nothing changes.")
    verdict: str = Field(description="What the books hold of the post today.")
    redirect_bps: int
    creditor: str | None
    chain_says: dict[str, Any] | None = Field(description="What the contract said about the post at the last try.")
    advice: str


class Settlement(BaseModel):
    """How a stuck payment was made."""

    note: Note = Field(description="What was done, and where it can be found: both sides may ask.")


@router.get("/api/stuck_payments", summary="Pay that the contract refused or judges otherwise, the oldest first")
def list_stuck(services: ServicesDep, _: Admin) -> list[StuckView]:
    with services.db.transaction() as conn:
        return [_view(pay) for pay in ledger_stuck.list_stuck(conn, MOST_SHOWN)]


@router.post(
    "/api/stuck_payments/{transaction}/settle", summary="Note that it was paid another way; it is not tried again"
)
def settle(services: ServicesDep, caller: Admin, transaction: int, body: Settlement) -> dict[str, int | str]:
    _settle(services, caller, transaction, body.note)
    return {"transaction": transaction, "status": "settled", "by": caller.name}


@router.get("/stuck_payments", response_class=HTMLResponse, include_in_schema=False)
def stuck_page(services: ServicesDep, caller: Admin) -> str:
    return templates.get_template("stuck_payments.html").render(payments=list_stuck(services, caller))


@router.post("/stuck_payments/{transaction}/settle", include_in_schema=False)
def settle_form(
    services: ServicesDep,
    caller: Admin,
    transaction: int,
    note: Annotated[str, Form(min_length=10, max_length=2000)],
) -> RedirectResponse:
    _settle(services, caller, transaction, note)
    return RedirectResponse("/stuck_payments", status_code=303)


def _settle(services: Services, caller: Caller, transaction: int, note: str) -> None:
    with services.db.transaction() as conn:
        if not ledger_chain.try_lock(conn):
            raise Busy("Payments are being sent at this moment; try again.")
        ledger_stuck.settle(conn, transaction, by=caller.name, note=note, now=datetime.now(UTC))


def _view(pay: StuckPay) -> StuckView:
    to_original, to_poster = owed(pay)
    return StuckView(
        transaction=pay.transaction_id, kind=pay.kind, creator=pay.creator, post_id="0x" + bytes(pay.post_id).hex(),
        week=pay.week, status=pay.status, error=pay.error, tries=pay.tries, booked_at=pay.booked_at,
        next_try_at=pay.next_try_at, to_poster=to_poster, to_original=to_original,
        verdict=pay.verdict, redirect_bps=pay.redirect_bps, creditor=pay.creditor,
        chain_says=dict(pay.chain_says) if pay.chain_says else None, advice=_advice(pay),
    )  # fmt: skip


def _advice(pay: StuckPay) -> str:
    """What gets it moving. The contract's own ways come first: they leave nothing to anybody's word."""
    if pay.status == "refused":
        return "The contract refused it for the reason named; it is tried again by itself."
    says = pay.chain_says or {}
    if says.get("outcome") == "needs_review":
        return (
            "The contract waits for a review: have its arbiter decide (PoCDisputes.review), or the creator ask again"
            " (PoCHub.requestVerification without a URI). It is paid then by itself."
        )
    if says.get("status") == "provisional":
        return (
            "It can still be disputed on chain, free: have the creator open a dispute (PoCDisputes.open) and its"
            " arbiter rule as was decided here. It is paid then by itself."
        )
    if says.get("status") == "disputed":
        return "It is being disputed on chain: once that is settled it is tried again by itself."
    return "The contract's verdict is final and cannot follow: pay it another way, and note that here."
