"""The page of payouts that failed on chain."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Admin
from oracle.api.boundary import BoundedRoute, Number
from oracle.api.pages.rendering import show
from oracle.api.routes.failed_payouts import (
    Blocking,
    Settlement,
    block,
    list_failed,
    resume,
    settle,
)
from oracle.api.routes.operator_alerts import Resolution, list_operator_alerts, resolve
from oracle.api.services import ServicesDep
from oracle.originality.quarantine import ALARM

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

FormNote = Annotated[str, Form(min_length=10, max_length=2000)]


@router.get("/stuck_payments", response_class=HTMLResponse, include_in_schema=False)
def failed_payouts_page(services: ServicesDep, caller: Admin) -> str:
    return show(
        "failed_payouts.html",
        caller,
        payments=list_failed(services, caller),
        matters=list_operator_alerts(services, caller),
        of_reviewers=ALARM,
    )


@router.post("/stuck_payments/matters/{alert_id}/resolve", include_in_schema=False)
def resolve_form(
    services: ServicesDep, caller: Admin, alert_id: Number, note: FormNote
) -> RedirectResponse:
    resolve(services, caller, alert_id, Resolution(note=note))
    return RedirectResponse("/stuck_payments", status_code=303)


@router.post("/stuck_payments/{transaction}/withhold", include_in_schema=False)
def block_form(
    services: ServicesDep,
    caller: Admin,
    transaction: int,
    note: FormNote,
    to_poster: Annotated[int, Form(ge=0)],
    to_original: Annotated[int, Form(ge=0)],
) -> RedirectResponse:
    block(
        services,
        caller,
        transaction,
        Blocking(note=note, to_poster=to_poster, to_original=to_original),
    )
    return RedirectResponse("/stuck_payments", status_code=303)


@router.post("/stuck_payments/{transaction}/settle", include_in_schema=False)
def settle_form(
    services: ServicesDep, caller: Admin, transaction: int, note: FormNote
) -> RedirectResponse:
    settle(services, caller, transaction, Settlement(note=note))
    return RedirectResponse("/stuck_payments", status_code=303)


@router.post("/stuck_payments/{transaction}/resume", include_in_schema=False)
def resume_form(services: ServicesDep, caller: Admin, transaction: int) -> RedirectResponse:
    resume(services, caller, transaction)
    return RedirectResponse("/stuck_payments", status_code=303)
