"""Announced base pay by post and week, and the part of it that is due."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True)
class NewPay:
    """What a platform says a post earned in a week. views: how many it pays for, if by views."""

    post_id: bytes
    week: date
    base_minor: int
    by: str
    views: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class DuePay:
    """A week of a post that can be paid: it has settled, its grade is final, its verdict known."""

    post_id: bytes
    week: date
    base_minor: int
    views: int | None
    grade: str
    score_bps: int
    policy_version: int


@dataclass(frozen=True, kw_only=True)
class DueCorrection:
    """A paid week that may have earned something else by now.

    Attributes:
        reason: The platform's words for its last change, None where it gave none.
        paid: The facts of the last transaction that paid or corrected it.
    """

    post_id: bytes
    week: date
    base_minor: int
    views: int | None
    reason: str | None
    grade: str
    paid: dict[str, Any]


def announce(conn: Connection, pay: NewPay, now: datetime, *, confirm_above: int) -> str:
    """Record a week's base pay of a post; what was paid already is corrected by and by.

    Args:
        confirm_above: Cents above which somebody else has to confirm the amount.
    Returns: new, same, changed, corrected (it was paid) or unconfirmed; where nothing was recorded:
        unknown_post or unsigned_post.
    """
    post = conn.execute(
        "select creator_id from posts where post_id = %s", (pay.post_id,)
    ).fetchone()
    if post is None:
        return "unknown_post"
    if post[0] is None:
        return "unsigned_post"
    line = vars(pay) | {"now": now}
    waits = "unconfirmed" if pay.base_minor > confirm_above else None
    added = conn.execute(
        "insert into earnings (post_id, week, base_minor, views, reason, announced_by,"
        " announced_at) values (%(post_id)s, %(week)s, %(base_minor)s, %(views)s, %(reason)s,"
        " %(by)s, %(now)s) on conflict do nothing",
        line,
    )
    if added.rowcount:
        return waits or "new"
    known = conn.execute(
        "select base_minor, views, transaction_id from earnings where post_id = %(post_id)s and"
        " week = %(week)s for update",
        line,
    ).fetchone()
    assert known is not None
    if known[:2] == (pay.base_minor, pay.views):
        return "same"
    conn.execute(
        "update earnings set base_minor = %(base_minor)s, views = %(views)s, reason = %(reason)s,"
        " announced_by = %(by)s, announced_at = %(now)s, confirmed_by = null, changed ="
        " transaction_id is not null where post_id = %(post_id)s and week = %(week)s",
        line,
    )
    return waits or ("changed" if known[2] is None else "corrected")


def confirm(conn: Connection, post_id: bytes, week: date, base_minor: int, by: str) -> str:
    """Confirm an amount above the ceiling. Returns: confirmed, not_announced or same_person."""
    known = conn.execute(
        "select announced_by from earnings where post_id = %s and week = %s and base_minor = %s"
        " for update",
        (post_id, week, base_minor),
    ).fetchone()
    if known is None:
        return "not_announced"
    if known[0] == by:
        return "same_person"
    conn.execute(
        "update earnings set confirmed_by = %s where post_id = %s and week = %s",
        (by, post_id, week),
    )
    return "confirmed"


# A payer locks the rows it takes; another payer skips them.
_LIST_DUE = """
select e.post_id, week, base_minor, e.views, g.grade, g.score_bps, g.policy_version
from earnings e
join grades g on g.post_id = e.post_id and g.status = 'final'
join post_terms t on t.post_id = e.post_id
join posts p on p.post_id = e.post_id and p.creator_id is not null
where e.transaction_id is null and e.post_id <> all(%(without)s) and e.week <= %(settled)s
and (e.base_minor <= %(confirm_above)s or e.confirmed_by is not null)
order by e.post_id, week limit %(limit)s
for update of e skip locked
"""


def list_due(
    conn: Connection,
    limit: int,
    *,
    settled: datetime,
    confirm_above: int,
    without: Collection[bytes] = (),
) -> list[DuePay]:
    """Return weeks to pay, of posts not in `without`, locked until the transaction ends.

    Args:
        settled: Weeks that were over by then.
        confirm_above: Cents above which only confirmed amounts are paid.
    """
    params = {
        "without": list(without),
        "limit": limit,
        "settled": (settled - WEEK).date(),
        "confirm_above": confirm_above,
    }
    with conn.cursor(row_factory=class_row(DuePay)) as cursor:
        return cursor.execute(_LIST_DUE, params).fetchall()


def mark_paid(conn: Connection, post_id: bytes, week: date, transaction_id: int) -> None:
    """Link a week to the transaction that paid it."""
    conn.execute(
        "update earnings set transaction_id = %s where post_id = %s and week = %s",
        (transaction_id, post_id, week),
    )


@dataclass(frozen=True)
class AnnouncedWeek:
    """A week's base pay as the platform announced it."""

    week: date
    base_minor: int
    views: int | None


