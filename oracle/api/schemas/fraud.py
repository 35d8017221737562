"""Bodies and answers of the fraud API."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from oracle.fraud import wording as fraud_wording
from oracle.fraud.passes import NamedFinding, full_hour
from oracle.notices import wording
from storage.fraud.alerts import Alert
from storage.fraud.audit_log import AuditEntry

ReasonCode = Field(
    min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$", examples=["traffic_confirmed"]
)
Reason = Field(
    min_length=10,
    max_length=4000,
    description="What convinced you, in words; the creator reads it.",
)
PostId = Field(pattern=r"^0x[0-9a-fA-F]{64}$", description="32 bytes as 0x-hex.")


class Body(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class DetectRequest(Body):
    """The span to look at: by default the last 24 hours up to the next full hour."""

    end: AwareDatetime | None = Field(
        None, description="End of the span, a full hour, at the latest the next one."
    )
    span_hours: int = Field(24, ge=1, le=168)
    post_id: str | None = Field(
        None, pattern=r"^0x[0-9a-fA-F]{64}$", description="Show only findings about this post."
    )

    @field_validator("end")
    @classmethod
    def _full_hour_not_to_come(cls, end: datetime | None) -> datetime | None:
        if end is not None and (
            end != full_hour(end) or end > full_hour(datetime.now(UTC)) + timedelta(hours=1)
        ):
            raise ValueError("a span ends at a full hour, at the latest the next one")
        return end


class SignalView(BaseModel):
    """One pattern that a detector saw."""

    name: str
    score: float
    beyond_doubt: bool
    grounds: Sequence[str]
    sentence: str
    facts: Mapping[str, str | int | float]
    first_at: datetime
    last_at: datetime


class FindingView(BaseModel):
    """The signals at one post or creator, and the action they lead to."""

    subject: Literal["post", "creator"]
    post_id: str | None
    creator_id: int | None
    action: Literal["watch", "freeze"]
    reason: str
    score: float
    signals: list[SignalView]


class DetectView(BaseModel):
    """The result of a pass."""

    start: datetime
    end: datetime
    events: int
    seconds: float
    thresholds_version: int
    findings: list[FindingView]
    alerts: list[UUID]


class PostContext(BaseModel):
    """The post an alert is about."""

    post_id: str
    title: str | None
    media_type: str
    published_at: datetime
    views: int = Field(description="All views that are stored.")
    grade: str | None


class ProfileContext(BaseModel):
    """The creator an alert is about."""

    handle: str
    since: datetime
    posts: int
    followers: int = Field(description="As the platform last said with a post.")
    alerts: int
    alerts_reversed: int


class AlertView(BaseModel):
    """One alert and its subject."""

    id: UUID
    status: str
    round: int
    subject: Literal["post", "creator"]
    action: Literal["watch", "freeze"]
    reason: str
    rule: str
    score: float
    signals: list[SignalView]
    thresholds_version: int
    seen_from: datetime
    seen_until: datetime
    detected_at: datetime
    frozen_by: str | None
    frozen_at: datetime | None
    frozen_until: datetime | None
    review_by: datetime
    statement_sha256: str | None
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    post: PostContext | None
    profile: ProfileContext


class AuditView(BaseModel):
    """One step of the audit log."""

    seq: int
    at: datetime
    actor: str
    step: str
    reason_code: str
    text: str
    facts: Mapping[str, Any]
    hash: str


class AlertDetail(AlertView):
    """An alert with its history, its calls to the contract, and its messages to the creator."""

    history: list[AuditView]
    messages: list[UUID]
    chain: list[dict[str, Any]]


class AlertPage(BaseModel):
    """Alerts, newest first."""

    alerts: list[AlertView]
    next_cursor: str | None = Field(
        description="Hand it back to get the next page; null at the end."
    )


class AppealRequest(Body):
    """An appeal; free of charge."""

    ground: str = Field(examples=list(wording.GROUNDS))
    statement: str = Field(min_length=1, max_length=10_000)
    creator: str | None = Field(
        None, description="Whose appeal it is; only that creator's own key can file it."
    )


class ResolveRequest(Body):
    """A reviewer's decision."""

    decision: Literal["upheld", "reversed"]
    reason_code: str = ReasonCode
    reason: str = Reason
    until: AwareDatetime | None = Field(
        None, description="When upheld: the end of the hold, within 180 days."
    )


