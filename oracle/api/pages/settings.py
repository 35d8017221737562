"""The page where creators say how they want to be written to."""

import zoneinfo
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Path
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from oracle.api.access import Reader, Visitor
from oracle.api.boundary import BoundedRoute
from oracle.api.languages import LANGUAGES
from oracle.api.pages.rendering import show
from oracle.api.routes import preferences
from oracle.api.routes.preferences import PreferencesView
from oracle.api.services import ServicesDep
from oracle.notices.emails import code_hash
from storage import preferences as stored_preferences
from storage.errors import NotFound

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)
Code = Annotated[str, Path(max_length=64)]


@router.get("/settings", response_class=HTMLResponse)
def settings_page(services: ServicesDep, caller: Reader, saved: bool = False) -> str:
    return show(
        "settings.html",
        caller,
        chosen=preferences.get_preferences(services, caller),
        languages=LANGUAGES,
        zones=sorted(zoneinfo.available_timezones()),
        by_email=services.settings.mail.host is not None,
        saved=saved,
    )


@router.post("/settings")
def settings_form(
    services: ServicesDep,
    caller: Reader,
    language: Annotated[str, Form(max_length=2)] = "",
    time_zone: Annotated[str, Form(max_length=64)] = "",
    email: Annotated[str, Form(max_length=254)] = "",
) -> RedirectResponse:
    wanted = {"language": language, "time_zone": time_zone, "email": email.strip()}
    try:
        body = PreferencesView.model_validate({k: v or None for k, v in wanted.items()})
    except ValidationError as exc:
        raise RequestValidationError(
            [{**e, "loc": ("body", *e["loc"])} for e in exc.errors()]
        ) from exc
    preferences.put_preferences(services, caller, body)
    return RedirectResponse("/settings?saved=true", status_code=303)


@router.get("/confirm-email/{code}", response_class=HTMLResponse)
def confirm_page(caller: Visitor, code: Code) -> str:
    """Ask once more: programs that look through mail follow links, and press no buttons."""
    return show("confirm_email.html", caller, code=code, address=None)


@router.post("/confirm-email/{code}", response_class=HTMLResponse)
def confirm_form(services: ServicesDep, caller: Visitor, code: Code) -> str:
    with services.db.transaction() as conn:
        address = stored_preferences.confirm(conn, code_hash(code), datetime.now(UTC))
    if address is None:
        raise NotFound("The address was changed or taken away since; nothing is sent there.")
    return show("confirm_email.html", caller, code=code, address=address)
