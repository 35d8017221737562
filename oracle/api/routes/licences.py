"""Licences that a creator grants for works of their own."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute, Number
from oracle.api.parties import acting_creator, check_own_key, own_creator
from oracle.api.services import ServicesDep
from oracle.errors import NotAllowed
from oracle.originality.naming import find_creator
from storage.errors import NotFound
from storage.works import permissions, works
from storage.works.permissions import Licence

MAX_LISTED = 200

router = APIRouter(route_class=BoundedRoute, prefix="/v1/licences", tags=["creators"])


class Grant(BaseModel):
    """A licence to be granted."""

    licensee: str = Field(max_length=256, description="Who may use the work, in any spelling.")
    work_id: UUID | None = Field(None, description="The one work; without it, all your works.")
    note: str | None = Field(None, max_length=2000)


@router.get("", summary="Licences that a creator granted and was granted, the latest first")
def list_licences(
    services: ServicesDep, caller: Reader, creator: str | None = None
) -> list[Licence]:
    with services.db.transaction() as conn:
        return permissions.list_of(conn, acting_creator(conn, caller, creator), MAX_LISTED)


@router.post("", status_code=201, summary="Let another creator use a work of yours, or all")
def grant(services: ServicesDep, caller: Reader, body: Grant) -> Licence:
    check_own_key(caller)
    owner_id = own_creator(caller, None)
    with services.db.transaction() as conn:
        licensee_id = find_creator(conn, body.licensee)
        if licensee_id is None:
            raise NotFound(f"Nobody is registered as {body.licensee}; nothing was granted.")
        if licensee_id == owner_id:
            raise NotAllowed("Your own works are yours without a licence.")
        if body.work_id is not None:
            work = works.get_work(conn, body.work_id)
            if work.creator_id != owner_id or work.erased_at is not None:
                raise NotFound(f"You have no work {body.work_id}; nothing was granted.")
        number = permissions.grant(conn, owner_id, licensee_id, body.work_id, body.note)
        return permissions.get(conn, number)


@router.delete("/{number}", status_code=204, summary="End a licence that you granted")
def revoke(services: ServicesDep, caller: Reader, number: Number) -> None:
    """It stays listed, and verdicts that rested on it stand; later analyses know it no more."""
    check_own_key(caller)
    with services.db.transaction() as conn:
        permissions.revoke(conn, own_creator(caller, None), number)
