"""Accounts, devices and addresses that engagement counts leave out, and the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.database import Connection

# Whether exclusion `x` covers event `e`, apart from scope and value.
_COVERS = """
    x.lifted_at is null and (x.post_id is null or x.post_id = e.post_id)
    and (x.since is null or e.at >= x.since) and (x.until is null or e.at < x.until)
"""
# The value of event `e` by scope of an exclusion.
# Many people share an address: of one that is left out, those who are signed in count all the same.
_NAMES = {
    "account": "e.account",
    "device": "e.device",
    "ip_hash": "case when e.account is null then encode(e.ip_hash, 'hex') end",
}


def left_out(condition: str = "true") -> str:
    """SQL that says whether event `e` is left out by an exclusion `x` that fulfils a condition.

    One sub-query a scope, so that each can be a hash join.
    """
    parts = (
        f"""exists (
    select 1 from engagement_exclusions x
    where x.scope = '{scope}' and x.value = {value} and {_COVERS} and {condition}
)"""
        for scope, value in _NAMES.items()
    )
    return f"({' or '.join(parts)})"


# Whether event `e` counts.
COUNTS = " and ".join(
    f"""not exists (
    select 1 from engagement_exclusions x
    where x.scope = '{scope}' and x.value = {value} and {_COVERS}
)"""
    for scope, value in _NAMES.items()
)
# Mark the posts that exclusions touch. One with a post marks that post, without reading events. One
# for everywhere reads the events since the earliest start, so that older partitions are skipped.
_MARK = """
insert into engagement_changed (post_id, reopen)
select distinct post_id, %(reopen)s from (
    select post_id from engagement_exclusions where id = any(%(ids)s)
    union all {}
) touched where post_id is not null order by 1
on conflict (post_id) do update set changed_at = now(),
    reopen = engagement_changed.reopen or excluded.reopen
""".format(
    " union all ".join(
        f"""
    select e.post_id from engagement_exclusions x
    join engagement_events e on x.scope = '{scope}' and x.value = {value}
        and (x.since is null or e.at >= x.since) and (x.until is null or e.at < x.until)
    where x.id = any(%(everywhere)s) and e.at >= %(since)s"""
        for scope, value in _NAMES.items()
    )
)


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """An account, device or address whose events are not counted.

    Attributes:
        scope: account, device or ip_hash; an ip_hash is given as lower-case hex.
        post_id: 32 bytes of the one post it concerns, None for all.
        since, until: the events it covers, by time; None is open, `until` itself is not covered.
    """

    scope: str
    value: str
    reason: str
    post_id: bytes | None = None
    since: datetime | None = None
    until: datetime | None = None
    alert_id: UUID | None = None
    confirmed: bool = False


def exclude(conn: Connection, exclusions: Sequence[Exclusion]) -> list[int]:
    """Store exclusions, and mark the posts they touch for grading. Returns: their numbers.

    What a person confirmed reopens final grades.
    """
    ids = []
    for entry in exclusions:
        row = conn.execute(
            "insert into engagement_exclusions (scope, value, post_id, since, until, alert_id,"
            " reason, confirmed) values (%(scope)s, %(value)s, %(post_id)s, %(since)s, %(until)s,"
            " %(alert_id)s, %(reason)s, %(confirmed)s) returning id",
            vars(entry),
        ).fetchone()
        assert row is not None
        ids.append(int(row[0]))
    _mark(conn, ids, reopen=any(entry.confirmed for entry in exclusions))
    return ids


def values_of(conn: Connection, alert_id: UUID) -> set[tuple[str, str]]:
    """Return scope and value of all that an alert leaves out now."""
    rows = conn.execute(
        "select scope, value from engagement_exclusions where alert_id = %s and lifted_at is null",
        (alert_id,),
    ).fetchall()
    return {(row[0], row[1]) for row in rows}


def widen(conn: Connection, alert_id: UUID, since: datetime, until: datetime) -> int:
    """Let what an alert leaves out cover a longer time, and mark the posts it touches.

    Returns: how many exclusions were widened.
    """
    rows = conn.execute(
        "update engagement_exclusions set since = least(since, %(since)s), until = case when until"
        " is not null then greatest(until, %(until)s) end where alert_id = %(id)s and lifted_at is"
        " null and (since > %(since)s or until < %(until)s) returning id, confirmed",
        {"id": alert_id, "since": since, "until": until},
    ).fetchall()
    _mark(conn, [int(row[0]) for row in rows], reopen=any(row[1] for row in rows))
    return len(rows)


def confirm(conn: Connection, alert_id: UUID) -> None:
    """Note that a person confirmed what an alert leaves out; final grades are computed anew."""
    rows = conn.execute(
        "update engagement_exclusions set confirmed = true where alert_id = %s and lifted_at is"
        " null returning id",
        (alert_id,),
    ).fetchall()
    _mark(conn, [int(row[0]) for row in rows], reopen=True)


def lift(conn: Connection, alert_id: UUID) -> int:
    """Count again what an alert left out; final grades are computed anew.

    Returns: how many exclusions were lifted.
    """
    rows = conn.execute(
        "update engagement_exclusions set lifted_at = now() where alert_id = %s and lifted_at is"
        " null returning id",
        (alert_id,),
    ).fetchall()
    _mark(conn, [int(row[0]) for row in rows], reopen=True)
    return len(rows)


def _mark(conn: Connection, ids: list[int], *, reopen: bool) -> None:
    row = conn.execute(
        "select coalesce(array_agg(id), '{}'), coalesce(min(coalesce(since, '-infinity')),"
        " 'infinity')::text from engagement_exclusions where id = any(%s) and post_id is null",
        (ids,),
    ).fetchone()
    assert row is not None
    conn.execute(_MARK, {"ids": ids, "everywhere": row[0], "since": row[1], "reopen": reopen})
