"""Freezes of money: of a post's earnings, or of an account's withdrawals. Each has an end."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.database import Connection

_ACTIVE = "released_at is null and since <= %(now)s and until > %(now)s"


@dataclass(frozen=True)
class Freeze:
    """One freeze, of a post or of a creator's account."""

    alert_id: UUID
    post_id: bytes | None
    creator_id: int | None
    since: datetime
    until: datetime


def add(conn: Connection, freeze: Freeze) -> None:
    """Start a freeze, or move the end of one started before."""
    conn.execute(
        "insert into ledger_freezes (alert_id, post_id, creator_id, since, until) values (%s, %s,"
        " %s, %s, %s) on conflict (alert_id, post_id, creator_id) do update set until ="
        " excluded.until, released_at = null",
        (freeze.alert_id, freeze.post_id, freeze.creator_id, freeze.since, freeze.until),
    )


def end(conn: Connection, alert_id: UUID, now: datetime) -> list[bytes]:
    """End the freezes of an alert now. Returns: their posts."""
    rows = conn.execute(
        "update ledger_freezes set released_at = %s where alert_id = %s and released_at is null"
        " returning post_id",
        (now, alert_id),
    ).fetchall()
    return [bytes(row[0]) for row in rows if row[0] is not None]


def is_post_frozen(conn: Connection, post_id: bytes, now: datetime) -> bool:
    """Return whether any alert freezes what the post earns its poster."""
    return _exists(conn, f"post_id = %(subject)s and {_ACTIVE}", post_id, now)


def of_creator(conn: Connection, creator_id: int, now: datetime) -> list[Freeze]:
    """Return the active freezes of an account and of its posts, nearest end first."""
    rows = conn.execute(
        "select alert_id, f.post_id, f.creator_id, since, until from ledger_freezes f left join"
        " posts p on p.post_id = f.post_id where coalesce(f.creator_id, p.creator_id) ="
        f" %(subject)s and {_ACTIVE} order by until",
        {"subject": creator_id, "now": now},
    ).fetchall()
    return [Freeze(row[0], None if row[1] is None else bytes(row[1]), *row[2:]) for row in rows]


def _exists(conn: Connection, condition: str, subject: object, now: datetime) -> bool:
    row = conn.execute(
        f"select exists (select 1 from ledger_freezes where {condition})",
        {"subject": subject, "now": now},
    ).fetchone()
    return bool(row and row[0])
