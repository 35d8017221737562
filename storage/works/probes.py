"""Planted works of the recall probe, which no other transaction ever sees, and its results."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection, Database
from storage.works import works
from storage.works.works import Work

T = TypeVar("T")

LAST = 2**31 - 2  # the largest number that a search of sounds still finds


@dataclass(frozen=True)
class Probe:
    """How many of the planted near-copies a search found."""

    at: datetime
    media_type: str
    planted: int
    found: int


def in_vain(db: Database, step: Callable[[Connection], T]) -> T:
    """Run a step in a transaction that is always rolled back. Returns: what the step returned."""
    with db.transaction() as conn:
        result = step(conn)
        conn.rollback()
        return result


def plant(conn: Connection, work_id: UUID, number: int, media_type: str, sha256: bytes) -> Work:
    """Add a work that was posted after all others. Only for `in_vain`.

    It takes no sequence number from the sequence, and no lock: uploads go on.
    """
    conn.execute(
        "insert into works (id, registration, registered_at, post_id, media_type, sha256, mime,"
        " size_bytes, blob_key, published_at, dated_at) values (%(id)s, %(place)s,"
        " 'epoch'::timestamptz, %(sha)s, %(media)s, %(sha)s, 'image/png', 1, 'planted',"
        " 'epoch'::timestamptz, 'epoch'::timestamptz)",
        {"id": work_id, "place": LAST - number, "media": media_type, "sha": sha256},
    )
    return works.get_work(conn, work_id)


def record(conn: Connection, probe: Probe) -> None:
    """Keep a result."""
    conn.execute(
        "insert into recall_probes (at, media_type, planted, found) values (%(at)s,"
        " %(media_type)s, %(planted)s, %(found)s)",
        vars(probe),
    )


def list_last(conn: Connection) -> list[Probe]:
    """The newest result of each media type, by media type; empty before the first."""
    with conn.cursor(row_factory=class_row(Probe)) as cursor:
        return cursor.execute(
            "select distinct on (media_type) at, media_type, planted, found from recall_probes"
            " order by media_type, at desc"
        ).fetchall()
