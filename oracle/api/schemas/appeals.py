"""Bodies and answers of appeals and webhooks."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from oracle.api.schemas.fraud import AppealRequest, Body


class VerdictAppeal(AppealRequest):
    """An appeal against the verdict of an analysis."""

    analysis_id: UUID


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
    attachments: list[dict[str, Any]]
    history: list[dict[str, Any]]
