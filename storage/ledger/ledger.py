"""The ledger: append-only transactions in cents that sum to zero; balances are sums of postings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.errors import NotFound, StorageError


class Unbalanced(StorageError):
    """A transaction of the ledger does not sum to zero; nothing was booked."""

    code = "ledger_unbalanced"


class Posting(Protocol):
    """One line of a transaction: cents into (or out of) a creator's bucket, and their entry."""

    @property
    def creator_id(self) -> int: ...
    @property
    def bucket(self) -> str: ...
    @property
    def entry(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...


@dataclass(frozen=True)
class Waiting:
    """Held money of a post, in cents; `gross`: the pay that the contested part was taken from."""

    contested: int
    gross: int
    frozen: int


def week_of(moment: datetime | date) -> date:
    """Return the Monday of a moment's week (UTC)."""
    day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
    return day - timedelta(days=day.weekday())


def next_week(moment: datetime) -> datetime:
    """Return the start of the week after a moment's week (UTC)."""
    return datetime.combine(week_of(moment) + timedelta(weeks=1), time(), UTC)


def lock_post(conn: Connection, post_id: bytes) -> int | None:
    """Lock a post against other bookings until the transaction ends.

    Returns: its creator. Raises: NotFound.
    """
    row = conn.execute(
        "select creator_id from posts where post_id = %s for no key update", (post_id,)
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no post 0x{post_id.hex()}.")
    return None if row[0] is None else int(row[0])


def book(
    conn: Connection,
    kind: str,
    postings: Sequence[Posting],
    facts: Mapping[str, Any],
    *,
    week: date,
    booked_at: datetime,
    post_id: bytes | None = None,
    creator_id: int | None = None,
) -> int:
    """Book one transaction. Returns: its number. Raises: Unbalanced."""
    row = conn.execute(
        "insert into ledger_transactions (kind, post_id, creator_id, week, facts, booked_at)"
        " values (%s, %s, %s, %s, %s, %s) returning id",
        (kind, post_id, creator_id, week, Jsonb(dict(facts)), booked_at),
    ).fetchone()
    assert row is not None
    number = int(row[0])
    try:
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into ledger_postings (transaction_id, line, creator_id, bucket, entry,"
                " post_id, amount_minor) values (%s, %s, %s, %s, %s, %s, %s)",
                [
                    (number, line, p.creator_id, p.bucket, p.entry, post_id, p.amount_minor)
                    for line, p in enumerate(postings)
                ],
            )
            cursor.execute("set constraints ledger_postings_balance immediate")
            cursor.execute("set constraints ledger_postings_balance deferred")
    except psycopg.errors.CheckViolation as exc:
        raise Unbalanced(str(exc)) from exc
    return number


# Contested and frozen money of a post.
_WAITING = """
select coalesce(sum(amount_minor) filter (where bucket = 'contested'), 0)::bigint,
    coalesce(sum(amount_minor) filter (where bucket = 'frozen'), 0)::bigint
from ledger_postings where post_id = %s
"""
# Only pay of which a part was contested, since the last settlement of the contested money.
_CONTESTED_GROSS = """
select coalesce(-sum(b.amount_minor), 0)::bigint
from ledger_postings b
where b.post_id = %(post)s and b.bucket = 'budget'
and b.transaction_id > coalesce((
    select max(id) from ledger_transactions
    where post_id = %(post)s and kind = 'contest_settled'
), 0)
and exists (
    select 1 from ledger_postings c
    where c.transaction_id = b.transaction_id and c.bucket = 'contested'
)
"""


def waiting(conn: Connection, post_id: bytes) -> Waiting:
    """Return the money of a post that waits for a verdict or an alert."""
    row = conn.execute(_WAITING, (post_id,)).fetchone()
    gross = conn.execute(_CONTESTED_GROSS, {"post": post_id}).fetchone()
    assert row is not None
    assert gross is not None
    return Waiting(contested=row[0], gross=gross[0], frozen=row[1])


def is_booked(conn: Connection, post_id: bytes) -> bool:
    """Return whether anything was ever booked for a post."""
    row = conn.execute(
        "select exists (select from ledger_postings where post_id = %s)", (post_id,)
    ).fetchone()
    return bool(row and row[0])


def settled_since(conn: Connection, post_id: bytes, since: datetime) -> int:
    """Return the cents that waited for a post's verdict and were paid out since then."""
    row = conn.execute(
        "select coalesce(sum((facts->>'held_minor')::bigint), 0)::bigint from ledger_transactions"
        " where post_id = %s and kind = 'contest_settled' and booked_at >= %s",
        (post_id, since),
    ).fetchone()
    assert row is not None
    return int(row[0])


def posts_waiting(conn: Connection, bucket: str) -> list[bytes]:
    """Return the posts that have money in a bucket (contested or frozen)."""
    rows = conn.execute(
        "select post_id from ledger_waiting where bucket = %s order by 1", (bucket,)
    ).fetchall()
    return [bytes(row[0]) for row in rows]


def available(conn: Connection, creator_id: int) -> int:
    """Return what was credited to a creator and is not held, in cents, withdrawn or not."""
    row = conn.execute(
        "select coalesce(sum(amount_minor), 0)::bigint from ledger_postings"
        " where creator_id = any(rows_of_creator(%s)) and bucket = 'available'",
        (creator_id,),
    ).fetchone()
    assert row is not None
    return int(row[0])
