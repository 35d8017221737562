"""The page of a creator's licences: grant, list, revoke."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.routes import licences
from oracle.api.routes.licences import Grant
from oracle.api.services import ServicesDep

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/licences", response_class=HTMLResponse)
def licences_page(
    services: ServicesDep, caller: Reader, creator: str | None = None, work: UUID | None = None
) -> str:
    """List what was granted; a form grants another, for the work that the page came from."""
    listed = licences.list_licences(services, caller, creator)
    return show("licences.html", caller, licences=listed, work=work)


@router.post("/licences")
def grant_form(
    services: ServicesDep,
    caller: Reader,
    licensee: Annotated[str, Form(min_length=1, max_length=256)],
    work_id: Annotated[str, Form(max_length=36)] = "",
    note: Annotated[str, Form(max_length=2000)] = "",
) -> RedirectResponse:
    wanted = Grant.model_validate(
        {"licensee": licensee, "work_id": work_id or None, "note": note or None}
    )
    licences.grant(services, caller, wanted)
    return RedirectResponse("/licences", status_code=303)


@router.post("/licences/{number}/revoke")
def revoke_form(services: ServicesDep, caller: Reader, number: int) -> RedirectResponse:
    licences.revoke(services, caller, number)
    return RedirectResponse("/licences", status_code=303)
