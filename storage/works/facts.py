"""What whoever posts a work states about it, and how that was corrected; it decides no verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NameTaken

CORRECTABLE = ("title", "category", "audience", "external_id")


@dataclass(frozen=True, kw_only=True)
class StatedFacts:
    """What was stated; None is unsaid.

    Attributes:
        external_id: the poster's own id of the work, once for each `posted_by`.
        audience: followers when it came out.
        stated_published_at: when it first came out, as the poster says.
        posted_by: the poster: a platform's name space, a creator, or a key.
    """

    title: str | None = None
    category: str | None = None
    audience: int | None = None
    stated_published_at: datetime | None = None
    external_id: str | None = None
    posted_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One corrected field; None is unsaid."""

    field: str
    before: str | None
    after: str | None
    reason: str
    corrected_by: str
    corrected_at: datetime


def find_external(conn: Connection, posted_by: str, external_id: str) -> UUID | None:
    """Return the work that a poster knows by that id, None if there is none."""
    row = conn.execute(
        "select id from works where posted_by = %s and external_id = %s", (posted_by, external_id)
    ).fetchone()
    return row[0] if row else None


def correct(
    conn: Connection, work_id: UUID, changes: Mapping[str, str | int | None], by: str, reason: str
) -> None:
    """Correct stated facts of a work, by field of CORRECTABLE. What is the same is left out.

    Raises: NameTaken where the poster has another work of that external id.
    """
    row = conn.execute(
        "select title, category, audience, external_id from works where id = %s for update",
        (work_id,),
    ).fetchone()
    assert row is not None
    before = dict(zip(CORRECTABLE, row, strict=True))
    for field, value in changes.items():
        if value == before[field]:
            continue
        try:
            conn.execute(
                sql.SQL("update works set {} = %s where id = %s").format(sql.Identifier(field)),
                (value, work_id),
            )
        except psycopg.errors.UniqueViolation as exc:
            raise NameTaken(
                f"Another work has the external_id {value!r}; nothing was corrected."
            ) from exc
        if field == "title":
            conn.execute("update posts set title = %s where work_id = %s", (value, work_id))
        conn.execute(
            "insert into work_corrections (work_id, field, before, after, reason, corrected_by)"
            " values (%s, %s, %s, %s, %s, %s)",
            (work_id, field, _text(before[field]), _text(value), reason, by),
        )


def corrections_of(conn: Connection, work_id: UUID) -> list[Correction]:
    """Return the corrections of a work, the oldest first."""
    with conn.cursor(row_factory=class_row(Correction)) as cursor:
        return cursor.execute(
            "select field, before, after, reason, corrected_by, corrected_at from work_corrections"
            " where work_id = %s order by id",
            (work_id,),
        ).fetchall()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
