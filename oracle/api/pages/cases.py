"""Pages of fraud alerts and appeals."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import FraudOfficer, Reader
from oracle.api.boundary import BoundedRoute, takes
from oracle.api.pages.rendering import show
from oracle.api.parties import acting_creator, actor_of, check_neutral, check_side, own_creator
from oracle.api.routes.appeals import (
    answer,
    appeal_view,
    attach_and_redirect,
    attach_file,
    check_size,
    get_visible_appeal,
)
from oracle.api.routes.fraud import load_detail
from oracle.api.schemas.appeals import View
from oracle.api.services import ServicesDep
from oracle.appeals.attachments import MAX_BYTES
from oracle.fraud import alert_appeals, alerts
from oracle.fraud import wording as fraud_wording
from oracle.fraud.lifecycle import MAX_FREEZE, MAX_UPHELD, Status
from oracle.notices import wording
from storage.cases import appeals, messages
from storage.fraud import alerts as fraud_alerts
from storage.fraud.alerts import Alert

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

CASES_SHOWN = 100
QUEUE = ("open", "notified", "appealed")


@router.get("/fraud_alerts/{alert_id}", response_class=HTMLResponse, include_in_schema=False)
def alert_page(services: ServicesDep, caller: Reader, alert_id: UUID) -> str:
    with services.db.transaction() as conn:
        alert = fraud_alerts.get(conn, alert_id)
        check_side(caller, alert.creator_id)
        view = load_detail(conn, alert)
        notices_sent = messages.of_alert(conn, alert_id)
        appeal = appeals.find_open_of_alert(conn, alert_id)
    return show(
        "alert.html",
        caller,
        alert=view,
        notices_sent=notices_sent,
        appeal=appeal,
        why=fraud_wording.why_of(alert.signals),
        grounds={name: wording.GROUNDS[name] for name in wording.FRAUD_GROUNDS},
        max_days=_max_days(alert),
        may_appeal=view.status in ("notified", "upheld") and caller.creator_id == alert.creator_id,
        may_decide=caller.may("fraud") and caller.creator_id != alert.creator_id,
    )


@router.get("/cases", response_class=HTMLResponse)
def cases_page(services: ServicesDep, caller: Reader, creator: str | None = None) -> str:
    """Show a creator's alerts and appeals, the latest first."""
    with services.db.transaction() as conn:
        creator_id = acting_creator(conn, caller, creator)
        raised = fraud_alerts.page(conn, creator_id=creator_id, limit=CASES_SHOWN)
        filed = appeals.page(conn, creator_id=creator_id, limit=CASES_SHOWN)
    return show(
        "cases.html",
        caller,
        alerts=raised,
        appeals=filed,
        creator_id=creator_id,
        rules=fraud_wording.RULES,
        grounds=wording.GROUNDS,
    )


@router.get("/fraud_alerts", response_class=HTMLResponse, include_in_schema=False)
def alerts_page(services: ServicesDep, caller: FraudOfficer) -> str:
    """Show the reviewers' queue by end date, and how each signal did in the last 90 days."""
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        waiting = [a for status in QUEUE for a in fraud_alerts.page(conn, status=status, limit=200)]
        record = fraud_alerts.record_by_signal(conn, now - timedelta(days=90))
        verdicts = appeals.list_open(conn, "originality", limit=200)
    waiting.sort(key=lambda alert: alert.frozen_until or alert.review_by)
    return show(
        "alerts.html",
        caller,
        alerts=waiting,
        record=record,
        rules=fraud_wording.RULES,
        grounds=wording.GROUNDS,
        appeals=verdicts,
    )


@router.post("/fraud_alerts/{alert_id}/decide", include_in_schema=False)
def decide_form(
    services: ServicesDep,
    caller: FraudOfficer,
    alert_id: UUID,
    step: Annotated[Literal["freeze", "uphold", "reverse", "reopen"], Form()],
    reason: Annotated[str, Form(min_length=10, max_length=4000)],
    days: Annotated[int, Form(ge=1, le=MAX_UPHELD.days)] = 14,
) -> RedirectResponse:
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        check_neutral(caller, fraud_alerts.get(conn, alert_id).creator_id)
        if step == "freeze":
            until = now + timedelta(days=days)
            alerts.freeze(
                conn,
                alert_id,
                actor=actor_of(caller),
                until=until,
                reason_code="reviewer",
                text=reason,
                now=now,
            )
        elif step == "reopen":
            alerts.reopen(
                conn, alert_id, actor=actor_of(caller), reason_code="reviewer", text=reason, now=now
            )
        else:
            alert_appeals.resolve_alert(
                conn,
                alert_id,
                upheld=step == "uphold",
                actor=actor_of(caller),
                until=now + timedelta(days=days),
                code="reviewer",
                text=reason,
                now=now,
            )
    return RedirectResponse(f"/fraud_alerts/{alert_id}", status_code=303)


@router.post("/fraud_alerts/{alert_id}/appeal", include_in_schema=False)
@takes(file=MAX_BYTES)
def appeal_form(
    services: ServicesDep,
    caller: Reader,
    alert_id: UUID,
    ground: Annotated[str, Form()],
    statement: Annotated[str, Form(min_length=1, max_length=10_000)],
    file: Annotated[UploadFile | None, File()] = None,
) -> RedirectResponse:
    check_size(file)
    with services.db.transaction() as conn:
        number = alert_appeals.appeal_alert(
            conn,
            alert_id,
            creator_id=own_creator(caller, None),
            actor=actor_of(caller),
            ground=ground,
            statement=statement,
            now=datetime.now(UTC),
        )
    return attach_and_redirect(services, caller, number, file)


@router.post("/appeals/{appeal_id}/file", include_in_schema=False)
@takes(file=MAX_BYTES)
def file_form(
    services: ServicesDep, caller: Reader, appeal_id: UUID, file: Annotated[UploadFile, File()]
) -> RedirectResponse:
    attach_file(services, caller, appeal_id, file)
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)


@router.get("/appeals/{appeal_id}", response_class=HTMLResponse, include_in_schema=False)
def appeal_page(
    services: ServicesDep, caller: Reader, appeal_id: UUID, file: Literal["lost"] | None = None
) -> str:
    with services.db.transaction() as conn:
        appeal = get_visible_appeal(conn, caller, appeal_id)
        view = appeal_view(conn, appeal)
    return show(
        "appeal.html",
        caller,
        appeal=view,
        ground=wording.GROUNDS[appeal.ground],
        file_lost=file == "lost",
        may_attach=appeal.status == "open"
        and caller.creator_id in (appeal.creator_id, appeal.other_creator_id)
        and caller.creator_id is not None,
        may_answer=appeal.other_creator_id is not None
        and caller.creator_id == appeal.other_creator_id
        and appeal.other_view is None
        and appeal.status == "open",
        may_decide=appeal.kind == "originality"
        and appeal.status == "open"
        and caller.may("fraud")
        and caller.creator_id not in (appeal.creator_id, appeal.other_creator_id),
    )


@router.post("/appeals/{appeal_id}/answer", include_in_schema=False)
def answer_form(
    services: ServicesDep,
    caller: Reader,
    appeal_id: UUID,
    view: Annotated[str, Form(min_length=1, max_length=10_000)],
) -> RedirectResponse:
    answer(services, caller, appeal_id, View(view=view))
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)


def _max_days(alert: Alert) -> int:
    """The longest hold that a reviewer can set on an alert: a first one, or one that is upheld."""
    return (MAX_FREEZE if alert.status == Status.OPEN else MAX_UPHELD).days