class FreezeRequest(Body):
    """A reviewer's hold on the subject of an open alert."""

    days: int = Field(14, ge=1, le=30)
    reason_code: str = ReasonCode
    reason: str = Reason


class ReopenRequest(Body):
    """A reviewer's order to open a closed alert again."""

    reason_code: str = ReasonCode
    reason: str = Reason


class ThresholdsRequest(Body):
    """New thresholds; absent ones have their default."""

    limits: dict[str, dict[str, float | int]]
    note: str = Field(min_length=10, max_length=1000)
    effective_from: AwareDatetime | None = Field(
        None, description="In force from then on; now if not given."
    )

    @field_validator("effective_from")
    @classmethod
    def _not_in_the_past(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= datetime.now(UTC):
            raise ValueError("rules are in force from a moment to come, or from now on")
        return moment


class ThresholdsView(BaseModel):
    """One version of the thresholds."""

    version: int
    limits: Mapping[str, Any]
    note: str
    created_by: str
    effective_from: datetime


class DryRunRequest(Body):
    """Thresholds to try on past days."""

    limits: dict[str, dict[str, float | int]]
    days: int = Field(30, ge=1, le=30)


class DryRunChange(BaseModel):
    """A subject that the proposed thresholds would treat differently on a day."""

    day: datetime
    subject: str
    post_id: str | None
    creator_id: int | None
    now: str | None = Field(description="What is done today; null for no finding.")
    then: str | None
    signals: list[str]


class DryRunView(BaseModel):
    """The thresholds in force and those proposed, over the last days."""

    days: int
    events: int
    freezes_now: int
    freezes_then: int
    alerts_now: int
    alerts_then: int
    changes: list[DryRunChange]


class AuditCheck(BaseModel):
    """Whether the hash chain of the audit log holds."""

    intact: bool
    broken_at: int | None
    head_seq: int
    head: str


class AppealFiled(BaseModel):
    """An appeal that was filed."""

    appeal_id: UUID
    link: str


def finding_view(finding: NamedFinding) -> FindingView:
    """Build the API's view of a finding."""
    shown = {
        name: getattr(finding, name)
        for name in ("subject", "creator_id", "action", "reason", "signals")
    }
    return FindingView.model_validate(
        shown | {"post_id": hexed(finding.post_id), "score": finding.score_bps / 10_000}
    )


def alert_view(alert: Alert, post: PostContext | None, profile: ProfileContext) -> AlertView:
    """Build the API's view of an alert."""
    shown = {name: getattr(alert, name) for name in AlertView.model_fields if hasattr(alert, name)}
    derived = {
        "rule": fraud_wording.rule_of(alert.signals),
        "score": alert.score_bps / 10_000,
        "post": post,
        "profile": profile,
        "statement_sha256": bytes(alert.statement_hash).hex() if alert.statement_hash else None,
    }
    return AlertView.model_validate(shown | derived)


def audit_view(entry: AuditEntry) -> AuditView:
    """Build the API's view of a step."""
    return AuditView(
        seq=entry.seq,
        at=entry.at,
        actor=entry.actor,
        step=entry.step,
        reason_code=entry.reason_code,
        text=entry.text,
        facts=entry.facts,
        hash=bytes(entry.hash).hex(),
    )


def hexed(value: bytes | None) -> str | None:
    """Format bytes as 0x-hex."""
    return None if value is None else "0x" + bytes(value).hex()
