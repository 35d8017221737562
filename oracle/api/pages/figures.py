"""The public page of how often the oracle was wrong."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from oracle.api.access import Visitor
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.services import ServicesDep
from oracle.rules.figures import GRADES

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

TITLES = {
    "subject": "What is held",
    "category": "Category",
    "audience": "Followers of the creator",
    "language": "Language",
}


@router.get("/figures", response_class=HTMLResponse)
def figures_page(services: ServicesDep, caller: Visitor) -> str:
    with services.db.transaction() as conn:
        found = services.record.figures(conn)
    return show("figures.html", caller, found=found, titles=TITLES, grades=GRADES)
