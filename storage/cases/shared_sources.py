"""Sources that nobody here owns: whole works of a catalogue, or parts of works; and parts that a
work's creator claims nothing for.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class SharedSource:
    """A source in the registry, or one that was.

    Attributes:
        part: Of the work, as evidence has parts; None: all of it.
        origin: catalogue, appeal or creator.
        source: Where it comes from, in words.
        appeal_id: The appeal that found it.
    """

    id: UUID
    work_id: UUID
    part: Mapping[str, Any] | None
    origin: str
    source: str
    entered_by: str
    entered_at: datetime
    appeal_id: UUID | None
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None


# Its creator claims nothing for this part; it may be another's all the same.
CREATOR = "creator"

COLUMNS = (
    "id, work_id, part, origin, source, entered_by, entered_at, appeal_id, ended_at, ended_by,"
    " ended_because"
)


def add(
    conn: Connection,
    work_id: UUID,
    *,
    part: Mapping[str, Any] | None,
    origin: str,
    source: str,
    by: str,
    now: datetime,
    appeal_id: UUID | None = None,
) -> UUID:
    """Enter a work, or a part of it. Returns: the number of the entry."""
    row = conn.execute(
        "insert into shared_sources (work_id, part, origin, source, entered_by, entered_at,"
        " appeal_id) values (%s, %s, %s, %s, %s, %s, %s) returning id",
        (
            work_id,
            json.dumps(part) if part is not None else None,
            origin,
            source,
            by,
            now,
            appeal_id,
        ),
    ).fetchone()
    assert row is not None
    number: UUID = row[0]
    return number


def end(conn: Connection, number: UUID, *, by: str, because: str, now: datetime) -> SharedSource:
    """End an entry: somebody proved ownership. Raises: NotFound where none is in force."""
    done = conn.execute(
        "update shared_sources set ended_at = %s, ended_by = %s, ended_because = %s where id = %s"
        " and ended_at is null",
        (now, by, because, number),
    )
    if done.rowcount == 0:
        raise NotFound(f"There is no shared source {number} in force.")
    return get(conn, number)


def get(conn: Connection, number: UUID) -> SharedSource:
    """Raises: NotFound."""
    with conn.cursor(row_factory=class_row(SharedSource)) as cursor:
        found = cursor.execute(
            f"select {COLUMNS} from shared_sources where id = %s", (number,)
        ).fetchone()
    if found is None:
        raise NotFound(f"There is no shared source {number}.")
    return found


def among(conn: Connection, works: Sequence[UUID]) -> dict[UUID, list[SharedSource]]:
    """Those of the works that are, or hold, sources in force, with these."""
    with conn.cursor(row_factory=class_row(SharedSource)) as cursor:
        found = cursor.execute(
            f"select {COLUMNS} from shared_sources where work_id = any(%s) and ended_at is null"
            " order by entered_at, id",
            (list(works),),
        ).fetchall()
    by_work: dict[UUID, list[SharedSource]] = {}
    for entry in found:
        by_work.setdefault(entry.work_id, []).append(entry)
    return by_work


def excluded_by(conn: Connection, creator_id: int, limit: int) -> list[SharedSource]:
    """The parts of their works that a creator claims nothing for, the newest first."""
    with conn.cursor(row_factory=class_row(SharedSource)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from shared_sources where origin = %s and ended_at is null"
            " and work_id in (select id from works where creator_id = %s)"
            " order by entered_at desc, id limit %s",
            (CREATOR, creator_id, limit),
        ).fetchall()


def count_excluded(conn: Connection, work_id: UUID) -> int:
    """How many parts of a work its creator has left to others, those included that ended."""
    row = conn.execute(
        "select count(*) from shared_sources where work_id = %s and origin = %s", (work_id, CREATOR)
    ).fetchone()
    assert row is not None
    return int(row[0])


def of_appeal(conn: Connection, appeal_id: UUID) -> list[UUID]:
    """The entries in force that an appeal found."""
    rows = conn.execute(
        "select id from shared_sources where appeal_id = %s and ended_at is null", (appeal_id,)
    ).fetchall()
    return [row[0] for row in rows]


def list_all(conn: Connection, limit: int) -> list[SharedSource]:
    """Sources in force first, then those that were, the newest first."""
    with conn.cursor(row_factory=class_row(SharedSource)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from shared_sources order by ended_at is not null, entered_at desc,"
            " id limit %s",
            (limit,),
        ).fetchall()


def rested_on(conn: Connection, work_id: UUID) -> list[UUID]:
    """Works whose newest decision was that what they share with this one is nobody's here."""
    rows = conn.execute(
        "select w.work_id from (select distinct work_id from analyses where matched_work_id ="
        " %(work)s and reason = 'shared_source' and work_id is not null) w cross join lateral"
        " (select reason, matched_work_id from analyses where work_id = w.work_id and status ="
        " 'decided' order by decided_at desc, id limit 1) newest where newest.reason ="
        " 'shared_source' and newest.matched_work_id = %(work)s",
        {"work": work_id},
    ).fetchall()
    return [row[0] for row in rows]
