"""The rules in force, and permissions between creators."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from oracle.api.access import Governor, Reader
from oracle.api.services import ServicesDep
from oracle.intake import MEDIA_TYPES, ensure_creator
from storage import policies, works
from storage.errors import NotFound

router = APIRouter(prefix="/v1", tags=["governance"])


class PolicyView(BaseModel):
    """The rules of one media type, as the contract has them."""

    version: int
    media_type: str
    threshold_bps: int
    base_redirect_bps: int


class Permission(BaseModel):
    """One creator lets another use a work, or all works where none is named."""

    owner: str = Field(description="Creator who permits: address or name.")
    licensee: str = Field(description="Creator who may use the work: address or name.")
    work_id: UUID | None = None
    note: str | None = Field(None, max_length=2000)


class PermissionView(Permission):
    """A stored permission."""

    id: int


@router.get("/policy", summary="Thresholds and base redirects in force")
def get_policy(services: ServicesDep, _: Reader) -> list[PolicyView]:
    with services.db.transaction() as conn:
        current = [policies.current(conn, media_type) for media_type in MEDIA_TYPES]
    return [PolicyView(**policy.__dict__) for policy in current]


@router.post("/permissions", status_code=201, summary="Record a licence; later analyses respect it")
def add_permission(services: ServicesDep, _: Governor, permission: Permission) -> PermissionView:
    with services.db.transaction() as conn:
        owner_id = ensure_creator(conn, permission.owner)
        licensee_id = ensure_creator(conn, permission.licensee)
        if permission.work_id is not None and works.get_work(conn, permission.work_id).creator_id != owner_id:
            raise NotFound(f"{permission.owner} has no work {permission.work_id}.")
        number = works.grant(conn, owner_id, licensee_id, permission.work_id, permission.note)
    return PermissionView(id=number, **permission.model_dump())
