"""Answers of the reviewers' queue."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from oracle.api.schemas.fraud import Body
from storage.cases.queue import QueuedCase

CaseKind = Literal["review", "claim", "appeal", "alert", "alarm"]
PAGES = {
    "review": "/reviews/{}",
    "claim": "/appeals/{}",
    "appeal": "/appeals/{}",
    "alert": "/fraud_alerts/{}",
    "alarm": "/quarantines/{}",
}


class CaseView(BaseModel):
    """A case that waits for a reviewer."""

    kind: CaseKind = Field(
        description="review: the oracle could not decide; claim: a creator says that a post copies"
        " theirs; appeal: against a verdict; alert: of fraud; alarm: a work made copyists of many."
    )
    id: UUID = Field(description="Of an alarm the work's that it is about.")
    page: str
    title: str | None
    picture: str | None
    media_type: str | None
    post_id: str | None
    creator: str | None
    other: str | None = Field(description="Creator on the other side.")
    signals: list[str] = Field(description="A reason, a ground, or the detectors' names.")
    similarity_bps: int | None
    amount_minor: int | None = Field(
        description="Cents that wait for it; null where nothing is known of the post's pay."
    )
    opened_at: datetime
    decide_by: datetime | None = Field(description="Null of an alarm: it waits for a person.")
    why_not_you: str | None = Field(description="Why this key may not decide it; null if it may.")


class QueueView(BaseModel):
    """A page of the queue, nearest deadline first, and how many cases of each kind wait."""

    cases: list[CaseView]
    waiting: dict[str, int]
    next_cursor: str | None


class SideView(BaseModel):
    """What became of a creator's works and cases so far, for those who decide."""

    creator: str
    since: datetime
    works: int
    copies: int = Field(description="Works that count as copies of others' now.")
    cleared: int = Field(description="Works that counted as copies once and do not any more.")
    copied: int = Field(description="Works of others that count as copies of theirs now.")
    appeals: int
    appeals_granted: int
    claims: int
    claims_granted: int
    bad_faith: int = Field(description="Claims made against better knowledge.")
    alerts: int
    alerts_upheld: int
    alerts_reversed: int


class NewInterest(Body):
    """A stake in a creator's affairs: whoever has one decides no case of that creator."""

    creator: str
    note: str = Field(min_length=1, max_length=2000)
    reviewer: str | None = Field(
        default=None, description="Another key's name (scope admin); your own if left out."
    )


class InterestView(BaseModel):
    """A declared stake."""

    reviewer: str
    creator: str
    note: str
    declared_by: str
    declared_at: datetime


class AlarmAnswer(Body):
    """What to do about a work that made copyists of many creators."""

    outcome: Literal["quarantine", "keep"]
    because: str = Field(min_length=10, max_length=4000)


def case_view(case: QueuedCase, why_not: str | None) -> CaseView:
    """Build the API's view of a case."""
    shown = {name: getattr(case, name) for name in CaseView.model_fields if hasattr(case, name)}
    return CaseView(
        **shown
        | {
            "page": PAGES[case.kind].format(case.id),
            "picture": f"/works/{case.work_id}/preview.jpg"
            if case.work_id and case.media_type != "audio"
            else None,
            "post_id": "0x" + case.post_id.hex() if case.post_id else None,
            "signals": list(case.signals),
            "why_not_you": why_not,
        }
    )
