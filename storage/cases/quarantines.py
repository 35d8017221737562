"""References that people doubt: new verdicts against them wait, provisional ones are made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True)
class Quarantine:
    """A work in quarantine, or one that was."""

    work_id: UUID
    creator: str | None
    since: datetime
    by: str
    because: str
    released_at: datetime | None
    released_by: str | None
    released_because: str | None


@dataclass(frozen=True)
class Suspect:
    """A work, and over how many creators' works it led to an accusation lately."""

    work_id: UUID
    creators: int


@dataclass(frozen=True)
class Accused:
    """A work that was called a copy of another one, and by which analysis."""

    analysis_id: UUID
    title: str | None
    creator: str | None
    similarity_bps: int
    decided_at: datetime


_LIST = (
    "select q.work_id, c.handle as creator, since, by, because, released_at, released_by,"
    " released_because from quarantines q join works w on w.id = q.work_id left join creators c on"
    " c.id = w.creator_id "
)


def add(conn: Connection, work_id: UUID, *, by: str, because: str, now: datetime) -> bool:
    """Quarantine a work. Returns: False where it is in quarantine already."""
    done = conn.execute(
        "insert into quarantines (work_id, since, by, because) values (%s, %s, %s, %s) on conflict"
        " (work_id) where released_at is null do nothing",
        (work_id, now, by, because),
    )
    return done.rowcount == 1


def release(conn: Connection, work_id: UUID, *, by: str, because: str, now: datetime) -> bool:
    """Release a work. Returns: False where it is not in quarantine."""
    done = conn.execute(
        "update quarantines set released_at = %s, released_by = %s, released_because = %s where"
        " work_id = %s and released_at is null",
        (now, by, because, work_id),
    )
    return done.rowcount == 1


def among(conn: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the works that are in quarantine."""
    rows = conn.execute(
        "select work_id from quarantines where released_at is null and work_id = any(%s)",
        (list(ids),),
    ).fetchall()
    return {row[0] for row in rows}


def find_open(conn: Connection, work_id: UUID) -> Quarantine | None:
    """The quarantine that a work is in, None where it is in none."""
    with conn.cursor(row_factory=class_row(Quarantine)) as cursor:
        return cursor.execute(
            _LIST + "where q.work_id = %s and released_at is null", (work_id,)
        ).fetchone()


def copies_of(conn: Connection, work_id: UUID, limit: int = 20) -> list[Accused]:
    """The newest verdicts that call something a copy of a work, one a copyist's work."""
    with conn.cursor(row_factory=class_row(Accused)) as cursor:
        return cursor.execute(
            "select * from (select distinct on (a.work_id) a.id as analysis_id,"
            " coalesce(w.title, w.file_name) as title, c.handle as creator, a.similarity_bps,"
            " a.decided_at from analyses a join works w on w.id = a.work_id left join creators c"
            " on c.id = w.creator_id where a.matched_work_id = %s and a.verdict = 'derivative'"
            " order by a.work_id, a.decided_at desc) newest order by decided_at desc limit %s",
            (work_id, limit),
        ).fetchall()


def list_all(conn: Connection, limit: int) -> list[Quarantine]:
    """Works in quarantine first, then those that were, the newest first."""
    with conn.cursor(row_factory=class_row(Quarantine)) as cursor:
        return cursor.execute(
            _LIST + "order by released_at is not null, since desc limit %s", (limit,)
        ).fetchall()


def suspects(conn: Connection, since: datetime, at_least: int) -> list[Suspect]:
    """Works over which so many creators were called copyists since then, most first."""
    rows = conn.execute(
        "select matched_work_id, count(distinct creator_id) from analyses where verdict ="
        " 'derivative' and decided_at >= %s and creator_id is not null group by 1 having"
        " count(distinct creator_id) >= %s order by 2 desc",
        (since, at_least),
    ).fetchall()
    return [Suspect(row[0], int(row[1])) for row in rows]


# The newest verdict of each work counts, and of those the ones that money still waits for.
_PROVISIONAL = """
select newest.id from (
    select distinct work_id from analyses
    where matched_work_id = %(work)s and verdict = 'derivative' and work_id is not null
) w cross join lateral (
    select id, post_id, verdict, matched_work_id, decided_at from analyses
    where work_id = w.work_id and status = 'decided' order by decided_at desc, id limit 1
) newest left join post_terms t on t.post_id = newest.post_id
where newest.verdict = 'derivative' and newest.matched_work_id = %(work)s
and coalesce(t.final_at, newest.decided_at + %(window)s) > %(now)s
"""
_HELD_BY_IT = """
select r.analysis_id from reviews r join analyses a on a.id = r.analysis_id
where r.status = 'open' and r.reason = 'quarantined' and a.matched_work_id = %(work)s
"""
_QUEUE = """
insert into rechecks (analysis_id, reason)
select a.id, %(reason)s from ({which}) a(id) join analyses b on b.id = a.id
where not exists (
    select from rechecks r join analyses c on c.id = r.analysis_id
    where c.work_id = b.work_id and r.done_at is null
)
returning analysis_id
"""


def queue_provisional(
    conn: Connection, work_id: UUID, reason: str, *, window: timedelta, now: datetime
) -> list[UUID]:
    """Queue the verdicts that rest on a work and are not final for re-analysis.

    Args:
        window: for how long a verdict is not final that the ledger has not taken over yet.
    """
    params = {"work": work_id, "reason": reason, "window": window, "now": now}
    rows = conn.execute(_QUEUE.format(which=_PROVISIONAL), params).fetchall()
    return [row[0] for row in rows]


def queue_held(conn: Connection, work_id: UUID, reason: str) -> list[UUID]:
    """Queue for re-analysis what is undecided because of the quarantine of a work."""
    params = {"work": work_id, "reason": reason}
    rows = conn.execute(_QUEUE.format(which=_HELD_BY_IT), params).fetchall()
    return [row[0] for row in rows]
