"""Whether one more work is taken in: a pure rule over what waits and what a poster used today."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

# A place in the queue is free again in about so long.
QUEUE_RETRY_S = 30


class Full(StrEnum):
    """What has no room for one more work."""

    QUEUE = "queue"  # of everybody
    SHARE = "share"  # of the poster in the queue
    WORKS = "works"  # of the day
    BYTES = "bytes"
    MEDIA = "media"


@dataclass(frozen=True)
class Limits:
    """The most that waits, in works, and the most of a day; None for no limit."""

    waiting: int
    waiting_of_one: int
    works_a_day: int | None = None
    bytes_a_day: int | None = None
    media_s_a_day: int | None = None


@dataclass(frozen=True)
class Facts:
    """What waits, and what the poster posted today, the work in question included."""

    waiting: int
    waiting_own: int
    works: int
    size_bytes: int
    media_ms: int


def what_is_full(facts: Facts, limits: Limits) -> Full | None:
    """Return what has no room for the work, None where it is taken in."""
    if facts.waiting_own >= limits.waiting_of_one:
        return Full.SHARE
    if facts.waiting >= limits.waiting:
        return Full.QUEUE
    for full, value, most in (
        (Full.WORKS, facts.works, limits.works_a_day),
        (Full.BYTES, facts.size_bytes, limits.bytes_a_day),
        (Full.MEDIA, facts.media_ms / 1000, limits.media_s_a_day),
    ):
        if most is not None and value > most:
            return full
    return None


def retry_after_s(full: Full, now: datetime) -> int:
    """Return when it makes sense to come again, in seconds: a new day begins at midnight, UTC."""
    if full in (Full.QUEUE, Full.SHARE):
        return QUEUE_RETRY_S
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return max(1, round((tomorrow - now).total_seconds()))
