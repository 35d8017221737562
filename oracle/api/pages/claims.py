"""The page where a creator who was copied, and missed, says so."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Caller, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.parties import own_creator, unerased
from oracle.api.routes.appeals import file_claim
from oracle.api.schemas.appeals import CopyClaim
from oracle.api.services import Services, ServicesDep
from storage.database import Connection
from storage.errors import NotFound
from storage.works import analyses, facts, works
from storage.works.works import Work

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

POST_ID = re.compile(r"0x[0-9a-fA-F]{64}")
ANALYSIS = re.compile(r"analyses/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@router.get("/claim", response_class=HTMLResponse)
def claim_page(services: ServicesDep, caller: Reader, work: UUID) -> str:
    """Ask which post copies this work of the creator's."""
    return show("claim.html", caller, work=_own_work(services, caller, work))


@router.post("/claims")
def claim_form(
    services: ServicesDep,
    caller: Reader,
    work_id: Annotated[UUID, Form()],
    post: Annotated[str, Form(min_length=1, max_length=2000)],
    statement: Annotated[str, Form(min_length=1, max_length=10_000)],
) -> RedirectResponse:
    earlier = _own_work(services, caller, work_id)
    with services.db.transaction() as conn:
        analysis_id = _find_analysis(conn, post.strip(), earlier)
    claim = file_claim(
        services,
        caller,
        CopyClaim(analysis_id=analysis_id, earlier_work_id=work_id, statement=statement),
    )
    return RedirectResponse(f"/appeals/{claim.id}", status_code=303)


def _own_work(services: Services, caller: Caller, work_id: UUID) -> Work:
    """Raises: KeyRequired, NotAllowed, NotFound where it is another's."""
    creator_id = own_creator(caller, None)
    with services.db.transaction() as conn:
        work = works.get_work(conn, work_id)
    if work.creator_id != creator_id:
        raise NotFound(f"You have no work {work_id}.")
    return unerased(work)


def _find_analysis(conn: Connection, post: str, earlier: Work) -> UUID:
    """The newest analysis of a post that people name as they can: by a link of ours, its number on
    chain, or the id that the platform of their own work gave it. Raises: NotFound.
    """
    if link := ANALYSIS.search(post):
        return UUID(link[1])
    number = POST_ID.search(post)
    post_id = bytes.fromhex(number[0][2:]) if number else None
    if post_id is None and earlier.posted_by is not None:
        other = facts.find_external(conn, earlier.posted_by, post)
        post_id = works.get_work(conn, other).post_id if other else None
    found = analyses.find_newest(conn, post_id) if post_id else None
    if found is None:
        raise NotFound(f"No post is known here as {post[:100]}; nothing was filed.")
    return found
