"""Posts with their engagement, grade, verdict and earnings so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound

PostOrder = Literal["newest", "earned", "views", "grade"]

# Posts with the poster's own money: base + bonus = net + contested + frozen + redirected away.
_DECIDED = """
left join lateral (
    select id, verdict, redirect_bps, matched_work_id from analyses
    where post_id = p.post_id and status = 'decided'
    order by verdict = 'undecided' and reason <> 'contested', decided_at desc, id limit 1
) a on true
"""
_ROWS = f"""
select p.post_id, p.creator_id, p.work_id, p.media_type, p.title, p.audience, p.length_ms,
    p.published_at, pw.external_id, pw.category, n.raw, n.qualified,
    g.grade, g.score_bps, g.status as grade_status, g.final_at as grade_final_at,
    coalesce(t.verdict, a.verdict) as verdict,
    coalesce(t.redirect_bps, a.redirect_bps, 0) as redirect_bps,
    coalesce(tc.handle, ac.handle) as creditor, t.final_at as terms_final_at,
    coalesce(t.disputed, false) as disputed, a.id as analysis_id,
    m.base_minor, m.bonus_minor, m.away_minor, m.contested_minor, m.frozen_minor, m.net_minor,
    (select coalesce(sum(base_minor), 0)::bigint from earnings e
        where e.post_id = p.post_id and e.transaction_id is null) as unpaid_base_minor,
    (select max(until) from ledger_freezes f where f.post_id = p.post_id and released_at is null
        and since <= %(now)s and until > %(now)s) as frozen_until
from posts p
left join engagement_counts n using (post_id)
left join grades g using (post_id)
left join post_terms t using (post_id)
left join works pw on pw.id = p.work_id
left join creators tc on tc.id = t.creditor_id
{_DECIDED}
left join works w on w.id = a.matched_work_id and a.verdict = 'derivative'
left join creators ac on ac.id = w.creator_id
cross join lateral (
    select coalesce(sum(amount_minor) filter (where entry in ('base', 'adjustment')), 0)::bigint
            as base_minor,
        coalesce(sum(amount_minor) filter (where entry = 'bonus'), 0)::bigint as bonus_minor,
        coalesce(-sum(amount_minor) filter (where entry = 'redirect'), 0)::bigint as away_minor,
        coalesce(sum(amount_minor) filter (where bucket = 'contested'), 0)::bigint
            as contested_minor,
        coalesce(sum(amount_minor) filter (where bucket = 'frozen'), 0)::bigint as frozen_minor,
        coalesce(sum(amount_minor) filter (where bucket = 'available'), 0)::bigint as net_minor
    from ledger_postings l where l.post_id = p.post_id
        and l.creator_id = any(rows_of_creator(p.creator_id)) and l.bucket <> 'budget'
) m
"""


@dataclass(frozen=True, kw_only=True)
class PostRow:
    """A post as its creator sees it. Money in cents; counts are None before the first event."""

    post_id: bytes
    creator_id: int | None
    work_id: UUID | None
    media_type: str
    title: str | None
    audience: int | None
    length_ms: int | None
    published_at: datetime
    external_id: str | None
    category: str | None
    raw: Mapping[str, int] | None
    qualified: Mapping[str, int] | None
    grade: str | None
    score_bps: int | None
    grade_status: str | None
    grade_final_at: datetime | None
    verdict: str | None
    redirect_bps: int
    creditor: str | None
    terms_final_at: datetime | None
    disputed: bool
    analysis_id: UUID | None
    base_minor: int
    bonus_minor: int
    away_minor: int
    contested_minor: int
    frozen_minor: int
    net_minor: int
    unpaid_base_minor: int
    frozen_until: datetime | None


@dataclass(frozen=True)
class UnpaidWeek:
    """Base pay that waits for a final grade."""

    week: date
    base_minor: int


def describe(conn: Connection, post_id: bytes, title: str | None, audience: int | None) -> None:
    """Store the platform's facts of a post; None keeps a field as it is. Raises: NotFound."""
    changed = conn.execute(
        "update posts set title = coalesce(%s, title), audience = coalesce(%s, audience) where"
        " post_id = %s",
        (title, audience, post_id),
    )
    if changed.rowcount == 0:
        raise NotFound(f"There is no post 0x{post_id.hex()}.")


