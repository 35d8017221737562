"""Visits of creators to their dashboard, and what happened since the last one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from psycopg.rows import class_row

from storage.database import Connection

ONE_VISIT = timedelta(minutes=30)  # looks that are no further apart are of one visit

# The visit before this one: what was seen then is not new.
_NOTE = """
insert into dashboard_visits (creator_id, seen_at) values (%(creator)s, %(now)s)
on conflict (creator_id) do update set seen_at = excluded.seen_at,
    before_at = case when excluded.seen_at - dashboard_visits.seen_at > %(one)s
        then dashboard_visits.seen_at else dashboard_visits.before_at end
returning before_at
"""

_CHANGES = """
(select m.created_at as at, 'notice' as kind, m.subject as text, m.id::text as id, null::bigint
    as cents from creator_messages m where m.creator_id = %(creator)s and m.created_at > %(since)s)
union all
(select h.changed_at, 'grade', coalesce(p.title, 'Untitled ' || p.media_type) || ': ' || h.grade
    || ', ' || h.status, '0x' || encode(p.post_id, 'hex'), null from grade_changes h
    join posts p using (post_id) where p.creator_id = %(creator)s and h.changed_at > %(since)s)
union all
(select max(t.booked_at), 'money', null, null, sum(l.amount_minor)::bigint from ledger_postings l
    join ledger_transactions t on t.id = l.transaction_id where l.creator_id =
    any(rows_of_creator(%(creator)s)) and l.bucket = 'available' and t.booked_at > %(since)s
    having sum(l.amount_minor) <> 0)
order by at desc limit %(limit)s
"""


@dataclass(frozen=True)
class Change:
    """Something new: a notice, a grade of a post, or money that came or went (in cents).

    Attributes:
        id: of the notice or the post.
    """

    at: datetime
    kind: Literal["notice", "grade", "money"]
    text: str | None
    id: str | None
    cents: int | None


def note(conn: Connection, creator_id: int, now: datetime) -> datetime | None:
    """Note a look at the dashboard. Returns: the last visit before this one, None without one."""
    row = conn.execute(_NOTE, {"creator": creator_id, "now": now, "one": ONE_VISIT}).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def changes(conn: Connection, creator_id: int, since: datetime, limit: int) -> list[Change]:
    """Return what happened since a moment, the latest first."""
    with conn.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            _CHANGES, {"creator": creator_id, "since": since, "limit": limit}
        ).fetchall()
