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


class AttachmentView(BaseModel):
    """A file that supports a side."""

    number: int
    file_name: str
    mime: str
    size_bytes: int
    added_by: str


class CaseStep(BaseModel):
    """A step of a case, from the audit log."""

    at: datetime
    actor: str
    step: str
    reason_code: str | None
    text: str | None


class ClaimCheck(BaseModel):
    """What the judge says about the two works of a claim."""

    similarity_bps: int | None
    verified: bool | None
    match: dict[str, Any] | None = Field(description="As in evidence.")
    error: str | None
    checked_at: datetime | None


class SaidAtContract(BaseModel):
    """What a side said at the contract."""

    event: str = Field(description="DisputeOpened, DisputeAnswered or CopyClaimed.")
    at: datetime
    by: str = Field(description="The wallet.")
    hash: str = Field(description="SHA-256 of the words, as it is on chain.")
    text: str | None = Field(description="Null where the words are not known here.")


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
    check: ClaimCheck | None = Field(
        default=None, description="Of a claim: what the judge says about the two works."
    )
    attachments: list[AttachmentView]
    at_contract: list[SaidAtContract]
    history: list[CaseStep]


class AppealPage(BaseModel):
    """Appeals, the newest first."""

    appeals: list[AppealView]
    next_cursor: str | None = Field(description="Send it as `cursor` to go on; null at the end.")


class DecidedAppeal(BaseModel):
    """An appeal as it was decided, and what is looked at again because of it."""

    appeal: AppealView
    checked_again: list[UUID] = Field(description="Analyses of works that rested on it.")


class AttachedView(BaseModel):
    """A file that was added."""

    attachment: int = Field(description="Its number in the appeal.")


class MessageView(BaseModel):
    """A notice to a creator."""

    id: UUID
    kind: str
    subject: str
    body: str
    facts: dict[str, Any] = Field(description="What the text states, for programs.")
    created_at: datetime
    read_at: datetime | None
    alert_id: UUID | None
    appeal_id: UUID | None
    delivery: str = Field(description="To the creator's webhook: none, pending, sent or failed.")
    sha256: str
    link: str


class MessagePage(BaseModel):
    """Notices, the newest first."""

    messages: list[MessageView]
    next_cursor: str | None = Field(description="Send it as `cursor` to go on; null at the end.")


class WebhookSecret(BaseModel):
    """What deliveries are signed with (Standard Webhooks); it is shown once."""

    secret: str
