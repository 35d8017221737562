"""Pages of a creator's notices: the inbox and one notice."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.parties import acting_creator, check_side
from oracle.api.services import ServicesDep
from storage.cases import messages

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/messages", response_class=HTMLResponse, include_in_schema=False)
def inbox_page(services: ServicesDep, caller: Reader, creator: str | None = None) -> str:
    with services.db.transaction() as conn:
        listed = messages.page(conn, acting_creator(conn, caller, creator), limit=100)
    return show("notices.html", caller, messages=listed)


@router.get("/messages/{message_id}", response_class=HTMLResponse, include_in_schema=False)
def message_page(services: ServicesDep, caller: Reader, message_id: UUID) -> str:
    with services.db.transaction() as conn:
        message = messages.get(conn, message_id)
        check_side(caller, message.creator_id)
        if caller.creator_id == message.creator_id:
            messages.mark_read(conn, message_id, datetime.now(UTC))
    return show("notice.html", caller, message=message)
