"""Engagement: events in bulk, title and audience of posts, and base pay by week."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, Field, StrictInt
from starlette.concurrency import run_in_threadpool

from oracle.api.access import Admin, Caller, Uploader
from oracle.api.boundary import BoundedRoute, takes
from oracle.api.schemas.uploads import WRITABLE
from oracle.api.services import ServicesDep
from oracle.engagement import events
from oracle.engagement.events import Name, Outcome, PostId
from oracle.errors import NotAllowed
from oracle.payouts import payments
from oracle.payouts.payments import PayRules
from storage.ledger import earnings as ledger_earnings
from storage.ledger import ledger
from storage.ledger import posts as ledger_posts
from storage.ledger.earnings import NewAdjustment, NewPay

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["engagement"])
# So long after it a week can be paid and corrected.
CORRECTED_WITHIN = timedelta(weeks=26)
# Of 50 000 events, and of 10 000 lines.
EVENTS_BYTES, EARNINGS_BYTES = 32 * 2**20, 8 * 2**20
Cents = Annotated[int, Field(strict=True)]
BaseCents = Annotated[Cents, Field(ge=0, le=10**12)]


def _only_text(value: object) -> object:
    if not isinstance(value, str) or value.isdigit():
        raise ValueError("a date is text, such as 2026-11-16")  # a number might be of any unit
    return value


Day = Annotated[date, BeforeValidator(_only_text)]


class EventProblem(BaseModel):
    """Why one event was rejected."""

    index: int = Field(description="Its place in the list, from 0.")
    id: str | None
    code: str = Field(examples=["invalid", "future", "too_old", "not_your_post"])
    detail: str


class EngagementAnswer(BaseModel):
    """The result of a batch: received = stored + duplicates + rejected."""

    received: int
    stored: int
    duplicates: int = Field(description="Known already; sending again is safe.")
    late: int = Field(
        description="More than a day old; accepted, and counted: for a grade that was final, too."
    )
    rejected: dict[str, int] = Field(description="Number of rejected events, by code.")
    problems: list[EventProblem] = Field(description="The first of the rejected ones.")


class PostFacts(BaseModel):
    """What a platform states about a post; a field that is absent stays as it was."""

    title: str | None = Field(None, min_length=1, max_length=200, pattern=WRITABLE)
    audience: StrictInt | None = Field(
        None, ge=0, le=2_000_000_000, description="The creator's followers when it came out."
    )


class BasePay(BaseModel):
    """What a post earned in a week before any bonus."""

    post_id: PostId
    week: Day = Field(
        description="A day of the week; weeks begin on Monday (UTC). At most half a year ago, and"
        " begun."
    )
    base_minor: BaseCents = Field(description="Cents, for the whole week.")
    views: StrictInt | None = Field(
        None,
        gt=0,
        le=10**12,
        description="How many views it pays for, if it pays by views: those that do not count are"
        " not paid then: of viewers, as the grade counts them, one view each in a week.",
    )
    reason: str | None = Field(
        None,
        min_length=1,
        max_length=500,
        description="Why the amount changed; the creator reads it.",
    )


class Earnings(BaseModel):
    """Base pay of many posts: one line for a post and week."""

    earnings: list[BasePay] = Field(max_length=10_000)


class EarningProblem(BaseModel):
    """Why one line was rejected."""

    index: int
    code: str = Field(examples=["unknown_post", "unsigned_post", "two_lines"])
    detail: str


class EarningsAnswer(BaseModel):
    """The result: new lines, changed ones, and those known before."""

    new: int
    changed: int
    corrected: int = Field(
        description="Of weeks that were paid: the difference is booked as a correction."
    )
    unconfirmed: int = Field(description="Kept; not paid until a second person confirms them.")
    same: int
    problems: list[EarningProblem]


class Confirmation(BaseModel):
    """An amount above the ceiling, as it was announced by somebody else."""

    post_id: PostId
    week: Day
    base_minor: BaseCents


class Adjustment(BaseModel):
    """What a post's creator gained or lost besides its weeks."""

    id: Name = Field(
        description="Your own id of it: sent again, it is booked once; for another post or amount,"
        " it is refused."
    )
    post_id: PostId
    amount_minor: Cents = Field(
        ge=-(10**9),
        le=10**9,
        description="Cents; below zero it is left out of later pay, such as a gift charged back.",
    )
    reason: str = Field(min_length=1, max_length=500, description="The creator reads it.")


class AdjustmentAnswer(BaseModel):
    """Whether it was booked now; False: it was before, or waits for a second person."""

    booked: bool
    unconfirmed: bool = Field(
        description="Kept; booked once somebody else sends the same, as the amount is large, or"
        " what one person alone booked for the post this week is."
    )


