"""Counts of engagement by post: all events, and those that count towards the grade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.engagement.exclusions import COUNTS

# A picture has no length: a view of this long counts as watched whole.
PICTURE_DWELL_MS = 10_000
# A platform may register a post some days after it came out.
REGISTERED_WITHIN = "interval '7 days'"
# So many devices of one address count as people, on one day, or views where no device is named: as
# many as a school has. Names of browsers make no difference, as anybody can make up another.
PER_ADDRESS = 200

# A creator who exchanged favours with so many of the other creators who reacted to a post, and with
# half of them, is of a closed group.
CLOSED_GROUP = 3

# One process grades at a time: two would wait for each other's rows.
GRADING_LOCK = 0x0_6ADE5

# Take the oldest marks of registered posts, passing by those that another transaction holds.
_TAKE_CHANGED = """
delete from engagement_changed where post_id in (
    select c.post_id from engagement_changed c join posts p using (post_id)
    order by c.changed_at limit %s for update of c skip locked)
returning post_id, reopen
"""
# When post `p` of work `w` came out: as its poster says, at most so long before it was registered;
# where nobody says it, views of that time may be of people.
BEGINS = f"""greatest(least(coalesce(w.stated_published_at, '-infinity'), p.published_at),
            p.published_at - {REGISTERED_WITHIN})"""
# What nobody signed in sent, by a program that says so itself, is not counted, for anybody.
IS_PERSON = "(e.account is not null or a.program is null)"
# Count the events of posts.
#
# A viewer is an account, else a device; where the platform names no device each view is a viewer.
# Of those without an account an address has as many as a school, a day. It is an estimate.
#
# A viewer took the post in who watched half of it, or longer than for a moment, or reacted. Who
# passes by in five seconds, or from elsewhere without doing either, is no audience that judged. Nor
# is who has no account, as requests cost nothing, unless half was watched; of what has no length,
# as much as makes a picture whole.
# Reactions are those of accounts that saw the post. Those of a creator do not count who returns a
# favour of the poster's, or who is of a closed group of those that reacted: linked by favours with
# most of them, and given some; its members need not return each one. How old an account is does not
# matter here: on a young platform all are new.
# A view without a length has that of the post; a video whose length nobody knows says
# nothing of how much was watched.
#
# Of comments with the same text the first counts. What happened before the post was here, or after
# its grade is final, is not counted.
_COUNT = f"""
with scope as (
    select p.post_id, p.creator_id, c.handle as owner, p.media_type = 'image' as is_picture,
        {BEGINS} as begins, p.published_at + %(window)s as ends,
        w.duration_ms
    from posts p left join creators c on c.id = p.creator_id left join works w on w.id = p.work_id
    where p.post_id = any(%(ids)s)
), e as materialized (
    select e.post_id, e.event_id, e.kind, e.account, e.device, e.ip_hash, e.at, e.watch_ms,
        e.length_ms, e.text_hash, e.text_chars, scope.owner,
        coalesce(r.outside, false) as outside, {IS_PERSON} and {COUNTS} as counts
    from scope join engagement_events e on e.post_id = scope.post_id
        and e.at >= scope.begins and e.at < scope.ends
    left join engagement_agents a on a.id = e.agent_id
    left join engagement_referrers r on r.id = e.referrer_id
), lengths as (
    select scope.post_id, is_picture,
        (percentile_disc(0.5) within group (order by e.length_ms)
            filter (where e.length_ms is not null))::int as reported_ms,
        min(scope.duration_ms)::int as known_ms
    from scope left join e using (post_id) group by 1, 2
), q as materialized (
    select e.*, coalesce(e.length_ms, reported_ms, known_ms,
            case when is_picture then {PICTURE_DWELL_MS} end) as whole_ms,
        coalesce(e.length_ms, reported_ms, known_ms) is not null as has_length
    from e join lengths using (post_id) where counts and e.account is distinct from e.owner
), raw as (
    select post_id,
        count(*) filter (where kind = 'view') as views,
        count(*) filter (where kind = 'save') as saves,
        count(*) filter (where kind = 'comment') as comments,
        count(*) filter (where kind = 'share') as shares,
        count(*) filter (where kind = 'like') as likes
    from e group by post_id
), saw as (
    select distinct post_id, account from q where kind = 'view' and account is not null
), texts as (
    select distinct on (post_id, text_hash) post_id, account
    from q where kind = 'comment' and text_chars >= %(min_comment_chars)s
    order by post_id, text_hash, at
), reacted as (
    select * from (
        select post_id, account, kind from q where kind in ('save', 'share', 'like')
        union select post_id, account, 'comment' from texts
    ) r join saw using (post_id, account)
), colleagues as materialized (
    select distinct r.post_id, c.handle as account, c.id
    from reacted r join creators c on c.handle = r.account
    where exists (select 1 from posts own where own.creator_id = c.id)
), favours as materialized (
    select distinct e.account as giver, own.creator_id as taker
    from posts own join engagement_events e on e.post_id = own.post_id
        and e.kind in ('save', 'share', 'like', 'comment')
    where own.creator_id in (select id from colleagues)
        and e.account in (select account from colleagues union all select owner from scope)
), closed as (
    select a.post_id, a.account from colleagues a join colleagues b using (post_id) join favours f
        on f.giver = b.account and f.taker = a.id or f.giver = a.account and f.taker = b.id
    where a.id <> b.id group by 1, 2
    having count(distinct b.id) >= greatest({CLOSED_GROUP}, (
        select count(*) / 2 from colleagues every where every.post_id = a.post_id))
        and bool_or(f.taker = a.id)
    union select c.post_id, c.account from colleagues c join scope using (post_id)
        join favours f on f.giver = scope.owner and f.taker = c.id
), reactions as (
    select * from reacted where (post_id, account) not in (select post_id, account from closed)
), seen as (
    select q.post_id,
        case when q.account is not null then 'a ' || q.account
            when device is not null then 'd ' || device
            when ip_hash is not null then 'e ' || event_id end as viewer,
        case when q.account is null and ip_hash is not null then ip_hash end as address,
        q.account is not null as is_signed_in, at::date as day,
        case when whole_ms is not null
            then least(10000, watch_ms::bigint * 10000 / whole_ms) end as watched_bps,
        watch_ms >= least(%(min_watch_ms)s, coalesce(whole_ms / 2, %(min_watch_ms)s)) as is_long,
        r.account is not null as reacted,
        r.account is null and case
            when has_length and watch_ms * 2 >= whole_ms then false
            when q.account is null then has_length or watch_ms < {PICTURE_DWELL_MS}
            else outside or watch_ms <= %(min_watch_ms)s end as passes_by
    from q left join (select distinct post_id, account from reactions) r using (post_id, account)
    where kind = 'view'
), viewers as (
    select post_id, viewer, is_signed_in, address, min(day) as day,
        max(watched_bps) as watched_bps, bool_or(reacted or not passes_by) as is_audience
    from seen where viewer is not null and (is_long or reacted) group by 1, 2, 3, 4
), people as (
    select *, row_number() over (partition by post_id, address, day order by viewer) as place
    from viewers
), watched as (
    select post_id, count(*) as views, count(*) filter (where is_audience) as audience,
        count(*) filter (where is_audience and is_signed_in) as signed_in,
        count(watched_bps) filter (where is_audience) as timed,
        coalesce(sum(watched_bps) filter (where is_audience), 0)::bigint as watched_bps
    from (
        select post_id, viewer, is_signed_in, bool_or(is_audience) as is_audience,
            max(watched_bps) as watched_bps
        from people where address is null or place <= {PER_ADDRESS}
        group by 1, 2, 3
    ) person group by 1
), others as (
    select post_id, count(*) filter (where kind = 'save') as saves,
        count(*) filter (where kind = 'share') as shares,
        count(*) filter (where kind = 'like') as likes,
        count(*) filter (where kind = 'comment') as comments
    from reactions group by 1
)
select scope.post_id,
    coalesce(raw.views, 0), coalesce(raw.saves, 0), coalesce(raw.comments, 0),
    coalesce(raw.shares, 0), coalesce(raw.likes, 0),
    coalesce(watched.views, 0), coalesce(watched.audience, 0), coalesce(watched.signed_in, 0),
    coalesce(watched.timed, 0), coalesce(watched.watched_bps, 0),
    coalesce(others.saves, 0), coalesce(others.comments, 0),
    coalesce(others.shares, 0), coalesce(others.likes, 0), lengths.reported_ms
from scope left join raw using (post_id) left join watched using (post_id)
left join others using (post_id) join lengths using (post_id)
order by scope.post_id
"""
_RAW = ("views", "saves", "comments", "shares", "likes")
_QUALIFIED = (
    "views",
    "audience",
    "signed_in",
    "timed",
    "watched_bps",
    "saves",
    "comments",
    "shares",
    "likes",
)


@dataclass(frozen=True)
class Rules:
    """The rules of counting; see `grade_policies`."""

    min_watch_ms: int
    min_comment_chars: int
    window: timedelta


@dataclass(frozen=True)
class PostCounts:
    """Counts by name.

    raw: all events (views, saves, comments, shares, likes). qualified: people who viewed and
    reacted; of the viewers, those who took it in (audience), of them those with an account
    (signed_in) and of whose length of watching something is known (timed), and the sum of the
    shares that these watched (watched_bps).
    """

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
            dict(zip(_RAW, row[1:6], strict=True)),
            dict(zip(_QUALIFIED, row[6:15], strict=True)),
            row[15],
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
