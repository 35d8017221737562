"""Freezes of money: of a post's earnings, or of an account's withdrawals. Each has an end."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.database import Connection

_ACTIVE = "released_at is null and since <= %(now)s and until > %(now)s"


@dataclass(frozen=True)
class Freeze:
    """One freeze, of a post or of a creator's account.

    whole: all that a post earns its poster, not only the part of the alert's events.
    """

    alert_id: UUID
    post_id: bytes | None
    creator_id: int | None
    since: datetime
    until: datetime
    whole: bool = True


def add(conn: Connection, freeze: Freeze) -> None:
    """Start a freeze, or move the end of one started before."""
    conn.execute(
        "insert into ledger_freezes (alert_id, post_id, creator_id, since, until, whole) values"
        " (%(alert_id)s, %(post_id)s, %(creator_id)s, %(since)s, %(until)s, %(whole)s) on conflict"
        " (alert_id, post_id, creator_id) do update set until = excluded.until, released_at = null",
        vars(freeze),
    )


def held_by_post(conn: Connection, creator_id: int) -> dict[bytes, int]:
    """Return the cents that are frozen of each post of a creator."""
    rows = conn.execute(
        "select post_id, sum(amount_minor)::bigint from ledger_postings where creator_id ="
        " any(rows_of_creator(%s)) and bucket = 'frozen' and post_id is not null group by 1"
        " having sum(amount_minor) <> 0",
        (creator_id,),
    ).fetchall()
    return {bytes(row[0]): int(row[1]) for row in rows}


def end(conn: Connection, alert_id: UUID, now: datetime) -> list[bytes]:
    """End the freezes of an alert now. Returns: their posts."""
    rows = conn.execute(
        "update ledger_freezes set released_at = %s where alert_id = %s and released_at is null"
        " returning post_id",
        (now, alert_id),
    ).fetchall()
    return [bytes(row[0]) for row in rows if row[0] is not None]


def is_post_frozen(conn: Connection, post_id: bytes, now: datetime) -> bool:
    """Return whether any alert freezes all that the post earns its poster."""
    return _exists(conn, f"post_id = %(subject)s and whole and {_ACTIVE}", post_id, now)


# Freezes of a part whose end has come: what they held is paid now.
_END_DUE = """
with ended as (
    update ledger_freezes set released_at = until
    where not whole and released_at is null and until <= %s returning post_id
)
update earnings e set changed = true from ended
where e.post_id = ended.post_id and transaction_id is not null
"""


def end_due(conn: Connection, now: datetime) -> None:
    """End the freezes of a part whose time is over, and have their posts' weeks compared anew."""
    conn.execute(_END_DUE, (now,))


def of_creator(conn: Connection, creator_id: int, now: datetime) -> list[Freeze]:
    """Return the active freezes of an account and of its posts, nearest end first."""
    rows = conn.execute(
        "select alert_id, f.post_id, f.creator_id, since, until, whole from ledger_freezes f left"
        " join posts p on p.post_id = f.post_id where coalesce(f.creator_id, p.creator_id) ="
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
