"""Engagement: events in bulk, title and audience of posts, and base pay by week."""

from datetime import UTC, date, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from oracle.api.access import Admin, Caller, Uploader
from oracle.api.services import ServicesDep
from oracle.engagement import events
from oracle.engagement.events import Outcome, PostId
from oracle.errors import NotAllowed
from storage.ledger import earnings as ledger_earnings
from storage.ledger import ledger
from storage.ledger import posts as ledger_posts

router = APIRouter(prefix="/api", tags=["engagement"])


class EventProblem(BaseModel):
    """Why one event was rejected."""

    index: int = Field(description="Its place in the list, from 0.")
    id: str | None
    code: str = Field(examples=["invalid", "future", "too_old"])
    detail: str


class EngagementAnswer(BaseModel):
    """The result of a batch: received = stored + duplicates + rejected."""

    received: int
    stored: int
    duplicates: int = Field(description="Known already; sending again is safe.")
    late: int = Field(description="More than a day old; accepted, and counted among the others.")
    rejected: dict[str, int] = Field(description="Number of rejected events, by code.")
    problems: list[EventProblem] = Field(description="The first of the rejected ones.")


class PostFacts(BaseModel):
    """What a platform states about a post; a field that is absent stays as it was."""

    title: str | None = Field(None, min_length=1, max_length=200)
    audience: int | None = Field(
        None, ge=0, le=2_000_000_000, description="The creator's followers when it came out."
    )


class BasePay(BaseModel):
    """What a post earned in a week before any bonus."""

    post_id: PostId
    week: date = Field(description="A day of the week; weeks begin on Monday (UTC).")
    base_minor: int = Field(ge=0, le=10**12, description="Cents.")


class Earnings(BaseModel):
    """Base pay of many posts."""

    earnings: list[BasePay] = Field(max_length=10_000)


class EarningProblem(BaseModel):
    """Why one line was rejected."""

    index: int
    code: str = Field(examples=["unknown_post", "unsigned_post", "paid"])
    detail: str


class EarningsAnswer(BaseModel):
    """The result: new lines, changed ones, and those known before."""

    new: int
    changed: int
    same: int
    problems: list[EarningProblem]


PROBLEMS = {
    "unknown_post": "No post of that id is registered; upload its media first.",
    "unsigned_post": "Nobody signed this post, so nobody can be paid for it.",
    "paid": "This week was paid already by another amount, and what is paid stays.",
}


@router.post(
    "/engagement",
    response_model=EngagementAnswer,
    summary="Events in bulk; each counts once, however often it is sent",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": events.schema()}},
        }
    },
)
async def add_events(services: ServicesDep, caller: Uploader, request: Request) -> EngagementAnswer:
    _platform_only(caller)
    body = await request.body()
    outcome = await run_in_threadpool(events.ingest, services.db, body, datetime.now(UTC))
    return _answer(outcome)


@router.put("/posts/{post_id}", status_code=204, summary="Title and audience of a post")
def describe_post(
    services: ServicesDep, caller: Uploader, post_id: PostId, facts: PostFacts
) -> None:
    _platform_only(caller)
    with services.db.transaction() as conn:
        ledger_posts.describe(conn, bytes.fromhex(post_id[2:]), facts.title, facts.audience)


@router.post("/earnings", summary="Base pay by post and week; paid once the post's grade is final")
def add_earnings(services: ServicesDep, _: Admin, body: Earnings) -> EarningsAnswer:
    now = datetime.now(UTC)
    counts = {"new": 0, "changed": 0, "same": 0}
    problems = []
    # Always in one order, whatever the caller's: two batches never wait for each other.
    lines = sorted(
        enumerate(body.earnings), key=lambda line: (line[1].post_id.lower(), line[1].week)
    )
    with services.db.transaction() as conn:
        for index, line in lines:
            week = ledger.week_of(line.week)
            became = ledger_earnings.announce(
                conn, bytes.fromhex(line.post_id[2:]), week, line.base_minor, now
            )
            if became in counts:
                counts[became] += 1
            else:
                problems.append(EarningProblem(index=index, code=became, detail=PROBLEMS[became]))
    return EarningsAnswer(**counts, problems=sorted(problems, key=lambda problem: problem.index))


def _platform_only(caller: Caller) -> None:
    """Check that a platform reports: views are money, so creators and anonymous callers may not."""
    if not caller.is_platform:
        raise NotAllowed(
            "Events come from the platform: they take an upload key that belongs to no creator."
        )


def _answer(outcome: Outcome) -> EngagementAnswer:
    shown: list[Any] = [EventProblem(**vars(problem)) for problem in outcome.problems]
    return EngagementAnswer(
        received=outcome.received,
        stored=outcome.stored,
        duplicates=outcome.duplicates,
        late=outcome.late,
        rejected=dict(outcome.rejected),
        problems=shown,
    )
