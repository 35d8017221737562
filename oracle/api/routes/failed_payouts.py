"""Failed payouts: pay that does not reach the contract. The operator sees why, and may settle it
off chain.

In this order, or it may be paid twice: block it, wait until it is confirmed that nothing can
reach the contract any more, pay, note how.

To clients a blocked payout is `withheld`, under `/v1/stuck_payments`: paths and fields keep
their first names, as do the columns of `ledger_payouts`.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from oracle.api.access import Admin
from oracle.api.boundary import BoundedRoute, Number
from oracle.api.services import ServicesDep
from oracle.errors import Conflict
from oracle.payouts.onchain import owed
from storage.ledger import failed_payouts
from storage.ledger.failed_payouts import FailedPayout

MAX_SHOWN = 200
Note = Annotated[str, Field(min_length=10, max_length=2000)]
router = APIRouter(route_class=BoundedRoute, tags=["payments"])


class FailedPayoutView(BaseModel):
    """A payout that is booked and not on chain."""

    transaction: int
    kind: str
    creator: str
    post_id: str
    week: date
    status: str = Field(
        description="refused: by the contract; held: not sent, since it judges the post otherwise;"
        " due: it could not be sent, or was sent long ago and no block has taken it; withheld:"
        " blocked, not sent any more, to be settled off chain once that is confirmed."
    )
    error: str | None
    tries: int
    booked_at: datetime
    next_try_at: datetime
    to_poster: int = Field(description="Cents that the ledger gives the poster of it by now.")
    to_original: int = Field(
        description="Cents for the original's creator; where it still waits, if nothing changes."
    )
    verdict: str = Field(description="What the ledger holds of the post today.")
    redirect_bps: int
    creditor: str | None
    chain_says: dict[str, Any] | None = Field(
        description="What the contract said about the post at the last try."
    )
    disputed: bool
    withheld_by: str | None
    withheld_note: str | None
    confirmed_at: datetime | None = Field(
        description="From then on a blocked payout can be settled off chain."
    )
    advice: str


class PayoutStep(BaseModel):
    """What became of a failed payout."""

    transaction: int
    status: Literal["withheld", "settled", "due"]
    by: str


class Blocking(BaseModel):
    """A failed payout that is to be settled off chain."""

    note: Note = Field(description="How it is to be paid, and why so.")
    to_poster: int = Field(
        ge=0, description="Cents, as in the list: refused where the ledger has changed since."
    )
    to_original: int = Field(ge=0)


class Settlement(BaseModel):
    """How a blocked payout was settled."""

    note: Note = Field(description="What was done, and where it can be found: both sides may ask.")


@router.get(
    "/v1/stuck_payments",
    summary="Pay that the contract refused or judges otherwise, the oldest first",
)
def list_failed(services: ServicesDep, _: Admin) -> list[FailedPayoutView]:
    with services.db.transaction() as conn:
        return [
            _view(pay) for pay in failed_payouts.list_failed(conn, datetime.now(UTC), MAX_SHOWN)
        ]


@router.post(
    "/v1/stuck_payments/{transaction}/withhold",
    summary="Never send it to the contract any more; not to be paid yet",
)
def block(services: ServicesDep, caller: Admin, transaction: Number, body: Blocking) -> PayoutStep:
    with services.db.transaction() as conn:
        pay = failed_payouts.get_failed(conn, transaction, datetime.now(UTC))
        to_original, to_poster = _amounts(pay)
        if (
            pay.disputed
            or pay.status == "withheld"
            or (body.to_poster, body.to_original) != (to_poster, to_original)
        ):
            raise Conflict(
                f"Payment {transaction} is"
                f" {pay.status}{', its post in dispute' if pay.disputed else ''}; the ledger gives"
                f" {to_poster} cents to the poster and {to_original} to the original. Look at the"
                " list again."
            )
        failed_payouts.block(
            conn,
            pay,
            to_original=to_original,
            to_poster=to_poster,
            by=caller.name,
            note=body.note,
            now=datetime.now(UTC),
        )
    return PayoutStep(transaction=transaction, status="withheld", by=caller.name)


@router.post(
    "/v1/stuck_payments/{transaction}/settle",
    summary="Note how a blocked and confirmed payout was settled",
)
def settle(
    services: ServicesDep, caller: Admin, transaction: Number, body: Settlement
) -> PayoutStep:
    with services.db.transaction() as conn:
        failed_payouts.settle(
            conn, transaction, by=caller.name, note=body.note, now=datetime.now(UTC)
        )
    return PayoutStep(transaction=transaction, status="settled", by=caller.name)


@router.post(
    "/v1/stuck_payments/{transaction}/resume",
    summary="Send a blocked payout to the contract after all",
)
def resume(services: ServicesDep, caller: Admin, transaction: Number) -> PayoutStep:
    with services.db.transaction() as conn:
        failed_payouts.resume(conn, transaction, datetime.now(UTC))
    return PayoutStep(transaction=transaction, status="due", by=caller.name)


def _amounts(pay: FailedPayout) -> tuple[int, int]:
    """Cents for the original's creator and the poster: as blocked, or as the ledger says by
    now.
    """
    if pay.withheld_to_original is not None and pay.withheld_to_poster is not None:
        return pay.withheld_to_original, pay.withheld_to_poster
    return owed(pay)


def _view(pay: FailedPayout) -> FailedPayoutView:
    to_original, to_poster = _amounts(pay)
    return FailedPayoutView(
        transaction=pay.transaction_id,
        kind=pay.kind,
        creator=pay.creator,
        post_id="0x" + bytes(pay.post_id).hex(),
        week=pay.week,
        status=pay.status,
        error=pay.error,
        tries=pay.tries,
        booked_at=pay.booked_at,
        next_try_at=pay.next_try_at,
        to_poster=to_poster,
        to_original=to_original,
        verdict=pay.verdict,
        redirect_bps=pay.redirect_bps,
        creditor=pay.creditor,
        chain_says=dict(pay.chain_says) if pay.chain_says else None,
        disputed=pay.disputed,
        withheld_by=pay.withheld_by,
        withheld_note=pay.withheld_note,
        confirmed_at=pay.confirmed_at,
        advice=_advice(pay),
    )


def _advice(pay: FailedPayout) -> str:
    """What gets it moving.

    The contract's own ways come first: they leave nothing to a person's word.
    """
    if pay.status == "withheld":
        return _advice_blocked(pay)
    if pay.status == "refused":
        return "The contract refused it for the reason named; it is tried again by itself."
    if pay.postponed:
        return (
            "It could not be sent for the reason named and is tried again by itself: see to the"
            " paymaster's funds and the endpoint."
        )
    if pay.status == "due":
        return (
            "It was sent and no block has taken it yet: see to the paymaster's funds and the"
            " cap of its fee."
        )
    says = pay.chain_says or {}
    if says.get("outcome") == "needs_review":
        return (
            "The contract holds a share until a review, or until the time to dispute is over: have"
            " its arbiter decide (PoCDisputes.review), or the creator ask again"
            " (PoCHub.requestVerification without a URI). It is paid then by itself."
        )
    if says.get("status") == "provisional":
        return (
            "It can still be disputed on chain, free: have the creator open a dispute"
            " (PoCDisputes.open) and its arbiter rule as was decided here. It is paid then by"
            " itself."
        )
    if says.get("status") == "disputed":
        return "It is being disputed on chain: once that is settled it is tried again by itself."
    return (
        "The contract's verdict is final and cannot follow: block it here first, then pay it"
        " off chain."
    )


def _advice_blocked(pay: FailedPayout) -> str:
    if pay.confirmed_at is None:
        return (
            "Do not pay yet: what was sent to the contract before may still be mined. Its place is"
            " being taken by a transaction that does nothing; it is sure once that is in a final"
            " block."
        )
    if pay.disputed or owed(pay) != _amounts(pay):
        return (
            "Do not pay: the post is in dispute or was judged anew. Resume it, and look again"
            " when that is over."
        )
    return "Nothing can reach the contract any more: pay it now, and note here how."