def posted_by_other_platforms(
    conn: Connection, ids: Sequence[bytes], poster: str
) -> frozenset[bytes]:
    """Those of the posts that are another platform's than this one: it posted them, or a creator
    did, or a contract asked about them, and it vouches for the creator while this one does not.
    """
    rows = conn.execute(
        "select p.post_id from posts p left join works w on w.id = p.work_id"
        " where p.post_id = any(%(ids)s) and w.posted_by is distinct from %(poster)s"
        " and (w.posted_by like 'platform:%%' or w.posted_by like 'key:%%' or ("
        " exists (select from name_vouchers v where v.creator_id = p.creator_id)"
        " and not exists (select from name_vouchers v where v.creator_id = p.creator_id"
        " and v.poster = %(poster)s)))",
        {"ids": list(ids), "poster": poster},
    ).fetchall()
    return frozenset(bytes(row[0]) for row in rows)


def date_back(conn: Connection, post_id: bytes, published_at: datetime) -> None:
    """Say that a post came out earlier: of a sample, whose weeks are in the past."""
    conn.execute("update posts set published_at = %s where post_id = %s", (published_at, post_id))


def get_post(conn: Connection, post_id: bytes, now: datetime) -> PostRow:
    """Return a post. Raises: NotFound."""
    rows = _rows(conn, "where p.post_id = %(post)s", {"post": post_id, "now": now})
    if not rows:
        raise NotFound(f"There is no post 0x{post_id.hex()}.")
    return rows[0]


@dataclass(frozen=True)
class PostFilter:
    """Which posts are listed: those that fit every field that is given.

    Attributes:
        category: in any case.
        title: a part of it, in any case.
    """

    category: str | None = None
    external_id: str | None = None
    title: str | None = None
    verdict: str | None = None


ALL_POSTS = PostFilter()
# What posts are listed by; the first is the largest. The post's id decides among equals.
_ORDERS = {
    "newest": ("p.published_at", ""),
    "earned": (
        "coalesce(e.net_minor, 0)",
        " left join (select post_id, sum(amount_minor) filter (where bucket = 'available')::bigint"
        " as net_minor from ledger_postings where creator_id = any(rows_of_creator(%(creator)s))"
        " group by post_id) e using (post_id)",
    ),
    "views": (
        "coalesce((n.qualified->>'views')::bigint, 0)",
        " left join engagement_counts n using (post_id)",
    ),
    "grade": ("coalesce(g.score_bps, -1)", " left join grades g using (post_id)"),
}
_FILTERS = {
    "category": "lower(pw.category) = lower(%(category)s)",
    "external_id": "pw.external_id = %(external_id)s",
    "title": "position(lower(%(title)s) in lower(p.title)) > 0",
    "verdict": "coalesce(t.verdict, a.verdict) = %(verdict)s",
}


