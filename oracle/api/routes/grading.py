"""The grading rules: every version so far, a dry run of a change, and the change itself."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from oracle.api.access import Governor, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.services import ServicesDep
from oracle.engagement import grading_policy
from oracle.engagement.grading_policy import Proposal
from storage.engagement import grades as engagement_grades
from storage.engagement.grades import StoredPolicy

router = APIRouter(route_class=BoundedRoute, prefix="/v1/grading", tags=["grading"])


class Rules(BaseModel):
    """Rules that make a grade. Basis points: 10000 is all."""

    weights_bps: dict[str, int] = Field(
        examples=[{"watch": 3500, "saves": 2000, "comments": 2000, "shares": 1500, "likes": 1000}]
    )
    cutoffs_bps: dict[str, int] = Field(examples=[{"A": 8000, "B": 6500, "C": 5000, "D": 3500}])
    prior_views: int = Field(
        50, gt=0, le=1_000_000, description="Views of an average post mixed into every post."
    )
    min_cohort: int = Field(
        30, gt=1, le=1_000_000, description="Least number of like posts for a comparison."
    )
    min_people: int = Field(
        50,
        ge=0,
        le=1_000_000,
        description="No grade with a bonus where fewer people took the post in.",
    )
    final_after_days: int = Field(7, ge=1, le=365)
    note: str = Field(min_length=1, max_length=500, description="The reason; people read it.")

    def proposal(self) -> Proposal:
        return Proposal(**self.model_dump(include=set(Proposal.__dataclass_fields__)))


class NewRules(Rules):
    """Rules for what is published from a given time on."""

    effective_from: AwareDatetime


class RulesView(Rules):
    """One version of the rules."""

    version: int
    effective_from: datetime | None = Field(description="Null: from the beginning.")
    min_watch_s: float = Field(
        description="Seconds watched for a view to count, or half of the media if that is less."
    )
    min_comment_chars: int
    created_by: str
    chain_version: int | None = Field(
        description="Version of the contract's policy whose cut-offs these are; null: set by"
        " the platform."
    )


class ChangeView(BaseModel):
    """A post whose grade would change."""

    post_id: str
    was: str
    was_score_bps: int
    becomes: str
    score_bps: int
    bonus_minor: int = Field(description="Cents of bonus more (or less) for its announced weeks.")


class DryRunView(BaseModel):
    """What the rules would have done to the posts of the last 30 days; nothing was changed."""

    posts: int
    changed: int
    moves: dict[str, int] = Field(examples=[{"B to A": 12}])
    bonus_minor: int
    first: list[ChangeView] = Field(description="Those that move most money.")


class LetterShareView(BaseModel):
    """Of the graded posts of one category, length or audience, those with a bonus."""

    kind: str
    posts: int
    a: int
    b: int


@router.get("/policy", summary="All versions of the grading rules, the newest first")
def list_rules(services: ServicesDep, _: Reader) -> list[RulesView]:
    with services.db.transaction() as conn:
        return [_view(stored) for stored in engagement_grades.list_policies(conn)]


@router.get("/shares", summary="How many posts of the last 30 days are A and B, by kind")
def letter_shares(services: ServicesDep, _: Governor) -> dict[str, list[LetterShareView]]:
    with services.db.transaction() as conn:
        shares = grading_policy.letter_shares(conn, datetime.now(UTC))
    return {by: [LetterShareView(**vars(one)) for one in found] for by, found in shares.items()}


@router.post("/policy/dry-run", summary="Try other rules on the posts of the last 30 days")
def try_rules(services: ServicesDep, _: Governor, rules: Rules) -> DryRunView:
    with services.db.transaction() as conn:
        result = grading_policy.dry_run(conn, rules.proposal(), datetime.now(UTC))
    changes = [
        ChangeView(**vars(change) | {"post_id": "0x" + change.post_id.hex()})
        for change in result.first
    ]
    return DryRunView(
        posts=result.posts,
        changed=result.changed,
        moves=dict(result.moves),
        bonus_minor=result.bonus_minor,
        first=changes,
    )


@router.post(
    "/policy", status_code=201, summary="New rules for posts published from a future time on"
)
def add_rules(services: ServicesDep, caller: Governor, rules: NewRules) -> RulesView:
    with services.db.transaction() as conn:
        stored = grading_policy.adopt(
            conn, rules.proposal(), rules.effective_from, caller.name, datetime.now(UTC)
        )
    return _view(stored)


def _view(stored: StoredPolicy) -> RulesView:
    return RulesView(
        version=stored.version,
        effective_from=stored.effective_from,
        weights_bps=dict(stored.weights_bps),
        cutoffs_bps=dict(stored.cutoffs_bps),
        prior_views=stored.prior_views,
        min_cohort=stored.min_cohort,
        min_people=stored.min_people,
        min_watch_s=stored.min_watch_ms / 1_000,
        min_comment_chars=stored.min_comment_chars,
        final_after_days=stored.final_after_days,
        note=stored.note,
        created_by=stored.created_by,
        chain_version=stored.chain_version,
    )
