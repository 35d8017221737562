"""What the views of a post in a week come to, for its pay."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from psycopg.rows import class_row

from storage.database import Connection
from storage.engagement.counts import IS_PERSON
from storage.engagement.exclusions import COUNTS, left_out

# Views of one post in one week. Held: left out by an alert that holds a part of the pay.
_WEEK = f"""
select count(*) as views,
    count(*) filter (where {IS_PERSON} and {COUNTS}) as counted,
    count(*) filter (where {left_out("x.confirmed")}) as confirmed,
    count(*) filter (where {
    left_out(
        "not x.confirmed and x.alert_id in (select alert_id from ledger_freezes f"
        " where f.post_id = x.post_id and not whole and released_at is null"
        " and until > %(now)s)"
    )
}) as held
from engagement_events e left join engagement_agents a on a.id = e.agent_id
where e.post_id = %(post)s and e.kind = 'view' and e.at >= %(start)s and e.at < %(end)s
"""


@dataclass(frozen=True, kw_only=True)
class WeekViews:
    """The views of a post in a week.

    Attributes:
        counted: by people, as far as is known.
        confirmed: that a person found to be fraud. held: that an alert holds a part of the pay for.
    """

    views: int
    counted: int
    confirmed: int
    held: int


def week_views(conn: Connection, post_id: bytes, week: date, now: datetime) -> WeekViews:
    """Count the views of a post in the week that begins on a Monday (UTC)."""
    start = datetime.combine(week, time(), UTC)
    params = {"post": post_id, "start": start, "end": start + timedelta(weeks=1), "now": now}
    with conn.cursor(row_factory=class_row(WeekViews)) as cursor:
        found = cursor.execute(_WEEK, params).fetchone()
    assert found is not None
    return found
