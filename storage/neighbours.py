"""Works around a work: those that were found to be near it when they came later."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True)
class LaterWork:
    """A later work whose newest verdict names this one as the nearest, and what that verdict was."""

    work_id: UUID
    analysis_id: UUID
    post_id: bytes
    media_type: str
    creator: str | None
    registered_at: datetime
    verdict: str
    similarity_bps: int


def newest_analysis(conn: Connection, work_id: UUID) -> UUID | None:
    """The analysis that says what a work is like: the newest with a verdict, one that decided before one that did not.

    None before there is one.
    """
    row = conn.execute(
        "select id from analyses where work_id = %s and status = 'decided'"
        " order by verdict = 'undecided', decided_at desc, id limit 1",
        (work_id,),
    ).fetchone()
    return row[0] if row else None


def later_works(
    conn: Connection, work_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[LaterWork]:
    """Later works that come near this one, the newest first; pairs settled to be no copies are left out.

    Args: before: time and id of the work after which the list goes on.
    """
    moment, last = before or (None, None)
    with conn.cursor(row_factory=class_row(LaterWork)) as cursor:
        return cursor.execute(
            "select w.id as work_id, a.id as analysis_id, w.post_id, w.media_type, c.handle as creator,"
            " w.registered_at, a.verdict, a.similarity_bps"
            " from (select distinct work_id from analyses where matched_work_id = %(work)s) named"
            " join works w on w.id = named.work_id and w.erased_at is null left join creators c on c.id = w.creator_id"
            " cross join lateral (select id, verdict, similarity_bps, matched_work_id from analyses"
            "   where work_id = w.id and status = 'decided'"
            "   order by verdict = 'undecided', decided_at desc, id limit 1) a"
            " where a.matched_work_id = %(work)s"
            " and not exists (select 1 from not_copies n where n.work_id = w.id and n.other_work_id = %(work)s)"
            " and (%(moment)s::timestamptz is null or (w.registered_at, w.id) < (%(moment)s, %(last)s))"
            " order by w.registered_at desc, w.id desc limit %(limit)s",
            {"work": work_id, "moment": moment, "last": last, "limit": limit},
        ).fetchall()
