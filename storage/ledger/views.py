"""Views of the ledger: a creator's totals, weeks, and every line of a payout statement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from storage.database import Connection

# Money still held: contested since the post's last settlement, or frozen since its last release.
_STILL_HELD = """
(bucket = 'contested' and t.id > coalesce((select max(id) from ledger_transactions s
    where s.post_id = t.post_id and s.kind = 'contest_settled'), 0)
 or bucket = 'frozen' and t.id > coalesce((select max(id) from ledger_transactions s
    where s.post_id = t.post_id and s.kind = 'release'), 0))
"""


@dataclass(frozen=True, kw_only=True)
class CreatorTotals:
    """In cents: earned + redirected to me = available + contested + frozen + redirected away."""

    earned: int
    redirected_to_me: int
    redirected_away: int
    available: int
    contested: int
    frozen: int


@dataclass(frozen=True, kw_only=True)
class WeekRow:
    """Sums booked for one week (from its Monday, UTC), in cents; `held`: the part still held."""

    week: date
    base: int
    bonus: int
    redirected_to_me: int
    redirected_away: int
    held: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """One posting of a creator. `counterparty`: the other creator of a redirect."""

    transaction_id: int
    booked_at: datetime
    week: date
    kind: str
    entry: str
    bucket: str
    amount_minor: int
    post_id: bytes | None
    title: str | None
    counterparty: str | None
    facts: Mapping[str, Any]


# All bookings of a creator, outside of the budget.
_TOTALS = """
select
    coalesce(sum(amount_minor) filter (where entry in ('base', 'bonus', 'adjustment')), 0)::bigint
        as earned,
    coalesce(sum(amount_minor) filter (where entry = 'redirect' and amount_minor > 0), 0)::bigint
        as redirected_to_me,
    coalesce(-sum(amount_minor) filter (where entry = 'redirect' and amount_minor < 0), 0)::bigint
        as redirected_away,
    coalesce(sum(amount_minor) filter (where bucket = 'available'), 0)::bigint as available,
    coalesce(sum(amount_minor) filter (where bucket = 'contested'), 0)::bigint as contested,
    coalesce(sum(amount_minor) filter (where bucket = 'frozen'), 0)::bigint as frozen
from ledger_postings where creator_id = any(rows_of_creator(%s)) and bucket <> 'budget'
"""


def totals(conn: Connection, creator_id: int) -> CreatorTotals:
    """Return the sums over all bookings of a creator."""
    with conn.cursor(row_factory=class_row(CreatorTotals)) as cursor:
        sums = cursor.execute(_TOTALS, (creator_id,)).fetchone()
    assert sums is not None
    return sums


# Bookings of a creator by week; `held` is the part still contested or frozen.
_WEEKS = f"""
select t.week,
    coalesce(sum(amount_minor) filter (where entry in ('base', 'adjustment')), 0)::bigint as base,
    coalesce(sum(amount_minor) filter (where entry = 'bonus'), 0)::bigint as bonus,
    coalesce(sum(amount_minor) filter (where entry = 'redirect' and amount_minor > 0), 0)::bigint
        as redirected_to_me,
    coalesce(-sum(amount_minor) filter (where entry = 'redirect' and amount_minor < 0), 0)::bigint
        as redirected_away,
    coalesce(sum(amount_minor) filter (where {_STILL_HELD}), 0)::bigint as held
from ledger_postings p join ledger_transactions t on t.id = p.transaction_id
where p.creator_id = any(rows_of_creator(%(creator)s)) and bucket <> 'budget'
    and t.week >= %(since)s
group by 1 order by 1
"""


def weeks(conn: Connection, creator_id: int, since: date) -> list[WeekRow]:
    """Return the weeks from `since` on with bookings of a creator, the oldest first."""
    with conn.cursor(row_factory=class_row(WeekRow)) as cursor:
        return cursor.execute(_WEEKS, {"creator": creator_id, "since": since}).fetchall()


# Postings of a creator in order; a redirect names the creator on its other side.
_LINES = """
select t.id as transaction_id, t.booked_at, t.week, t.kind, l.entry, l.bucket, l.amount_minor,
    l.post_id, p.title, o.handle as counterparty, t.facts
from ledger_postings l
join ledger_transactions t on t.id = l.transaction_id
left join posts p on p.post_id = l.post_id
left join lateral (
    select c.handle from ledger_postings other join creators c on c.id = other.creator_id
    where l.entry = 'redirect' and other.transaction_id = l.transaction_id
    and other.entry = 'redirect' and other.creator_id <> l.creator_id limit 1
) o on true
where l.creator_id = any(rows_of_creator(%(creator)s)) and l.bucket <> 'budget'
and (%(since)s::timestamptz is null or t.booked_at >= %(since)s)
and (%(until)s::timestamptz is null or t.booked_at < %(until)s)
and (%(post)s::bytea is null or l.post_id = %(post)s)
order by t.id, l.line
"""


def lines(
    conn: Connection,
    creator_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    post_id: bytes | None = None,
) -> Iterator[Line]:
    """Yield a creator's postings in the order of booking; sums by bucket are the balances.

    Read through a server-side cursor: a long statement needs no more memory than a short one.
    """
    params = {"creator": creator_id, "since": since, "until": until, "post": post_id}
    with conn.cursor(name="statement", row_factory=class_row(Line)) as cursor:
        cursor.execute(_LINES, params)
        yield from cursor
