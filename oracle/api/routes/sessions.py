"""Sessions: a platform's backend signs its creators in, by links that work once."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel, Field

from oracle.api.access import Platform
from oracle.api.boundary import BoundedRoute
from oracle.api.routes.names import check_may_sign_in
from oracle.api.services import ServicesDep
from oracle.errors import NotAllowed
from oracle.originality.naming import find_creator
from storage import sessions
from storage.errors import NotFound

LINK_LASTS = timedelta(minutes=5)

router = APIRouter(route_class=BoundedRoute, prefix="/v1/sessions", tags=["access"])


class SignInRequest(BaseModel):
    """Whom to sign in."""

    creator: str = Field(max_length=256, description="Who is signed in at the platform.")


class SignInView(BaseModel):
    """Where to send the creator's browser, before `expires_at`, once."""

    url: str
    expires_at: datetime


@router.post("", status_code=201, summary="Sign a creator of your platform in, by a link")
def make_session(services: ServicesDep, caller: Platform, body: SignInRequest) -> SignInView:
    if caller.key_id is None or caller.creator_id is not None:
        raise NotAllowed("A platform's own key signs its creators in.")
    expires_at = datetime.now(UTC) + LINK_LASTS
    with services.db.transaction() as conn:
        creator_id = find_creator(conn, body.creator)
        if creator_id is None:
            raise NotFound(f"There is no creator {body.creator}; who has posted is one.")
        check_may_sign_in(conn, caller.poster, creator_id)
        secret = sessions.make_link(conn, caller.key_id, creator_id, expires_at)
    return SignInView(url=f"/sign-in/{secret}", expires_at=expires_at)
