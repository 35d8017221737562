"""Engagement events (views, likes, gifts, sign-ups and so on), each stored once, a partition a day.

Events arrive in bulk through COPY into a temporary table; new ones move to the day's partition.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

from storage.database import Connection
from storage.names import canonical

KINDS = ("view", "like", "comment", "save", "share", "follow", "gift", "sign_up", "login")
PARTITION_LOCK = 0x0_DA75  # one transaction makes partitions at a time
PARTITION_PREFIX = "engagement_events_"
DAY = timedelta(days=1)
LOCK_TIMEOUT = "500ms"  # how long events wait at most for drop_partitions

STAGING = """
create temp table if not exists engagement_staging (
    event_id uuid, at timestamptz, kind text, post_id bytea, creator text, account text,
    device text, ip_hash bytea, user_agent text, referrer text, watch_ms int, length_ms int,
    text_hash bytea, text_chars int, value_minor bigint, program text, outside boolean,
    creator_key text, account_key text
) on commit delete rows
"""
COPY = (
    "copy engagement_staging (event_id, at, kind, post_id, creator, account, device, ip_hash,"
    " user_agent, referrer, watch_ms, length_ms, text_hash, text_chars, value_minor, program,"
    " outside, creator_key, account_key) from stdin"
)
# Rows are inserted in order, so that two batches with the same rows cannot deadlock.
NEW_AGENTS = """
insert into engagement_agents (user_agent, program)
select distinct on (user_agent) user_agent, program from engagement_staging s
where user_agent is not null
and not exists (select 1 from engagement_agents a where a.user_agent = s.user_agent)
order by 1 on conflict do nothing
"""
NEW_REFERRERS = """
insert into engagement_referrers (referrer, outside)
select distinct on (referrer) referrer, outside from engagement_staging s
where referrer is not null
and not exists (select 1 from engagement_referrers r where r.referrer = s.referrer)
order by 1 on conflict do nothing
"""
# Move new events on and mark their posts; one of the time that a final grade is about reopens it,
# and a week that was paid is compared anew.
# The mark locks its row until the commit, so that grading, which takes the marks, waits and sees
# these events.
MOVE = """
with added as (
    insert into engagement_events (event_id, at, kind, post_id, creator_id, account, device,
        ip_hash, agent_id, referrer_id, watch_ms, length_ms, text_hash, text_chars, value_minor)
    select event_id, at, kind, post_id, coalesce(p.creator_id, c.id), coalesce(k.handle, s.account),
        device, ip_hash, a.id, r.id, watch_ms, s.length_ms, text_hash, text_chars, value_minor
    from engagement_staging s
    left join posts p using (post_id)
    left join lateral (
        select coalesce(same_as, id) as id from creators where name_key = s.creator_key
        order by same_as nulls first limit 1
    ) c on true
    left join lateral (
        select root.handle from creators named
        join creators root on root.id = coalesce(named.same_as, named.id)
        where named.name_key = s.account_key order by named.same_as nulls first limit 1
    ) k on true
    left join engagement_agents a using (user_agent)
    left join engagement_referrers r using (referrer)
    order by at, event_id
    on conflict do nothing
    returning post_id, at
), late as (
    insert into fraud_late (day)
    select distinct (at at time zone 'UTC')::date from added where at < now() - interval '1 day'
    order by 1 on conflict do nothing
), paid as (
    update earnings w set changed = true
    from (
        select distinct post_id, date_trunc('week', at at time zone 'UTC')::date as week
        from added where post_id is not null
    ) a where w.post_id = a.post_id and w.week = a.week and w.transaction_id is not null
), marked as (
    insert into engagement_changed (post_id, reopen)
    select post_id, coalesce(bool_or(g.status = 'final' and at < g.final_at), false)
    from added left join grades g using (post_id)
    where post_id is not null group by 1 order by 1
    on conflict (post_id) do update set changed_at = now(),
        reopen = engagement_changed.reopen or excluded.reopen
)
select count(*) from added
"""


class Event(NamedTuple):
    """One event, a row of the staging table. Fields that do not belong to its kind are None.

    Attributes:
        post_id: 32 bytes.
        creator: name of the creator that an event without a post concerns.
        account: who did it; a creator in any spelling is stored by the handle.
        ip_hash: the platform's keyed hash of the address; the oracle never sees addresses.
        watch_ms, length_ms: of a view; no length for a picture.
        text_hash, text_chars: of a comment, normalised by the platform.
        value_minor: of a gift, in cents.
        program: what the user agent says of itself, where that is no person: robot or tool.
        outside: whether the referrer is a page outside of the platform.
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
    program: str | None = None
    outside: bool = False


def add_events(conn: Connection, events: Sequence[Event]) -> int:
    """Store events, unless stored already (same id and time), and mark their posts for grading.

    Returns: how many are new.
    """
    if not events:
        return 0
    make_partitions(conn, {event.at.astimezone(UTC).date() for event in events})
    with conn.cursor() as cursor:
        cursor.execute("set local client_min_messages = warning")
        cursor.execute(STAGING)
        with cursor.copy(COPY) as copy:
            for event in events:
                copy.write_row((*event, _key(event.creator), _key(event.account)))
        cursor.execute(NEW_AGENTS)
        cursor.execute(NEW_REFERRERS)
        row = cursor.execute(MOVE).fetchone()
    assert row is not None
    return int(row[0])


@lru_cache(65_536)
def _key(name: str | None) -> str | None:
    return None if name is None else canonical(name)


def make_partitions(conn: Connection, days: set[date]) -> None:
    """Create the missing partitions of days (UTC)."""
    if days <= set(partition_days(conn)):
        return
    conn.execute("select pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
    for day in sorted(days - set(partition_days(conn))):
        table, start = sql.Identifier(partition_name(day)), datetime.combine(day, time(), UTC)
        # Attaching a finished table locks out other makers of partitions, not readers and writers.
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
    """Return the days (UTC) that have a partition, oldest first."""
    rows = conn.execute(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid"
        " where i.inhparent = 'engagement_events'::regclass order by 1"
    ).fetchall()
    return [datetime.strptime(name, PARTITION_PREFIX + "%Y%m%d").date() for (name,) in rows]


def drop_partitions(conn: Connection, before: date) -> list[date]:
    """Drop the partitions of the days before `before` (UTC). Returns: the days dropped.

    Dropping locks out all readers and writers of events, and all who queue behind this lock. Where
    the lock is not free within LOCK_TIMEOUT, nothing is dropped; the next call tries again.
    """
    dropped: list[date] = []
    if not any(day < before for day in partition_days(conn)):
        return dropped
    try:
        with conn.transaction():
            conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            conn.execute("select pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
            for day in (day for day in partition_days(conn) if day < before):
                conn.execute(sql.SQL("drop table {}").format(sql.Identifier(partition_name(day))))
                dropped.append(day)
            conn.execute("set local lock_timeout to default")
    except psycopg.errors.LockNotAvailable:
        return []
    return dropped


def partition_name(day: date) -> str:
    """Return the name of the table that holds the events of a day (UTC)."""
    return f"{PARTITION_PREFIX}{day:%Y%m%d}"
