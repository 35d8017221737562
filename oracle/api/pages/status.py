"""The operator's status page."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Admin
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.routes import status as routes
from oracle.api.services import ServicesDep

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/status", response_class=HTMLResponse)
def status_page(services: ServicesDep, caller: Admin) -> str:
    items = routes.get_status(services, caller)
    # What is wrong comes first, then what nobody knows.
    order = {False: 0, None: 1, True: 2}
    return show(
        "status.html",
        caller,
        items=sorted(items, key=lambda item: order[item.ok]),
        wrong=sum(item.ok is False for item in items),
        words={True: "fine", False: "look at it", None: "not known"},
    )


@router.post("/status/probe")
def probe_form(services: ServicesDep, caller: Admin) -> RedirectResponse:
    routes.run_probe(services, caller)
    return RedirectResponse("/status", status_code=303)