def list_posts(
    conn: Connection,
    creator_id: int,
    now: datetime,
    *,
    after: tuple[datetime | int, bytes] | None,
    limit: int | None,
    wanted: PostFilter = ALL_POSTS,
    order: PostOrder = "newest",
) -> Sequence[tuple[datetime | int, PostRow]]:
    """Return a creator's posts in an order, after a cursor, each with its place in that order.

    Only the posts of the page are read whole: a creator may have ten thousand.

    Args:
        after: place and post_id of the last post of the previous page.
        limit: None for all.
    """
    by, join = _ORDERS[order]
    params: dict[str, Any] = {"creator": creator_id, "now": now, "limit": limit, **vars(wanted)}
    where = "".join(
        f" and {_FILTERS[name]}" for name, value in vars(wanted).items() if value is not None
    )
    if wanted.verdict is not None:
        join += f" left join post_terms t using (post_id) {_DECIDED}"
    if wanted.category is not None or wanted.external_id is not None:
        # last: a work has a post_id of its own
        join += " left join works pw on pw.id = p.work_id"
    if after is not None:
        where += f" and ({by}, p.post_id) < (%(at)s, %(id)s)"
        params |= {"at": after[0], "id": after[1]}
    listed = conn.execute(
        f"select {by}, p.post_id from posts p{join} where p.creator_id = %(creator)s{where}"
        f" order by {by} desc, p.post_id desc limit %(limit)s",
        params,
    ).fetchall()
    ids = [bytes(row[1]) for row in listed]
    found = {
        post.post_id: post
        for post in _rows(conn, "where p.post_id = any(%(ids)s)", {"ids": ids, "now": now})
    }
    return [(place, found[bytes(post_id)]) for place, post_id in listed]


@dataclass(frozen=True)
class Reach:
    """The number of a creator's posts and of their views, and followers as last said.

    Attributes:
        followers: when the newest post came out of which the platform said so; None where it never
            did.
    """

    posts: int
    raw_views: int
    qualified_views: int
    followers: int | None
    followers_at: datetime | None
    paid_since: date | None


def reach(conn: Connection, creator_id: int) -> Reach:
    """Count a creator's posts and their views."""
    row = conn.execute(
        "select count(*), coalesce(sum((raw->>'views')::bigint), 0)::bigint,"
        " coalesce(sum((qualified->>'views')::bigint), 0)::bigint,"
        " (array_agg(audience order by published_at desc) filter (where audience is not null))[1],"
        " max(published_at) filter (where audience is not null), (select t.week from"
        " ledger_postings l join ledger_transactions t on t.id = l.transaction_id where"
        " l.creator_id = any(rows_of_creator(%(creator)s)) and l.bucket <> 'budget'"
        " order by l.transaction_id limit 1)"
        " from posts left join engagement_counts using (post_id) where creator_id = %(creator)s",
        {"creator": creator_id},
    ).fetchone()
    assert row is not None
    return Reach(*row)


def list_unpaid(
    conn: Connection, creator_id: int, now: datetime
) -> list[tuple[PostRow, UnpaidWeek]]:
    """Return all unpaid weeks of a creator with their posts."""
    weeks = conn.execute(
        "select e.post_id, e.week, e.base_minor from earnings e join posts using (post_id)"
        " where creator_id = %s and transaction_id is null order by 2, 1",
        (creator_id,),
    ).fetchall()
    ids = sorted({bytes(row[0]) for row in weeks})
    posts = {
        post.post_id: post
        for post in _rows(conn, "where p.post_id = any(%(ids)s)", {"ids": ids, "now": now})
    }
    return [(posts[bytes(row[0])], UnpaidWeek(row[1], row[2])) for row in weeks]


def unpaid_weeks(conn: Connection, post_id: bytes) -> list[UnpaidWeek]:
    """Return the unpaid weeks of a post, the oldest first."""
    rows = conn.execute(
        "select week, base_minor from earnings where post_id = %s and transaction_id is null order"
        " by week",
        (post_id,),
    ).fetchall()
    return [UnpaidWeek(*row) for row in rows]


def _rows(conn: Connection, rest: str, params: Mapping[str, Any]) -> list[PostRow]:
    with conn.cursor(row_factory=class_row(PostRow)) as cursor:
        return cursor.execute(_ROWS + rest, params).fetchall()


def exists(conn: Connection, post_id: bytes) -> bool:
    """Whether a post is known here."""
    found = conn.execute("select 1 from posts where post_id = %s", (post_id,)).fetchone()
    return found is not None


def find_title(conn: Connection, post_id: bytes) -> str | None:
    """What its creator calls a post; None where they gave no title."""
    row = conn.execute("select title from posts where post_id = %s", (post_id,)).fetchone()
    return row[0] if row else None
