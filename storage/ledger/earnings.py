"""Announced base pay by post and week, and the part of it that is due."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class DuePay:
    """A week of a post that can be paid: its grade is final and its verdict is known."""

    post_id: bytes
    week: date
    base_minor: int
    grade: str
    score_bps: int
    policy_version: int


@dataclass(frozen=True)
class DueCorrection:
    """A week paid by a grade that rose since. `paid` holds the facts of the payment."""

    post_id: bytes
    week: date
    grade: str
    paid: dict[str, Any]


def announce(conn: Connection, post_id: bytes, week: date, base_minor: int, now: datetime) -> str:
    """Record a week's base pay of a post; a paid week is not changed.

    Returns: new, same or changed; where nothing was recorded: paid, unknown_post or unsigned_post.
    """
    post = conn.execute("select creator_id from posts where post_id = %s", (post_id,)).fetchone()
    if post is None:
        return "unknown_post"
    if post[0] is None:
        return "unsigned_post"
    added = conn.execute(
        "insert into earnings (post_id, week, base_minor, announced_at) values (%s, %s, %s, %s) on"
        " conflict do nothing",
        (post_id, week, base_minor, now),
    )
    if added.rowcount:
        return "new"
    known = conn.execute(
        "select base_minor, transaction_id from earnings where post_id = %s and week = %s for"
        " update",
        (post_id, week),
    ).fetchone()
    assert known is not None
    if known[0] == base_minor:
        return "same"
    if known[1] is not None:
        return "paid"
    conn.execute(
        "update earnings set base_minor = %s, announced_at = %s where post_id = %s and week = %s",
        (base_minor, now, post_id, week),
    )
    return "changed"


# A payer locks the rows it takes; another payer skips them.
_LIST_DUE = """
select e.post_id, week, base_minor, g.grade, g.score_bps, g.policy_version
from earnings e
join grades g on g.post_id = e.post_id and g.status = 'final'
join post_terms t on t.post_id = e.post_id
join posts p on p.post_id = e.post_id and p.creator_id is not null
where e.transaction_id is null and e.post_id <> all(%(without)s)
order by e.post_id, week limit %(limit)s
for update of e skip locked
"""


def list_due(conn: Connection, limit: int, *, without: Collection[bytes] = ()) -> list[DuePay]:
    """Return weeks to pay, of posts not in `without`, locked until the transaction ends."""
    with conn.cursor(row_factory=class_row(DuePay)) as cursor:
        return cursor.execute(_LIST_DUE, {"without": list(without), "limit": limit}).fetchall()


def mark_paid(conn: Connection, post_id: bytes, week: date, transaction_id: int) -> None:
    """Link a week to the transaction that paid it."""
    conn.execute(
        "update earnings set transaction_id = %s where post_id = %s and week = %s",
        (transaction_id, post_id, week),
    )


# An earlier letter is a better grade. Excluded is what a booked correction covers already.
_LIST_CORRECTIONS = """
select e.post_id, e.week, g.grade, t.facts
from earnings e
join ledger_transactions t on t.id = e.transaction_id
join grades g on g.post_id = e.post_id and g.status = 'final'
where g.reopened and g.grade < t.facts->>'grade' and not exists (
    select 1 from ledger_transactions c
    where c.kind = 'correction' and c.post_id = e.post_id and c.week = e.week
    and c.facts->>'grade' <= g.grade
)
order by 1, 2
"""


def list_corrections(conn: Connection) -> list[DueCorrection]:
    """Return the weeks whose final grade is better than the paid one and not corrected yet."""
    rows = conn.execute(_LIST_CORRECTIONS).fetchall()
    return [DueCorrection(bytes(row[0]), *row[1:]) for row in rows]
