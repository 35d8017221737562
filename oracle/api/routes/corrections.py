"""Corrections of what was stated about a work, with their history."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from oracle.api.access import Caller, Reader, Uploader
from oracle.api.boundary import BoundedRoute
from oracle.api.parties import actor_of, unerased
from oracle.api.schemas.analyses import WorkView, work_view
from oracle.api.schemas.uploads import WRITABLE, Audience, Category, ExternalId, Title, exactly
from oracle.api.services import ServicesDep
from oracle.errors import NotAllowed
from storage.ledger import posts as ledger_posts
from storage.works import facts, works
from storage.works.works import Work

BY_RULING = (
    "Who a work is by, and so who is paid for it, is no metadata: appeal the verdict (POST"
    " /v1/appeals), or have an officer correct it, which the contract then follows. A work posted"
    " under a wrong name is erased (DELETE /v1/works/{id}) and posted again. Nothing was changed."
)
HINTS = {
    "creator": BY_RULING,
    "account": BY_RULING,
    "post_id": "A post on chain stays what it is. Nothing was changed.",
    "published_at": "What was stated about its age stays. Nothing was changed.",
}

router = APIRouter(route_class=BoundedRoute, prefix="/v1/works/{work_id}", tags=["works"])


class WorkCorrection(BaseModel):
    """What to correct; a field that is absent stays, and null takes it away."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    category: Category | None = None
    audience: Audience | None = None
    external_id: ExternalId | None = None
    reason: str = Field(
        min_length=1, max_length=500, pattern=WRITABLE, description="Why, for the history."
    )


class CorrectionView(BaseModel):
    """One corrected field."""

    field: str
    before: str | None
    after: str | None
    reason: str
    corrected_by: str
    corrected_at: datetime


@router.post(
    "/corrections",
    dependencies=[Depends(exactly(*WorkCorrection.model_fields, hints=HINTS))],
    summary="Correct title, category, audience or external id of a work",
)
def correct_work(
    services: ServicesDep, caller: Uploader, work_id: UUID, body: WorkCorrection
) -> WorkView:
    changes = body.model_dump(exclude_unset=True, exclude={"reason"})
    with services.db.transaction() as conn:
        work = unerased(works.get_work(conn, work_id))
        _check_may_correct(caller, work)
        facts.correct(conn, work_id, changes, actor_of(caller), body.reason)
        # Grades compare posts by what the platform says of their audience, never the creator.
        if caller.is_platform:
            ledger_posts.describe(conn, work.post_id, None, changes.get("audience"))
        return work_view(works.get_work(conn, work_id))


@router.get("/corrections", summary="What was corrected about a work, the oldest first")
def list_corrections(services: ServicesDep, _: Reader, work_id: UUID) -> list[CorrectionView]:
    with services.db.transaction() as conn:
        works.get_work(conn, work_id)
        return [CorrectionView(**vars(row)) for row in facts.corrections_of(conn, work_id)]


def _check_may_correct(caller: Caller, work: Work) -> None:
    owns = caller.creator_id is not None and caller.creator_id == work.creator_id
    posted = caller.is_platform and caller.poster == work.posted_by
    if not (owns or posted or caller.may("govern")):
        raise NotAllowed(
            "A work is corrected by its creator's own key, by the platform that posted it, or by a"
            " key with the scope 'govern'. Nothing was changed."
        )
