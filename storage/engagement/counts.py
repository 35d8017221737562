"""Counts of engagement by post: all events, and those that count towards the grade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.engagement.exclusions import COUNTS

# A picture has no length: a view of this long counts as watched whole.
PICTURE_DWELL_MS = 10_000

# One process grades at a time: two would wait for each other's rows.
GRADING_LOCK = 0x0_6ADE5

# Take the oldest marks of registered posts, passing by those that another transaction holds.
_TAKE_CHANGED = """
delete from engagement_changed where post_id in (
    select c.post_id from engagement_changed c join posts p using (post_id)
    order by c.changed_at limit %s for update of c skip locked)
returning post_id, reopen
"""
# Count the events of posts. A viewer is an account, else a device, else an address, and never the
# poster. Of comments with the same text the first counts. What comes after the grade is final is
# not counted.
_COUNT = f"""
with scope as (
    select p.post_id, c.handle as owner, p.published_at + %(window)s as ends
    from posts p left join creators c on c.id = p.creator_id where p.post_id = any(%(ids)s)
), e as materialized (
    select e.post_id, e.kind, e.account, e.device, e.ip_hash, e.at, e.watch_ms, e.length_ms,
        e.text_hash, e.text_chars, scope.owner,
        coalesce(e.length_ms, {PICTURE_DWELL_MS}) as whole_ms
    from scope join engagement_events e on e.post_id = scope.post_id and e.at < scope.ends
), q as materialized (
    select * from e where e.account is distinct from e.owner and {COUNTS}
), raw as (
    select post_id,
        count(*) filter (where kind = 'view') as views,
        count(*) filter (where kind = 'save') as saves,
        count(*) filter (where kind = 'comment') as comments,
        count(*) filter (where kind = 'share') as shares,
        count(*) filter (where kind = 'like') as likes,
        coalesce(sum(least(10000, watch_ms::bigint * 10000 / whole_ms))
            filter (where kind = 'view'), 0)::bigint as watched_bps,
        (percentile_disc(0.5) within group (order by length_ms)
            filter (where length_ms is not null)) as length_ms
    from e group by post_id
), viewers as (
    select post_id,
        coalesce('a ' || account, 'd ' || device, 'i ' || encode(ip_hash, 'hex')) as viewer,
        max(least(10000, watch_ms::bigint * 10000 / whole_ms)) as watched_bps
    from q where kind = 'view' and watch_ms >= least(%(min_watch_ms)s, whole_ms / 2) group by 1, 2
), watched as (
    select post_id, count(*) as views, sum(watched_bps)::bigint as watched_bps
    from viewers where viewer is not null group by post_id
), texts as (
    select distinct on (post_id, text_hash) post_id, account
    from q where kind = 'comment' and text_chars >= %(min_comment_chars)s
    order by post_id, text_hash, at
), comments as (
    select post_id, count(distinct account) as comments from texts group by post_id
), others as (
    select post_id, count(distinct account) filter (where kind = 'save') as saves,
        count(distinct account) filter (where kind = 'share') as shares,
        count(distinct account) filter (where kind = 'like') as likes
    from q where kind in ('save', 'share', 'like') group by post_id
)
select scope.post_id,
    coalesce(raw.views, 0), coalesce(raw.watched_bps, 0), coalesce(raw.saves, 0),
    coalesce(raw.comments, 0), coalesce(raw.shares, 0), coalesce(raw.likes, 0),
    coalesce(watched.views, 0), coalesce(watched.watched_bps, 0), coalesce(others.saves, 0),
    coalesce(comments.comments, 0), coalesce(others.shares, 0), coalesce(others.likes, 0),
    raw.length_ms
from scope left join raw using (post_id) left join watched using (post_id)
left join comments using (post_id) left join others using (post_id)
order by scope.post_id
"""
_NAMES = ("views", "watched_bps", "saves", "comments", "shares", "likes")


@dataclass(frozen=True)
class Rules:
    """The rules of counting; see `grade_policies`."""

    min_watch_ms: int
    min_comment_chars: int
    window: timedelta


@dataclass(frozen=True)
class PostCounts:
    """Counts by name (views, watched_bps, saves, comments, shares, likes)."""

    post_id: bytes
    raw: Mapping[str, int]
    qualified: Mapping[str, int]
    length_ms: int | None


def lock_grading(conn: Connection) -> None:
    """Let no other process grade until the transaction ends; events are still added."""
    conn.execute("select pg_advisory_xact_lock(%s)", (GRADING_LOCK,))


def forget_unregistered(conn: Connection, before: datetime) -> int:
    """Delete marks older than `before` of posts that never were registered. Returns: how many."""
    return conn.execute(
        "delete from engagement_changed c where changed_at < %s"
        " and not exists (select 1 from posts p where p.post_id = c.post_id)",
        (before,),
    ).rowcount


def take_changed(conn: Connection, limit: int) -> dict[bytes, bool]:
    """Take the oldest marks of registered posts; a rollback restores them.

    Returns: post id -> whether a final grade reopens.
    """
    return {
        bytes(post_id): reopen
        for post_id, reopen in conn.execute(_TAKE_CHANGED, (limit,)).fetchall()
    }


def list_changed(conn: Connection) -> list[bytes]:
    """Return the registered posts that are marked; the marks stay."""
    rows = conn.execute(
        "select post_id from engagement_changed join posts using (post_id) order by 1"
    ).fetchall()
    return [bytes(row[0]) for row in rows]


def mark_due(conn: Connection, now: datetime) -> None:
    """Mark the posts whose grade becomes final now, also those without any event."""
    conn.execute(
        "insert into engagement_changed (post_id) select post_id from grades"
        " where status = 'provisional' and final_at <= %s order by 1 on conflict do nothing",
        (now,),
    )
    conn.execute(
        "insert into engagement_changed (post_id) select distinct post_id from earnings e where"
        " transaction_id is null and not exists (select 1 from grades g where g.post_id ="
        " e.post_id) order by 1 on conflict do nothing"
    )


def count(
    conn: Connection, post_ids: Sequence[bytes], rules: Rules, now: datetime
) -> list[PostCounts]:
    """Count the events of posts anew and store the counts."""
    params = {
        "ids": list(post_ids),
        "window": rules.window,
        "min_watch_ms": rules.min_watch_ms,
        "min_comment_chars": rules.min_comment_chars,
    }
    results = [
        PostCounts(
            bytes(row[0]),
            dict(zip(_NAMES, row[1:7], strict=True)),
            dict(zip(_NAMES, row[7:13], strict=True)),
            row[13],
        )
        for row in conn.execute(_COUNT, params).fetchall()
    ]
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into engagement_counts (post_id, raw, qualified, counted_at) values (%s, %s,"
            " %s, %s) on conflict (post_id) do update set raw = excluded.raw, qualified ="
            " excluded.qualified, counted_at = excluded.counted_at",
            [
                (counts.post_id, Jsonb(counts.raw), Jsonb(counts.qualified), now)
                for counts in results
            ],
        )
        cursor.executemany(
            "update posts set length_ms = %s where post_id = %s and length_ms is distinct from %s",
            [(c.length_ms, c.post_id, c.length_ms) for c in results if c.length_ms is not None],
        )
    return results
