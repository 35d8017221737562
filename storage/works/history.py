"""Claims that a work was published before it was registered, as platforms import their history, and
the search for younger works that each leads to.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class HistoryClaim:
    """A claim of when a work was published; it counts from a moment on, unless it was vetoed."""

    published_at: datetime
    claimed_by: str
    reason: str
    claimed_at: datetime
    counts_from: datetime
    vetoed_by: str | None
    veto_reason: str | None
    applied: bool


def claim(
    conn: Connection,
    work_id: UUID,
    published_at: datetime,
    *,
    by: str,
    reason: str,
    counts_from: datetime,
) -> bool:
    """Record a claim. Returns: False where that moment was claimed for the work before."""
    done = conn.execute(
        "insert into history_claims (work_id, published_at, claimed_by, reason, counts_from) values"
        " (%s, %s, %s, %s, %s) on conflict do nothing",
        (work_id, published_at, by, reason, counts_from),
    )
    return done.rowcount == 1


def veto(conn: Connection, work_id: UUID, *, by: str, reason: str) -> int:
    """Veto what is claimed for a work and does not count yet. Returns: how many claims."""
    return conn.execute(
        "update history_claims set vetoed_by = %s, veto_reason = %s where work_id = %s and not"
        " applied and vetoed_by is null",
        (by, reason, work_id),
    ).rowcount


def claims_of(conn: Connection, work_id: UUID) -> list[HistoryClaim]:
    """Return what was claimed for a work, the oldest claim first."""
    with conn.cursor(row_factory=class_row(HistoryClaim)) as cursor:
        return cursor.execute(
            "select published_at, claimed_by, reason, claimed_at, counts_from, vetoed_by,"
            " veto_reason, applied from history_claims where work_id = %s order by claimed_at,"
            " published_at",
            (work_id,),
        ).fetchall()


def apply_due(conn: Connection) -> list[UUID]:
    """Date works by the claims that count now. Returns: the works that are earlier thereby."""
    rows = conn.execute(
        "with due as (update history_claims set applied = true where not applied and vetoed_by is"
        " null and counts_from <= now() returning work_id, published_at) update works w set"
        " dated_at = earliest.at from (select work_id, min(published_at) as at from due group by"
        " work_id) earliest where w.id = earliest.work_id and earliest.at < w.dated_at and"
        " w.erased_at is null returning w.id"
    ).fetchall()
    return [row[0] for row in rows]


def add_look(conn: Connection, work_id: UUID) -> None:
    """Note that younger works which match this one are to be found."""
    conn.execute("insert into late_looks (work_id) values (%s) on conflict do nothing", (work_id,))


def begin_look(conn: Connection, work_id: UUID) -> int | None:
    """Count a search as failed until it proves otherwise.

    Returns: how many had failed before; None where none is due.
    """
    row = conn.execute(
        "update late_looks set failures = failures + 1 where work_id = %s returning failures - 1",
        (work_id,),
    ).fetchone()
    return int(row[0]) if row else None


def forgive_look(conn: Connection, work_id: UUID) -> None:
    """Take back one counted failure: what it needs is away for everybody."""
    conn.execute(
        "update late_looks set failures = greatest(0, failures - 1) where work_id = %s", (work_id,)
    )


def end_look(conn: Connection, work_id: UUID) -> None:
    """Note that the younger works were found."""
    conn.execute("delete from late_looks where work_id = %s", (work_id,))