def list_weeks(conn: Connection, post_id: bytes) -> list[AnnouncedWeek]:
    """Return all weeks of a post."""
    rows = conn.execute(
        "select week, base_minor, views from earnings where post_id = %s order by 1", (post_id,)
    ).fetchall()
    return [AnnouncedWeek(*row) for row in rows]


# The weeks that what an alert left out, and maybe counts again, reaches into.
_MARK = """
update earnings w set changed = true
where post_id = %(post)s and transaction_id is not null and exists (
    select 1 from engagement_exclusions x
    where x.alert_id = %(alert)s
    and (x.until is null or x.until > w.week::timestamp at time zone 'UTC')
    and (x.since is null or x.since < (w.week + 7)::timestamp at time zone 'UTC')
)
"""


def mark_changed(conn: Connection, post_id: bytes, alert_id: UUID) -> None:
    """Have the paid weeks of a post that an alert reaches compared anew with what they earned."""
    conn.execute(_MARK, {"post": post_id, "alert": alert_id})


def mark_compared(conn: Connection, post_id: bytes, week: date) -> None:
    """Note that what was paid for a week is what it earned."""
    conn.execute(
        "update earnings set changed = false where post_id = %s and week = %s", (post_id, week)
    )


# An earlier letter is a better grade.
_LIST_CHANGED = """
select e.post_id, e.week, e.base_minor, e.views, e.reason, g.grade, last.facts as paid
from earnings e
join grades g on g.post_id = e.post_id and g.status = 'final'
cross join lateral (
    select facts from ledger_transactions t
    where t.post_id = e.post_id and t.week = e.week and t.kind in ('pay', 'correction')
    order by id desc limit 1
) last
where e.transaction_id is not null
and (e.changed or g.reopened and g.grade < last.facts->>'grade')
and (e.base_minor <= %(confirm_above)s or e.confirmed_by is not null)
order by 1, 2
"""


def list_changed(conn: Connection, *, confirm_above: int) -> list[DueCorrection]:
    """Return the paid weeks whose amount, grade or counted views may have changed since."""
    with conn.cursor(row_factory=class_row(DueCorrection)) as cursor:
        return cursor.execute(_LIST_CHANGED, {"confirm_above": confirm_above}).fetchall()


# What corrections took back from a creator, less what was left out of later payments.
_OWED = """
select coalesce(sum(greatest(-(facts->>'to_poster_minor')::bigint, 0)
    - coalesce((facts->>'set_off_minor')::bigint, 0)), 0)::bigint
from ledger_transactions
where creator_id = any(rows_of_creator(%s)) and kind in ('pay', 'correction', 'adjustment')
"""


def owed(conn: Connection, creator_id: int) -> int:
    """Cents that later payments leave out, as corrections took them back; locks the creator."""
    conn.execute("select 1 from creators where id = %s for no key update", (creator_id,))
    row = conn.execute(_OWED, (creator_id,)).fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True)
class Divided:
    """How all that was booked for a week is divided, in cents."""

    to_original: int
    contested: int
    to_poster: int


