"""Engagement events for the fraud detectors, as columns: a day of a million events in seconds.

Names leave the database as 64-bit hashes under a seed that changes with every pass, so that no
attacker can choose names that collide. Rows travel as COPY BINARY without nulls: all have the same
length, so numpy reads them without parsing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from storage.database import Connection

ROWS_A_CHUNK = 200_000
HEADER_BYTES = 19  # signature, flags and length of the extension
NO_NAME = 0  # hash of an absent name
KINDS = ("view", "like", "comment", "save", "share", "follow", "gift", "sign_up", "login")
TYPES = {"int2": ">i2", "int4": ">i4", "int8": ">i8"}

EVENT_COLUMNS = {
    "kind": "int2",
    "at_s": "int8",
    "post": "int8",
    "creator_id": "int8",
    "account": "int8",
    "device": "int8",
    "ip": "int8",
    "agent_id": "int4",
    "referrer_id": "int4",
    "watch_ms": "int4",
    "length_ms": "int4",
    "value": "int8",
}
# What an alert was closed about is not judged again; what comes afterwards is, for itself.
EVENTS = """
select array_position({kinds}, kind)::int2 - 1::int2, extract(epoch from at)::int8,
    coalesce(hashtextextended(encode(post_id, 'hex'), {seed}), 0), coalesce(creator_id, -1)::int8,
    coalesce(hashtextextended(account, {seed}), 0), coalesce(hashtextextended(device, {seed}), 0),
    coalesce(hashtextextended(encode(ip_hash, 'hex'), {seed}), 0), coalesce(agent_id, -1)::int4,
    coalesce(referrer_id, -1)::int4, coalesce(watch_ms, 0)::int4, coalesce(length_ms, 0)::int4,
    coalesce(value_minor, 0)::int8
from engagement_events e
where at < {end} and (at >= {start} or kind = 'gift' and at >= {gifts_since})
    and not exists (
        select 1 from fraud_alerts a
        where a.subject = 'post' and a.post_id = e.post_id and e.at <= a.closed_at)
    and not (kind = 'gift' and exists (
        select 1 from fraud_alerts a
        where a.subject = 'creator' and a.creator_id = e.creator_id and e.at <= a.closed_at))
"""
SIGN_UP_COLUMNS = {
    "account": "int8",
    "at_s": "int8",
    "shape": "int8",
    "ip": "int8",
    "agent_id": "int4",
}
SIGN_UPS = """
select hashtextextended(account, {seed}), extract(epoch from signed_up_at)::int8,
    hashtextextended(shape, {seed}),
    coalesce(hashtextextended(encode(ip_hash, 'hex'), {seed}), 0), coalesce(agent_id, -1)::int4
from fraud_sign_ups where signed_up_at >= {since} and signed_up_at < {end}
"""
GIVER_COLUMNS = {"account": "int8"}
GIVERS = "select hashtextextended(account, {seed}) from fraud_givers where first_gift_at < {start}"
SEEN_COLUMNS = {"account": "int8", "at_s": "int8"}
# When the accounts that reacted in the span were first seen.
SEEN = """
select hashtextextended(account, {seed}), extract(epoch from first_seen_at)::int8
from fraud_accounts where account in (
    select account from engagement_events where at >= {start} and at < {end}
        and kind in ('like', 'comment', 'save', 'share'))
"""
CREATOR_COLUMNS = {"id": "int8", "account": "int8"}
CREATORS = "select id, hashtextextended(handle, {seed}) from creators where same_as is null"

NOTE_SIGN_UPS = """
insert into fraud_sign_ups (account, signed_up_at, shape, ip_hash, agent_id)
select distinct on (account) account, at,
    regexp_replace(regexp_replace(lower(account), '[^0-9._@+-]+', 'a', 'g'), '[0-9]+', '0', 'g'),
    ip_hash, agent_id
from engagement_events
where kind = 'sign_up' and account is not null and at >= %(start)s and at < %(end)s
order by account, at
on conflict (account) do nothing
"""
NOTE_GIVERS = """
insert into fraud_givers (account, first_gift_at)
select account, min(at) from engagement_events
where kind = 'gift' and account is not null and at >= %(start)s and at < %(end)s
group by account order by account
on conflict (account) do update
    set first_gift_at = least(fraud_givers.first_gift_at, excluded.first_gift_at)
"""
NOTE_ACCOUNTS = """
insert into fraud_accounts as known (account, first_seen_at, last_seen_at)
select account, min(at), max(at) from engagement_events
where account is not null and at >= %(start)s and at < %(end)s
group by account order by account
on conflict (account) do update set
    first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
    where excluded.first_seen_at < known.first_seen_at
        or excluded.last_seen_at > known.last_seen_at + interval '7 days'
