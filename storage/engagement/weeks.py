"""What the views of a post in a week come to, for its pay."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from psycopg.rows import class_row

from storage.database import Connection
from storage.engagement.counts import BEGINS, IS_PERSON, PER_ADDRESS, PICTURE_DWELL_MS
from storage.engagement.exclusions import COUNTS, left_out

# Views of one post in one week. Held: left out by an alert that holds a part of the pay.
#
# A viewer is who is one for the grade: an account, else a device, at most so many of one address;
# never the owner, nor who left within a moment without a reaction, or was there before the post.
_WEEK = f"""
with scope as (
    select p.post_id, c.handle as owner, {BEGINS} as begins,
        coalesce(p.length_ms, w.duration_ms,
            case when p.media_type = 'image' then {PICTURE_DWELL_MS} end) as known_ms, (
            select g.min_watch_ms from grade_policies g where g.effective_from <= p.published_at
            order by g.version desc limit 1
        ) as min_watch_ms
    from posts p left join creators c on c.id = p.creator_id left join works w on w.id = p.work_id
    where p.post_id = %(post)s
), e as materialized (
    select e.event_id, e.account, e.device, e.ip_hash, e.at::date as day,
        {IS_PERSON} and {COUNTS} as counts,
        {left_out("x.confirmed")} as is_confirmed,
        {
    left_out(
        "not x.confirmed and x.alert_id in (select alert_id from ledger_freezes f"
        " where f.post_id = x.post_id and not whole and released_at is null"
        " and until > %(now)s)"
    )
} as is_held,
        e.account is distinct from owner and e.at >= begins and (
            e.watch_ms >= least(min_watch_ms,
                coalesce(coalesce(e.length_ms, known_ms) / 2, min_watch_ms))
            or exists (
                select 1 from engagement_events r where r.post_id = e.post_id
                and r.account = e.account and r.kind in ('save', 'share', 'like', 'comment')
            )
        ) as is_seen
    from scope join engagement_events e on e.post_id = scope.post_id
    left join engagement_agents a on a.id = e.agent_id
    where e.kind = 'view' and e.at >= %(start)s and e.at < %(end)s
), viewers as (
    select case when account is not null then 'a ' || account
            when device is not null then 'd ' || device
            when ip_hash is not null then 'e ' || event_id end as viewer,
        case when account is null then ip_hash end as address,
        min(day) as day, bool_or(counts) as counts
    from e where is_seen and (counts or is_held) group by 1, 2
), people as (
    select viewer, counts, address is null or row_number() over (
            partition by address, day, counts order by viewer
        ) <= {PER_ADDRESS} as is_one
    from viewers where viewer is not null
), one as (
    select bool_or(counts) as counts from people where is_one group by viewer
)
select e.*, one.* from (
    select count(*) as views, count(*) filter (where is_confirmed) as confirmed,
        count(*) filter (where is_held) as held
    from e
) e cross join (
    select count(*) filter (where counts) as counted,
        count(*) filter (where not counts) as held_viewers
    from one
) one
"""


@dataclass(frozen=True, kw_only=True)
class WeekViews:
    """The views of a post in a week.

    Attributes:
        counted: viewers, people as far as is known; each once, however often they looked.
        confirmed: that a person found to be fraud. held: that an alert holds a part of the pay for;
            held_viewers: by how many viewers these are.
    """

    views: int
    counted: int
    confirmed: int
    held: int
    held_viewers: int


def week_views(conn: Connection, post_id: bytes, week: date, now: datetime) -> WeekViews:
    """Count the views of a post in the week that begins on a Monday (UTC)."""
    start = datetime.combine(week, time(), UTC)
    params = {"post": post_id, "start": start, "end": start + timedelta(weeks=1), "now": now}
    with conn.cursor(row_factory=class_row(WeekViews)) as cursor:
        found = cursor.execute(_WEEK, params).fetchone()
    assert found is not None
    return found