PROBLEMS = {
    "unknown_post": "No post of that id is registered; upload its media first.",
    "unsigned_post": "Nobody signed this post, so nobody can be paid for it.",
    "two_lines": "Another line of this request is about the same post and week, and a line is for"
    " the whole week. None of them was kept: send one with the sum.",
    "not_begun": "That week has not begun. Nothing was kept; check the date.",
    "too_long_ago": "That week is more than half a year ago, and can not be paid or corrected any"
    " more. Nothing was kept.",
    "not_announced": "No such amount of this post and week was announced.",
    "same_person": "Whoever announced an amount can not confirm it; somebody else has to.",
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
@takes(body=EVENTS_BYTES)
async def add_events(services: ServicesDep, caller: Uploader, request: Request) -> EngagementAnswer:
    _platform_only(caller)
    body = await request.body()
    outcome = await run_in_threadpool(
        events.ingest,
        services.db,
        body,
        datetime.now(UTC),
        services.settings.engagement.own,
        None if caller.may("admin") else caller.poster,
    )
    return _answer(outcome)


@router.put("/posts/{post_id}", status_code=204, summary="Title and audience of a post")
def describe_post(
    services: ServicesDep, caller: Uploader, post_id: PostId, facts: PostFacts
) -> None:
    _platform_only(caller)
    with services.db.transaction() as conn:
        post = bytes.fromhex(post_id[2:])
        if not caller.may("admin") and ledger_posts.posted_by_other_platforms(
            conn, [post], caller.poster
        ):
            raise NotAllowed(
                f"Another platform posted {post_id}, and describes it; nothing was changed. Keys of"
                " one platform are made with one name space."
            )
        ledger_posts.describe(conn, bytes.fromhex(post_id[2:]), facts.title, facts.audience)


@router.post(
    "/earnings",
    summary="Base pay by post and week; paid once the week has settled and the grade is final",
)
@takes(body=EARNINGS_BYTES)
def add_earnings(services: ServicesDep, caller: Admin, body: Earnings) -> EarningsAnswer:
    now = datetime.now(UTC)
    counts = dict.fromkeys(("new", "changed", "corrected", "unconfirmed", "same"), 0)
    problems = {}
    keys = [(line.post_id.lower(), ledger.week_of(line.week)) for line in body.earnings]
    often = Counter(keys)
    ceiling = services.settings.pay.confirm_above_minor
    # Always in one order, whatever the caller's: two batches never wait for each other.
    with services.db.transaction() as conn:
        for index in sorted(range(len(keys)), key=lambda index: keys[index]):
            line, (post_id, week) = body.earnings[index], keys[index]
            became = "two_lines" if often[keys[index]] > 1 else _out_of_sense(week, now)
            if became is None:
                pay = NewPay(
                    post_id=bytes.fromhex(post_id[2:]),
                    week=week,
                    base_minor=line.base_minor,
                    views=line.views,
                    reason=line.reason,
                    by=caller.name,
                )
                became = ledger_earnings.announce(conn, pay, now, confirm_above=ceiling)
            if became in counts:
                counts[became] += 1
            else:
                problems[index] = EarningProblem(index=index, code=became, detail=PROBLEMS[became])
    return EarningsAnswer(**counts, problems=[problems[index] for index in sorted(problems)])


@router.post("/earnings/confirm", summary="Confirm an amount that somebody else announced")
def confirm_earnings(services: ServicesDep, caller: Admin, body: Confirmation) -> EarningsAnswer:
    with services.db.transaction() as conn:
        became = ledger_earnings.confirm(
            conn,
            bytes.fromhex(body.post_id[2:]),
            ledger.week_of(body.week),
            body.base_minor,
            caller.name,
        )
    problems = (
        [EarningProblem(index=0, code=became, detail=PROBLEMS[became])]
        if became in PROBLEMS
        else []
    )
    return EarningsAnswer(
        new=0, changed=int(not problems), corrected=0, unconfirmed=0, same=0, problems=problems
    )


@router.post(
    "/adjustments", summary="Money besides the weeks, such as a gift that was charged back"
)
def adjust(services: ServicesDep, caller: Admin, body: Adjustment) -> AdjustmentAnswer:
    adjustment = NewAdjustment(
        id=body.id,
        post_id=bytes.fromhex(body.post_id[2:]),
        amount_minor=body.amount_minor,
        reason=body.reason,
        by=caller.name,
    )
    rules = PayRules(confirm_above_minor=services.settings.pay.confirm_above_minor)
    with services.db.transaction() as conn:
        became = payments.adjust(conn, adjustment, datetime.now(UTC), rules)
    return AdjustmentAnswer(booked=became == "booked", unconfirmed=became == "unconfirmed")


def _out_of_sense(week: date, now: datetime) -> str | None:
    if week > ledger.week_of(now):
        return "not_begun"
    return "too_long_ago" if week < ledger.week_of(now - CORRECTED_WITHIN) else None


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
