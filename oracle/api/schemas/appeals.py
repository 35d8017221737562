"""Bodies and answers of appeals and webhooks."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from oracle.api.schemas.fraud import AppealRequest, Body


class VerdictAppeal(AppealRequest):
    """An appeal against the verdict of an analysis."""

    analysis_id: UUID


class CopyClaim(Body):
    """A claim that a post copies an earlier work of one's own."""

    analysis_id: UUID = Field(description="The newest analysis of the post.")
    earlier_work_id: UUID = Field(description="Your work, registered before that post's.")
    statement: str = Field(min_length=1, max_length=10_000)
    creator: str | None = None


class View(Body):
    """The other side's view of an appeal."""

    view: str = Field(min_length=1, max_length=10_000)
    creator: str | None = None


class Decision(Body):
    """The decision on an appeal against a verdict."""

    outcome: Literal["granted", "refused"]
    convinced: str = Field(
        min_length=10, max_length=4000, description="What convinced you; both sides read it."
    )
    similarity_bps: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="Of a claim: how close you find the two, where the judge proved nothing.",
    )
    bad_faith: bool = Field(
        default=False, description="Of a refused claim: it was made against better knowledge."
    )


class Webhook(Body):
    """Where a creator's messages are sent."""

    url: str = Field(max_length=2000)
    creator: str | None = None


class AppealView(BaseModel):
    """An appeal as both sides and the reviewers see it."""

    id: UUID
    kind: str
    alert_id: UUID | None
    analysis_id: UUID | None
    ground: str
    statement: str
    status: str
    filed_at: datetime
    decide_by: datetime
    first_decider: str
    other_view: str | None
    other_until: datetime | None
    outcome: str | None
    convinced: str | None
    decided_by: str | None
    decided_at: datetime | None
    earlier_work_id: UUID | None = None
    bad_faith: bool = False
    check: dict[str, Any] | None = Field(
        default=None, description="Of a claim: what the judge says about the two works."
    )
    attachments: list[dict[str, Any]]
    history: list[dict[str, Any]]
