"""Pages of fraud alerts and appeals."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import FraudOfficer, Reader
from oracle.api.boundary import BoundedRoute, takes
from oracle.api.pages.queue import sides_for, why_not_for
from oracle.api.pages.rendering import show
from oracle.api.parties import acting_creator, actor_of, check_side, own_creator
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
from oracle.appeals.errors import InvalidEndDate
from oracle.fraud import alert_appeals, alerts
from oracle.fraud import wording as fraud_wording
from oracle.fraud.lifecycle import MAX_FREEZE, MAX_UPHELD, Status
from oracle.notices import wording
from storage.cases import appeals, messages
from storage.fraud import alerts as fraud_alerts
from storage.fraud.alerts import Alert
from storage.works import analyses

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

CASES_SHOWN = 100
# What a reviewer may choose, and where an alert has to stand for it.
STEPS = (
    ("freeze", "The money waits while another reviewer looks at it.", ("open",)),
    ("uphold", "The hold is right.", ("notified", "appealed")),
    ("reverse", "It is wrong: the money is free.", ("open", "notified", "appealed", "upheld")),
    ("reopen", "Look at it again.", ("reversed", "expired")),
)


@router.get("/fraud_alerts/{alert_id}", response_class=HTMLResponse, include_in_schema=False)
def alert_page(services: ServicesDep, caller: Reader, alert_id: UUID) -> str:
    with services.db.transaction() as conn:
        alert = fraud_alerts.get(conn, alert_id)
        check_side(caller, alert.creator_id)
        view = load_detail(conn, alert)
        notices_sent = messages.of_alert(conn, alert_id)
        appeal = appeals.find_open_of_alert(conn, alert_id)
        sides = sides_for(conn, caller, alert.creator_id)
        why_not = why_not_for(conn, caller, alert.creator_id)
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
        may_decide=caller.may("fraud"),
        sides=sides,
        why_not=why_not,
        steps=[(step, words) for step, words, at in STEPS if view.status in at],
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


@router.post("/fraud_alerts/{alert_id}/decide", include_in_schema=False)
def decide_form(
    services: ServicesDep,
    caller: FraudOfficer,
    alert_id: UUID,
    step: Annotated[Literal["freeze", "uphold", "reverse", "reopen"], Form()],
    reason: Annotated[str, Form(min_length=10, max_length=4000)],
    days: Annotated[int | None, Form(ge=1, le=MAX_UPHELD.days)] = None,
) -> RedirectResponse:
    now = datetime.now(UTC)
    until = None if days is None else now + timedelta(days=days)
    if step in ("freeze", "uphold") and until is None:
        raise InvalidEndDate("Say for how many days the money waits. Nothing was decided.")
    with services.db.transaction() as conn:
        if step == "freeze":
            assert until is not None
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
                until=until,
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
        about = analyses.get(conn, appeal.analysis_id) if appeal.analysis_id else None
        sides = sides_for(conn, caller, appeal.creator_id, appeal.other_creator_id)
        why_not = why_not_for(conn, caller, appeal.creator_id, appeal.other_creator_id)
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
        may_decide=appeal.kind != "fraud" and appeal.status == "open" and caller.may("fraud"),
        sides=sides,
        why_not=why_not,
        about=about,
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
