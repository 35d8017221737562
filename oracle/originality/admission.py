"""Whether there is room for one more work: asked before its media is sent, and kept to when it is
taken in.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from oracle.errors import QueueFull, QuotaExceeded
from oracle.rules.admission import Facts, Full, Limits, retry_after_s, what_is_full
from storage import usage
from storage.database import Connection, Database

SAID = {
    Full.QUEUE: "So many works wait for a decision that no more are taken in for now.",
    Full.SHARE: "Of yours, {most} works wait for a decision; the others' have their turn.",
    Full.WORKS: "The key posts at most {most} works a day.",
    Full.BYTES: "The key posts at most {most} bytes a day.",
    Full.MEDIA: "The key posts at most {most} seconds of video and sound a day.",
}


@dataclass(frozen=True)
class Poster:
    """Who posts, under which key if any, and what is the most where the key says nothing else."""

    whose: str
    key_id: int | None
    limits: Limits

    def limits_now(self, conn: Connection) -> Limits:
        """Return what it may post."""
        own = usage.quotas(conn, self.key_id) if self.key_id is not None else {}
        return replace(self.limits, **own)


def check_room(db: Database, poster: Poster) -> None:
    """Check that a poster may send one more work. Raises: QueueFull, QuotaExceeded,
    DatabaseUnavailable.
    """
    now = datetime.now(UTC)
    with db.transaction() as conn:
        limits = poster.limits_now(conn)
        waiting = usage.waiting(conn, poster.whose)
        used = usage.used(conn, poster.whose, now.date())
    _refuse_full(
        Facts(waiting.everybody, waiting.own, used.works + 1, used.size_bytes, used.media_ms),
        limits,
        now,
    )


def count(conn: Connection, poster: Poster, size_bytes: int, media_ms: int) -> None:
    """Count a work that is taken in, in its transaction: however many come at once, the quota
    holds. Raises: QuotaExceeded.
    """
    now = datetime.now(UTC)
    used = usage.add(conn, poster.whose, now.date(), size_bytes, media_ms)
    facts = Facts(0, 0, used.works, used.size_bytes, used.media_ms)
    _refuse_full(facts, poster.limits_now(conn), now)


def _refuse_full(facts: Facts, limits: Limits, now: datetime) -> None:
    full = what_is_full(facts, limits)
    if full is None:
        return
    most = {
        Full.SHARE: limits.waiting_of_one,
        Full.WORKS: limits.works_a_day,
        Full.BYTES: limits.bytes_a_day,
        Full.MEDIA: limits.media_s_a_day,
    }.get(full)
    error = QueueFull if full in (Full.QUEUE, Full.SHARE) else QuotaExceeded
    detail = SAID[full].format(most=most) + " Nothing was kept; come again later."
    raise error(detail, retry_after_s=retry_after_s(full, now))
