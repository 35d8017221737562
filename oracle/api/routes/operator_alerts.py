"""Matters that an operator has to look at."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from oracle.api.access import Admin
from oracle.api.boundary import BoundedRoute, Number
from oracle.api.services import ServicesDep
from oracle.appeals.errors import NotYourCase
from oracle.originality.quarantine import ALARM
from storage import operator_alerts

router = APIRouter(route_class=BoundedRoute, tags=["operations"])


class OperatorAlertView(BaseModel):
    """One matter."""

    id: int
    kind: str = Field(
        description="payout_differs: the contract divided a payment otherwise than the ledger;"
        " freeze_not_on_chain: the contract refused a hold; ruling_refused: it refused what people"
        " decided; not_held_on_chain: it holds no share for an appeal or claim; case_failed: the"
        " oracle cannot conclude what became of a post, until it can; reconciliation: ledger and"
        " contract say different things; history_claim: a work is said to be older than it is"
        " proven to be, which can be vetoed for seven days; webhook_disabled: nothing arrived at a"
        " platform's webhook for five days."
    )
    subject: str
    detail: str
    raised_at: datetime
    seen_at: datetime


class Resolution(BaseModel):
    """What was done about a matter."""

    note: Annotated[str, Field(min_length=10, max_length=2000)]


class Resolved(BaseModel):
    """A matter that is closed."""

    id: int
    by: str


@router.get("/v1/operator_alerts", summary="Open matters of the operator, the oldest first")
def list_operator_alerts(services: ServicesDep, _: Admin) -> list[OperatorAlertView]:
    with services.db.transaction() as conn:
        return [
            OperatorAlertView(
                id=alert.id,
                kind=alert.kind,
                subject=alert.subject,
                detail=alert.detail,
                raised_at=alert.raised_at,
                seen_at=alert.seen_at,
            )
            for alert in operator_alerts.list_open(conn)
        ]


@router.post("/v1/operator_alerts/{alert_id}/resolve", summary="Note what was done about one")
def resolve(services: ServicesDep, caller: Admin, alert_id: Number, body: Resolution) -> Resolved:
    with services.db.transaction() as conn:
        if operator_alerts.is_of_kind(conn, alert_id, ALARM):
            raise NotYourCase(
                "A reviewer without a stake answers it: POST /v1/alarms/WORK/answer, or the queue."
            )
        operator_alerts.resolve(
            conn, alert_id, by=caller.name, note=body.note, now=datetime.now(UTC)
        )
    return Resolved(id=alert_id, by=caller.name)