# What was contested went where the settlement after it says.
_DIVIDED = """
select coalesce(sum(case when not p.contested then p.others when s.id is not null
        and s.held > 0 then p.others * s.redirected / s.held else 0 end), 0)::bigint,
    coalesce(sum(p.others) filter (where p.contested and s.id is null), 0)::bigint,
    coalesce(sum(p.others + p.poster), 0)::bigint
from (
    select id, (facts->>'to_original_minor')::bigint as others,
        (facts->>'to_poster_minor')::bigint
            + coalesce((facts->>'set_off_minor')::bigint, 0) as poster,
        coalesce((facts->>'contested')::boolean, false) as contested
    from ledger_transactions
    where post_id = %(post)s and week = %(week)s and kind in ('pay', 'correction')
) p left join lateral (
    select id, (facts->>'held_minor')::bigint as held,
        case when facts->>'verdict' = 'derivative' then least((facts->>'held_minor')::bigint,
            (facts->>'gross_minor')::bigint * (facts->>'redirect_bps')::int / 10000)
        else 0 end as redirected
    from ledger_transactions
    where post_id = %(post)s and kind = 'contest_settled' and p.contested and id > p.id
    order by id limit 1
) s on true
"""


def divided(conn: Connection, post_id: bytes, week: date) -> Divided:
    """Return how what was paid for a week is divided by now."""
    row = conn.execute(_DIVIDED, {"post": post_id, "week": week}).fetchone()
    assert row is not None
    to_original, contested, total = row
    return Divided(to_original, contested, total - to_original - contested)


def adjusted_cut(conn: Connection, post_id: bytes) -> tuple[int, int]:
    """Return what adjustments took off and did not give back, and what of it an original's creator
    kept, in cents.
    """
    row = conn.execute(
        "select coalesce((facts->>'cut_minor')::bigint, 0),"
        " coalesce((facts->>'kept_minor')::bigint, 0) from ledger_transactions"
        " where post_id = %s and kind = 'adjustment' order by id desc limit 1",
        (post_id,),
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


@dataclass(frozen=True, kw_only=True)
class NewAdjustment:
    """What a platform says a post's creator gained or lost besides its weeks, by its own id."""

    id: str
    post_id: bytes
    amount_minor: int
    reason: str
    by: str


def find_adjustment(conn: Connection, adjustment_id: str) -> tuple[bytes, int] | None:
    """Return post and cents of the adjustment of that id that was booked."""
    row = conn.execute(
        "select post_id, (facts->>'amount_minor')::bigint from ledger_transactions"
        " where kind = 'adjustment' and facts->>'id' = %s",
        (adjustment_id,),
    ).fetchone()
    return None if row is None else (bytes(row[0]), int(row[1]))


# Adjustments of a post that one person alone booked in a week, in either direction.
_ADJUSTED = """
select coalesce(sum(abs((facts->>'amount_minor')::bigint)), 0)::bigint from ledger_transactions
where post_id = %s and week = %s and kind = 'adjustment' and facts->>'confirmed_by' is null
"""


def adjusted_alone(conn: Connection, post_id: bytes, week: date) -> int:
    """Return the cents of a post's adjustments in a week that no second person confirmed."""
    row = conn.execute(_ADJUSTED, (post_id, week)).fetchone()
    assert row is not None
    return int(row[0])


def propose_adjustment(conn: Connection, new: NewAdjustment, now: datetime) -> NewAdjustment:
    """Keep an adjustment until a second person sends it, too. Returns: what was sent first."""
    conn.execute(
        "insert into adjustments_proposed (id, post_id, amount_minor, reason, proposed_by,"
        " proposed_at) values (%(id)s, %(post_id)s, %(amount_minor)s, %(reason)s, %(by)s, %(now)s)"
        " on conflict do nothing",
        vars(new) | {"now": now},
    )
    with conn.cursor(row_factory=class_row(NewAdjustment)) as cursor:
        first = cursor.execute(
            "select id, post_id, amount_minor, reason, proposed_by as by from adjustments_proposed"
            " where id = %s for update",
            (new.id,),
        ).fetchone()
    assert first is not None
    return first
