"""Engagement events: who watched, liked, gave or signed up, once each, in one partition a day.

Events come in bulk through COPY into a temporary table; what is new moves on to the day's
partition.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

from storage.database import Connection

KINDS = ("view", "like", "comment", "save", "share", "follow", "gift", "sign_up", "login")
PARTITION_LOCK = 0x0_DA75  # one maker of partitions at a time
PARTITION_PREFIX = "engagement_events_"
DAY = timedelta(days=1)
LOCK_PATIENCE = "500ms"  # events wait so long at most for one that forgets them

STAGING = """
create temp table if not exists engagement_staging (
    event_id uuid, at timestamptz, kind text, post_id bytea, creator text, account text,
        device text, ip_hash bytea,
    user_agent text, referrer text, watch_ms int, length_ms int, text_hash bytea, text_chars int,
        value_minor bigint
) on commit delete rows
"""
COPY = (
    "copy engagement_staging (event_id, at, kind, post_id, creator, account, device, ip_hash,"
    " user_agent, referrer, watch_ms, length_ms, text_hash, text_chars, value_minor) from stdin"
)
# Rows are sorted wherever transactions meet, so that two batches with the same rows cannot wait for
# each other.
NEW_AGENTS = """
insert into engagement_agents (user_agent)
select distinct user_agent from engagement_staging s where user_agent is not null
and not exists (select 1 from engagement_agents a where a.user_agent = s.user_agent)
    order by 1 on conflict do nothing
"""
NEW_REFERRERS = """
insert into engagement_referrers (referrer)
select distinct referrer from engagement_staging s where referrer is not null
and not exists (select 1 from engagement_referrers r where r.referrer = s.referrer)
    order by 1 on conflict do nothing
"""
# The mark locks its row until the commit: grading that takes marks away then waits and sees these
# events.
MOVE = """
with added as (
    insert into engagement_events (event_id, at, kind, post_id, creator_id, account, device,
        ip_hash, agent_id,
        referrer_id, watch_ms, length_ms, text_hash, text_chars, value_minor)
    select event_id, at, kind, post_id, coalesce(p.creator_id, c.id), s.account, device, ip_hash,
        a.id, r.id,
        watch_ms, s.length_ms, text_hash, text_chars, value_minor
    from engagement_staging s
    left join posts p using (post_id)
    left join creators c on c.handle = s.creator
    left join engagement_agents a using (user_agent)
    left join engagement_referrers r using (referrer)
    order by at, event_id
    on conflict do nothing
    returning post_id
), marked as (
    insert into engagement_changed (post_id) select distinct post_id from added
        where post_id is not null order by 1
    on conflict (post_id) do update set changed_at = now()
)
select count(*) from added
"""


class Event(NamedTuple):
    """One thing somebody did, a row of the staging table as it is. What does not belong to its kind
    is None.

    Attributes:
        post_id: 32 bytes. `creator` is the handle of whom it is about where there is no post.
        ip_hash: the platform's keyed hash of the address; addresses themselves never come here.
        watch_ms, length_ms: of a view; no length for a picture.
        text_hash, text_chars: of a comment, normalised by the platform.
        value_minor: of a gift, in cents.
    """

    event_id: UUID
    at: datetime
    kind: str
    post_id: bytes | None = None
    creator: str | None = None
    account: str | None = None
    device: str | None = None
    ip_hash: bytes | None = None
    user_agent: str | None = None
    referrer: str | None = None
    watch_ms: int | None = None
    length_ms: int | None = None
    text_hash: bytes | None = None
    text_chars: int | None = None
    value_minor: int | None = None


def add_events(conn: Connection, events: Sequence[Event]) -> int:
    """Store events; one that is stored already (same id and time) is left as it is.

    Their posts are marked for grading. Returns: how many are new; the rest were duplicates.
    """
    if not events:
        return 0
    make_partitions(conn, {event.at.astimezone(UTC).date() for event in events})
    with conn.cursor() as cursor:
        cursor.execute("set local client_min_messages = warning")
        cursor.execute(STAGING)
        with cursor.copy(COPY) as copy:
            for event in events:
                copy.write_row(event)
        cursor.execute(NEW_AGENTS)
        cursor.execute(NEW_REFERRERS)
        row = cursor.execute(MOVE).fetchone()
    assert row is not None
    return int(row[0])


def make_partitions(conn: Connection, days: set[date]) -> None:
    """Make the partitions of those days (UTC) that are missing."""
    if days <= set(partition_days(conn)):
        return
    conn.execute("select pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
    for day in sorted(days - set(partition_days(conn))):
        table, start = sql.Identifier(partition_name(day)), datetime.combine(day, time(), UTC)
        # Made apart and attached: that locks out other makers of partitions only, never readers and
        # writers.
        conn.execute(
            sql.SQL(
                "create table {} (like engagement_events including defaults including constraints)"
            ).format(table)
        )
        conn.execute(
            sql.SQL(
                "alter table engagement_events attach partition {} for values from ({}) to ({})"
            ).format(table, sql.Literal(start), sql.Literal(start + DAY))
        )


def partition_days(conn: Connection) -> list[date]:
    """The days (UTC) that have a partition, oldest first."""
    rows = conn.execute(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid"
        " where i.inhparent = 'engagement_events'::regclass order by 1"
    ).fetchall()
    return [datetime.strptime(name, PARTITION_PREFIX + "%Y%m%d").date() for (name,) in rows]


def drop_partitions(conn: Connection, before: date) -> list[date]:
    """Forget all events of the days before `before` (UTC). Returns: the days that are gone.

    A partition goes only while nobody reads or writes events: dropping it locks all of them, and
    who waits for that lock lets nobody else pass. Where somebody is at it for long, the rest is
    left to the next call.
    """
    gone: list[date] = []
    if not any(day < before for day in partition_days(conn)):
        return gone
    try:
        with conn.transaction():
            conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_PATIENCE)))
            conn.execute("select pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
            for day in (day for day in partition_days(conn) if day < before):
                conn.execute(sql.SQL("drop table {}").format(sql.Identifier(partition_name(day))))
                gone.append(day)
            conn.execute("set local lock_timeout to default")
    except psycopg.errors.LockNotAvailable:
        return []
    return gone


def partition_name(day: date) -> str:
    """The table that holds the events of one day (UTC)."""
    return f"{PARTITION_PREFIX}{day:%Y%m%d}"
