"""Engagement events as platforms send them. Each is validated alone: a bad one rejects no other."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

from oracle.engagement.agents import program_of
from oracle.engagement.errors import CreatorsError
from oracle.engagement.referrers import CONTROLS, MAX_TEXT, Source, plain_referrer, source_of
from storage.database import Connection, Database
from storage.engagement import events as engagement_events
from storage.engagement.events import Event
from storage.ledger import posts

MAX_EVENTS = 50_000
# Clocks differ a little; an event further ahead would count towards tomorrow.
CLOCK_SKEW = timedelta(minutes=5)
LATE_AFTER = timedelta(days=1)
# So long an event counts as late as it comes: older ones are refused, by name.
TOO_OLD_AFTER = timedelta(days=30)
MAX_PROBLEMS = 100
OUTSIDE = (Source.OUTSIDE, Source.EXCHANGE)

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Digest = Annotated[
    str,
    Field(pattern=r"^(?:[0-9a-fA-F]{2}){8,32}$", description="Keyed hash, 8 to 32 bytes as hex."),
]
PostId = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$", description="32 bytes as 0x-hex.")]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class _Event(BaseModel):
    """The fields of every event."""

    model_config = ConfigDict(extra="forbid")

    id: Name = Field(
        description="The sender's own id of the event: sent again with the same time, it counts"
        " once."
    )
    at: AwareDatetime
    device: Name | None = None
    ip_hash: Digest | None = None
    user_agent: str | None = Field(None, max_length=4096)
    referrer: str | None = Field(None, max_length=4096)


class View(_Event):
    """An account or visitor watched. A picture has no `video_s`."""

    kind: Literal["view"]
    post_id: PostId
    account: Name | None = None
    watch_s: Seconds
    video_s: float | None = Field(None, gt=0, le=86_400)


class Reaction(_Event):
    """An account liked, saved or shared."""

    kind: Literal["like", "save", "share"]
    post_id: PostId
    account: Name


class Comment(_Event):
    """An account commented. The text itself stays with the platform."""

    kind: Literal["comment"]
    post_id: PostId
    account: Name
    text_hash: Digest
    text_length: int = Field(ge=0, le=1_000_000)


class Follow(_Event):
    """An account followed a creator."""

    kind: Literal["follow"]
    creator: Name
    account: Name


class Gift(_Event):
    """An account gave money to a creator, with or without a post."""

    kind: Literal["gift"]
    creator: Name | None = None
    post_id: PostId | None = None
    account: Name
    value_minor: int = Field(strict=True, gt=0, le=10**12, description="Cents.")


class Visit(_Event):
    """An account signed up or logged in."""

    kind: Literal["sign_up", "login"]
    account: Name


AnyEvent = Annotated[View | Reaction | Comment | Follow | Gift | Visit, Field(discriminator="kind")]
_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


class _Batch(TypedDict):
    events: Annotated[list[AnyEvent], Field(max_length=MAX_EVENTS)]


_BATCH = TypeAdapter(_Batch)


class MalformedBatch(CreatorsError):
    """The body is not a JSON object with a list of at most 50 000 events under "events"."""

    code = "malformed_batch"


@dataclass(frozen=True)
class Problem:
    """Why one event was rejected. `code` is invalid, future, too_old or not_your_post."""

    index: int
    id: str | None
    code: str
    detail: str


@dataclass(kw_only=True)
class Outcome:
    """The result of a batch: received = stored + duplicates + all rejected."""

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    late: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    places: list[int] = field(default_factory=list, repr=False)  # of the valid ones in the batch

    def reject(self, problem: Problem) -> None:
        """Count a rejected event; the first MAX_PROBLEMS are listed."""
        self.rejected[problem.code] += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def ingest(
    db: Database,
    body: bytes,
    now: datetime,
    own_domains: tuple[str, ...] = (),
    poster: str | None = None,
) -> Outcome:
    """Store the valid events of a batch, all in one transaction.

    Args:
        body: JSON: {"events": [...]}.
        poster: The platform that reports them; it speaks of no other platform's posts. None: the
            operator, who speaks of all.
        own_domains: The platform's own, in lower case: who comes from there is no stranger.
    Raises: MalformedBatch, DatabaseUnavailable (nothing was stored then).
    """
    events, outcome = parse(body, now, own_domains)
    with db.transaction() as conn:
        if poster is not None:
            events = _without_others(conn, events, outcome, poster)
        outcome.stored = engagement_events.add_events(conn, events)
    outcome.duplicates = len(events) - outcome.stored
    return outcome


def parse(
    body: bytes, now: datetime, own_domains: tuple[str, ...] = ()
) -> tuple[list[Event], Outcome]:
    """Return the valid events of a batch, and the result for the others. Raises: MalformedBatch."""
    entries: Sequence[tuple[int, _Event]]
    try:  # one pass in C where every event is valid
        entries = list(enumerate(_BATCH.validate_json(body)["events"]))
        outcome = Outcome(received=len(entries))
    except ValidationError:
        entries, outcome = _validate_each(body)
    oldest, newest, late_before = now - TOO_OLD_AFTER, now + CLOCK_SKEW, now - LATE_AFTER
    accepted = []
    for index, entry in entries:
        if not oldest <= entry.at <= newest:
            outcome.reject(_out_of_time(index, entry, now))
            continue
        outcome.late += entry.at < late_before
        accepted.append(_event(entry, own_domains))
        outcome.places.append(index)
    return accepted, outcome


def _without_others(
    conn: Connection, events: list[Event], outcome: Outcome, poster: str
) -> list[Event]:
    """The events but those about posts of another platform, which are rejected."""
    named = {event.post_id for event in events if event.post_id is not None}
    others = posts.posted_by_other_platforms(conn, sorted(named), poster)
    if not others:
        return events
    for place, event in zip(outcome.places, events, strict=True):
        if event.post_id in others:
            detail = f"Another platform posted 0x{event.post_id.hex()}."
            outcome.reject(Problem(place, None, "not_your_post", detail))
    return [event for event in events if event.post_id not in others]


def event_uuid(sender_id: str) -> UUID:
    """Return a sender's id as 16 bytes: a UUID in the usual form as it is, else the start of its
    SHA-256.
    """
    if len(sender_id) == 36:
        try:
            return UUID(sender_id)
        except ValueError:
            pass
    return UUID(bytes=hashlib.sha256(sender_id.encode()).digest()[:16])


@lru_cache(4096)  # few agents and referrers make up most of a batch
def plain_agent(agent: str) -> str:
    """Make a user agent storable: no control characters, at most MAX_TEXT characters."""
    return CONTROLS.sub(" ", agent)[:MAX_TEXT]


def _validate_each(body: bytes) -> tuple[list[tuple[int, _Event]], Outcome]:
    """Return the valid entries of a batch with their indexes. Raises: MalformedBatch."""
    try:
        batch = from_json(body)
    except ValueError as exc:
        raise MalformedBatch(f"The body is no JSON: {exc}") from exc
    entries = batch.get("events") if isinstance(batch, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_EVENTS:
        raise MalformedBatch
    outcome = Outcome(received=len(entries))
    valid: list[tuple[int, _Event]] = []
    for index, entry in enumerate(entries):
        try:
            valid.append((index, _EVENT.validate_python(entry)))
        except ValidationError as exc:
            # The first part of a location is the kind of the event; the rest names the field.
            details = "; ".join(
                f"{'.'.join(map(str, error['loc'][1:]))}: {error['msg']}".removeprefix(": ")
                for error in exc.errors(
                    include_url=False, include_input=False, include_context=False
                )
            )
            outcome.reject(Problem(index, _id_of(entry), "invalid", details))
    return valid, outcome


def _out_of_time(index: int, entry: _Event, now: datetime) -> Problem:
    if entry.at > now:
        return Problem(
            index,
            entry.id,
            "future",
            f"{entry.at.isoformat()} is in the future; check the sender's clock.",
        )
    detail = f"{entry.at.isoformat()} is more than {TOO_OLD_AFTER.days} days ago."
    return Problem(index, entry.id, "too_old", detail)


def _id_of(entry: Any) -> str | None:
    sender_id = entry.get("id") if isinstance(entry, dict) else None
    return sender_id[:128] if isinstance(sender_id, str) else None


def _event(entry: _Event, own_domains: tuple[str, ...]) -> Event:
    # Straight from the model's dictionary: looking up absent fields on a model costs more than all
    # the rest.
    get_field = entry.__dict__.get
    post_id, ip_hash, text_hash = (
        get_field("post_id"),
        get_field("ip_hash"),
        get_field("text_hash"),
    )
    watch_s, video_s, agent, referrer = (
        get_field("watch_s"),
        get_field("video_s"),
        get_field("user_agent"),
        get_field("referrer"),
    )
    agent = plain_agent(agent) if agent else None
    referrer = plain_referrer(referrer) if referrer else None
    return Event(
        event_uuid(entry.id),
        entry.at,
        entry.__dict__["kind"],
        bytes.fromhex(post_id[2:]) if post_id else None,
        get_field("creator"),
        get_field("account"),
        get_field("device"),
        bytes.fromhex(ip_hash) if ip_hash else None,
        agent,
        referrer,
        None if watch_s is None else round(watch_s * 1_000),
        max(1, round(video_s * 1_000)) if video_s else None,
        bytes.fromhex(text_hash) if text_hash else None,
        get_field("text_length"),
        get_field("value_minor"),
        program_of(agent) if agent else None,
        bool(referrer) and source_of(referrer, own_domains) in OUTSIDE,
    )


def schema() -> dict[str, Any]:
    """Return the JSON schema of a batch for the API's documentation; complete in itself."""
    kinds = [model.model_json_schema() for model in (View, Reaction, Comment, Follow, Gift, Visit)]
    events = {"type": "array", "maxItems": MAX_EVENTS, "items": {"oneOf": kinds}}
    return {"type": "object", "required": ["events"], "properties": {"events": events}}
