"""The rules in force, and permissions between creators."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from embeddings.sniff import MEDIA_TYPES
from oracle.api.access import Governor, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.services import ServicesDep
from oracle.engagement.grading_policy import cutoffs_of
from oracle.originality.naming import ensure_creator
from storage.errors import NotFound
from storage.works import permissions, policies, works
from storage.works.policies import Policy, PolicyTerms

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["governance"])


class PolicyView(BaseModel):
    """The rules of one media type, as the contract has them."""

    version: int
    media_type: str
    threshold_bps: int
    base_redirect_bps: int
    grade_cutoffs_bps: dict[str, int] | None = Field(
        description="Lowest engagement score of each letter, below is F; grades follow it from the"
        " next week on."
    )
    dispute_window_s: int | None = Field(
        description="How long a verdict under this version can be disputed."
    )


class Permission(BaseModel):
    """One creator lets another use a work, or all works where none is named."""

    owner: str = Field(description="Creator who permits: address or name.")
    licensee: str = Field(description="Creator who may use the work: address or name.")
    work_id: UUID | None = None
    note: str | None = Field(None, max_length=2000)


class PermissionView(Permission):
    """A stored permission."""

    id: int


@router.get("/policy", summary="Thresholds, base redirects, grades and disputes in force")
def get_policy(services: ServicesDep, _: Reader) -> list[PolicyView]:
    with services.db.transaction() as conn:
        current = [policies.current(conn, media_type) for media_type in MEDIA_TYPES]
        return [_view(policy, policies.find_terms(conn, policy.version)) for policy in current]


@router.post("/permissions", status_code=201, summary="Record a licence; later analyses respect it")
def add_permission(services: ServicesDep, _: Governor, permission: Permission) -> PermissionView:
    with services.db.transaction() as conn:
        owner_id = ensure_creator(conn, permission.owner)
        licensee_id = ensure_creator(conn, permission.licensee)
        if (
            permission.work_id is not None
            and works.get_work(conn, permission.work_id).creator_id != owner_id
        ):
            raise NotFound(f"{permission.owner} has no work {permission.work_id}.")
        number = permissions.grant(conn, owner_id, licensee_id, permission.work_id, permission.note)
    return PermissionView(id=number, **permission.model_dump())


def _view(policy: Policy, terms: PolicyTerms | None) -> PolicyView:
    return PolicyView(
        **policy.__dict__,
        grade_cutoffs_bps=cutoffs_of(terms) if terms else None,
        dispute_window_s=terms.dispute_window_s if terms else None,
    )
