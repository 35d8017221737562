"""The page of what a creator lets others use: licences, and parts left to everybody."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Caller, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.parties import unerased
from oracle.api.routes import licences
from oracle.api.routes.licences import Exclusion, Grant
from oracle.api.services import Services, ServicesDep
from storage.errors import NotFound
from storage.works import works
from storage.works.works import Work

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/licences", response_class=HTMLResponse)
def licences_page(
    services: ServicesDep, caller: Reader, creator: str | None = None, work: UUID | None = None
) -> str:
    """List what was granted; a form grants another, for the work that the page came from."""
    return show(
        "licences.html",
        caller,
        licences=licences.list_licences(services, caller, creator),
        exclusions=licences.list_exclusions(services, caller, creator),
        work=_shown(services, caller, work) if work else None,
    )


def _shown(services: Services, caller: Caller, work_id: UUID) -> Work:
    """The work that a form of the page is for. Raises: NotFound where it is another's."""
    with services.db.transaction() as conn:
        work = works.get_work(conn, work_id)
    if work.creator_id != caller.creator_id:
        raise NotFound(f"You have no work {work_id}.")
    return unerased(work)


@router.post("/licences")
def grant_form(
    services: ServicesDep,
    caller: Reader,
    licensee: Annotated[str, Form(max_length=256)] = "",
    most_percent: Annotated[float, Form(gt=0, le=100)] = 100.0,
    work_id: Annotated[str, Form(max_length=36)] = "",
    note: Annotated[str, Form(max_length=2000)] = "",
) -> RedirectResponse:
    wanted = Grant.model_validate(
        {
            "licensee": licensee or None,
            "work_id": work_id or None,
            "max_share_bps": max(1, round(most_percent * 100)),
            "note": note or None,
        }
    )
    licences.grant(services, caller, wanted)
    return RedirectResponse("/licences", status_code=303)


@router.post("/licences/{number}/revoke")
def revoke_form(services: ServicesDep, caller: Reader, number: int) -> RedirectResponse:
    licences.revoke(services, caller, number)
    return RedirectResponse("/licences", status_code=303)


@router.post("/exclusions")
def exclude_form(
    services: ServicesDep,
    caller: Reader,
    work_id: Annotated[UUID, Form()],
    because: Annotated[str, Form(min_length=3, max_length=2000)],
    start_s: Annotated[float | None, Form()] = None,
    end_s: Annotated[float | None, Form()] = None,
    left: Annotated[float | None, Form(description="In percent, as the other three.")] = None,
    top: Annotated[float | None, Form()] = None,
    right: Annotated[float | None, Form()] = None,
    bottom: Annotated[float | None, Form()] = None,
) -> RedirectResponse:
    edges = {"left": left, "top": top, "right": right, "bottom": bottom}
    part = {name: value / 100 for name, value in edges.items() if value is not None}
    wanted = Exclusion.model_validate(
        {"work_id": work_id, "because": because, "start_s": start_s, "end_s": end_s, **part}
    )
    licences.exclude(services, caller, wanted)
    return RedirectResponse("/licences", status_code=303)


@router.post("/exclusions/{number}/end")
def end_exclusion_form(services: ServicesDep, caller: Reader, number: UUID) -> RedirectResponse:
    licences.end_exclusion(services, caller, number)
    return RedirectResponse("/licences", status_code=303)