"""


@dataclass(frozen=True, kw_only=True)
class RawEvents:
    """Columns as read: 64-bit hashes of names, 0 for none, and ids of rows, -1 for none.

    Attributes:
        events: kind (index into KINDS), at_s, post, creator_id, account, device, ip, agent_id,
            referrer_id, watch_ms, length_ms, value.
        sign_ups: account, at_s, shape, ip, agent_id of recent sign-ups.
        givers: hashes of accounts that gave before the span.
        seen: account and at_s, when it was first seen, of those that reacted.
        creators: id and account (hash of the handle) of every creator.
        agents, referrers: texts by id.
    """

    seed: int
    start_s: int
    end_s: int
    events: dict[str, NDArray[np.int64]]
    sign_ups: dict[str, NDArray[np.int64]]
    givers: NDArray[np.int64]
    seen: dict[str, NDArray[np.int64]]
    creators: dict[str, NDArray[np.int64]]
    agents: dict[int, str]
    referrers: dict[int, str]


def note(conn: Connection, start: datetime, end: datetime) -> None:
    """Store what later passes need of a span: sign-ups, first gifts, and who was seen;
    idempotent.

    Args:
        start, end: full hours.
    """
    span = {"start": start, "end": end}
    for statement in (NOTE_SIGN_UPS, NOTE_GIVERS, NOTE_ACCOUNTS):
        conn.execute(statement, span)


def load(
    conn: Connection,
    start: datetime,
    end: datetime,
    *,
    sign_ups_since: datetime,
    gifts_since: datetime,
    seed: int,
) -> RawEvents:
    """Return all events with start <= time < end, earlier gifts, and the facts of accounts.

    Events of a post, and gifts to a creator, from before an alert about them was closed are left
    out.
    """
    names = {
        "gifts_since": sql.Literal(gifts_since),
        "seed": sql.Literal(seed),
        "start": sql.Literal(start),
        "end": sql.Literal(end),
        "since": sql.Literal(sign_ups_since),
        "kinds": sql.Literal(list(KINDS)),
    }

    def read(query: str, columns: dict[str, str]) -> dict[str, NDArray[np.int64]]:
        return _read(conn, sql.SQL(query).format(**names), columns)

    events = read(EVENTS, EVENT_COLUMNS)
    sign_ups = read(SIGN_UPS, SIGN_UP_COLUMNS)
    agents = np.unique(np.concatenate([events["agent_id"], sign_ups["agent_id"]]))
    referrers = np.unique(events["referrer_id"])
    return RawEvents(
        seed=seed,
        start_s=int(start.timestamp()),
        end_s=int(end.timestamp()),
        events=events,
        sign_ups=sign_ups,
        givers=read(GIVERS, GIVER_COLUMNS)["account"],
        seen=read(SEEN, SEEN_COLUMNS),
        creators=read(CREATORS, CREATOR_COLUMNS),
        agents=_texts(
            conn, "select id, user_agent from engagement_agents where id = any(%s)", agents
        ),
        referrers=_texts(
            conn, "select id, referrer from engagement_referrers where id = any(%s)", referrers
        ),
    )


# Posts of a span whose hashes under the seed are known.
_POST_IDS = """
select hash, post_id
from (
    select distinct post_id from engagement_events
    where at >= %(start)s and at < %(end)s and post_id is not null
) p, hashtextextended(encode(post_id, 'hex'), %(seed)s) hash
where hash = any(%(hashes)s)
"""


def post_ids(
    conn: Connection, hashes: Sequence[int], seed: int, start: datetime, end: datetime
) -> dict[int, bytes]:
    """Return the posts by their hashes of a pass."""
    rows = conn.execute(
        _POST_IDS, {"start": start, "end": end, "seed": seed, "hashes": list(hashes)}
    ).fetchall()
    return {row[0]: bytes(row[1]) for row in rows}


def names(
    conn: Connection, column: str, hashes: Sequence[int], seed: int, start: datetime, end: datetime
) -> dict[int, str]:
    """Return the accounts, devices or addresses by their hashes of a pass.

    Args:
        column: account, device or ip_hash.
    """
    hexed = "encode(ip_hash, 'hex')" if column == "ip_hash" else "{name}"
    query = sql.SQL(
        f"select distinct hash, name from engagement_events, lateral (select {hexed} as name) n,"
        " hashtextextended(n.name, %(seed)s) hash"
        " where at >= %(start)s and at < %(end)s and {name} is not null and hash = any(%(hashes)s)"
    ).format(name=sql.Identifier(column))
    rows = conn.execute(
        query, {"seed": seed, "start": start, "end": end, "hashes": list(hashes)}
    ).fetchall()
    return dict(rows)


def record_pass(conn: Connection, end: datetime, now: datetime) -> None:
    """Record that the day up to `end` was examined."""
    conn.execute(
        "insert into fraud_passes (end_at, made_at) values (%s, %s)"
        " on conflict (end_at) do update set made_at = excluded.made_at",
        (end, now),
    )


def is_pass_recorded(conn: Connection, end: datetime) -> bool:
    """Return whether the day up to `end` was examined."""
    return (
        conn.execute("select 1 from fraud_passes where end_at = %s", (end,)).fetchone() is not None
    )


# Ends of passes, `reach` apart, in every gap between two recorded passes that is longer.
_MISSING_PASSES = """
select generate_series(end_at + %(reach)s, following - interval '1 hour', %(reach)s)
from (
    select end_at, lead(end_at) over (order by end_at) as following
    from fraud_passes where end_at >= %(since)s
) p where following - end_at > %(reach)s order by 1
"""


def missing_passes(conn: Connection, since: datetime, reach: timedelta) -> list[datetime]:
    """Return the ends of the passes that fill the gaps between recorded ones, oldest first.

    Args:
        since: gaps that began before are ignored.
        reach: the longest span between the ends of two passes.
    """
    rows = conn.execute(_MISSING_PASSES, {"reach": reach, "since": since}).fetchall()
    return [row[0] for row in rows]


def late_days(conn: Connection, since: datetime) -> list[date]:
    """Return the days of which events came after their passes were over, the oldest first."""
    rows = conn.execute(
        "select day from fraud_late where day >= %s order by 1", (since.date(),)
    ).fetchall()
    return [row[0] for row in rows]


def clear_late(conn: Connection, day: date) -> None:
    """Note that a day was looked at again."""
    conn.execute("delete from fraud_late where day = %s", (day,))


def forget(conn: Connection, before: datetime) -> None:
    """Delete what no pass reads any more, and accounts that were not seen since."""
    conn.execute("delete from fraud_sign_ups where signed_up_at < %s", (before,))
    # Only whoever signed up lately can be a first-time giver.
    conn.execute("delete from fraud_givers where first_gift_at < %s", (before,))
    conn.execute("delete from fraud_accounts where last_seen_at < %s", (before,))
    conn.execute("delete from fraud_passes where end_at < %s", (before,))
    conn.execute("delete from fraud_late where day < %s", (before.date(),))


def _texts(conn: Connection, query: str, ids: NDArray[np.int64]) -> dict[int, str]:
    return dict(conn.execute(query, (ids[ids >= 0].tolist(),)).fetchall())


def _read(
    conn: Connection, query: sql.Composed, columns: dict[str, str]
) -> dict[str, NDArray[np.int64]]:
    parts = list(_chunks(conn, query, columns))
    kinds = {name: np.dtype(TYPES[kind]).newbyteorder("=") for name, kind in columns.items()}
    if not parts:
        return {name: np.zeros(0, kind) for name, kind in kinds.items()}
    return {name: np.concatenate([part[name] for part in parts]) for name in columns}


def _chunks(
    conn: Connection, query: sql.Composed, columns: dict[str, str]
) -> Iterator[dict[str, NDArray[np.int64]]]:
    """Yield the rows of a query, some hundred thousand at a time; no column has nulls."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in columns.items():
        fields += [(f"{name}_bytes", ">i4"), (name, TYPES[kind])]
    row = np.dtype(fields)

    def decode(pieces: list[bytes]) -> dict[str, NDArray[np.int64]]:
        rows = np.frombuffer(b"".join(pieces), row)
        return {name: rows[name].astype(row[name].newbyteorder("=")) for name in columns}

    with (
        conn.cursor() as cursor,
        cursor.copy(sql.SQL("copy ({}) to stdout (format binary)").format(query)) as copy,
    ):
        pieces: list[bytes] = []
        first = True
        for piece in copy:
            data = bytes(piece)
            if first:
                data, first = data[HEADER_BYTES:], False
            if len(data) % row.itemsize == 2:  # the last piece ends with a trailer of two bytes
                data = data[:-2]
            if data:
                pieces.append(data)
            if len(pieces) >= ROWS_A_CHUNK:
                yield decode(pieces)
                pieces = []
        if pieces:
            yield decode(pieces)
