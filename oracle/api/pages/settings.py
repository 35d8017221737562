"""The page where creators say how they want to be written to."""

import zoneinfo
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.languages import LANGUAGES
from oracle.api.pages.rendering import show
from oracle.api.routes import preferences
from oracle.api.routes.preferences import PreferencesView
from oracle.api.services import ServicesDep

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


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
