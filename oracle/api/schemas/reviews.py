"""Bodies and answers of reviews: what could not be decided, and how it ended."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from oracle.api.schemas.fraud import Body


class ReviewDecision(Body):
    """A person's decision on what the oracle could not decide."""

    outcome: Literal["original", "licensed", "derivative"]
    because: str = Field(
        min_length=10, max_length=4000, description="Why; the creators on both sides read it."
    )


class ReviewStatement(Body):
    """What the creator of the post has to say about it."""

    statement: str = Field(min_length=1, max_length=10_000)
    creator: str | None = None


class QuarantineReason(Body):
    """Why a work is quarantined, or released."""

    because: str = Field(min_length=10, max_length=4000)


class QuarantineView(BaseModel):
    """A work by which nobody is accused for now, or was not for a while."""

    work_id: UUID
    creator: str | None
    since: datetime
    by: str
    because: str
    released_at: datetime | None
    released_by: str | None
    released_because: str | None


class QuarantineList(BaseModel):
    """Works in quarantine first, then those that were."""

    quarantines: list[QuarantineView]


class JudgedAgain(BaseModel):
    """What rested on a work and is judged again."""

    work_id: UUID
    judged_again: list[UUID] = Field(description="The analyses that are repeated.")


class ReviewView(BaseModel):
    """An undecided verdict, until a person or the rule at the deadline ends it."""

    id: UUID
    analysis_id: UUID
    work_id: UUID
    post_id: str
    media_type: str
    creator: str | None
    reason: str = Field(description="Why the oracle could not decide.")
    nearest_work_id: UUID | None
    nearest_creator: str | None
    similarity_bps: int
    held_bps: int = Field(description="Share of what the post earns that waits meanwhile.")
    opened_at: datetime
    decide_by: datetime = Field(description="Without a decision it counts as original from then.")
    would_help: str = Field(description="What its creator can send that helps to decide.")
    statement: str | None
    status: Literal["open", "decided", "superseded"]
    outcome: str | None
    decided_by: str | None
    because: str | None
    decided_at: datetime | None
    ended_by: UUID | None = Field(description="The analysis that says how it ended.")


class ReviewPage(BaseModel):
    """Open reviews, the nearest deadline first."""

    reviews: list[ReviewView]
    next_cursor: str | None = Field(description="Send it as `cursor` to go on; null at the end.")
