"""Works around a work: those that were found to be near it when they came later."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class LaterWork:
    """A later work whose newest verdict names this one as the nearest, and what that verdict
    was.
    """

    work_id: UUID
    analysis_id: UUID
    post_id: bytes
    media_type: str
    creator: str | None
    registered_at: datetime
    verdict: str
    similarity_bps: int


# Whichever verdict named it: which of these works still does is looked up for a page of them, not
# for all.
_NAMING = """
select w.id, w.registered_at from works w
where w.erased_at is null and w.id in (select work_id from analyses
    where matched_work_id = %(work)s)
    and (%(moment)s::timestamptz is null or (w.registered_at, w.id) < (%(moment)s, %(last)s))
    and (%(creator)s::bigint is null or w.creator_id = %(creator)s
        or exists (select 1 from works mine where mine.id = %(work)s
            and mine.creator_id = %(creator)s))
order by w.registered_at desc, w.id desc limit %(limit)s
"""
_LATER_WORKS = """
select w.id as work_id, a.id as analysis_id, w.post_id, w.media_type, c.handle as creator,
    w.registered_at, a.verdict,
    a.similarity_bps
from works w left join creators c on c.id = w.creator_id cross join lateral (
    select id, verdict, similarity_bps, matched_work_id from analyses where work_id = w.id
        and status = 'decided'
    order by verdict = 'undecided', decided_at desc, id limit 1
) a
where w.id = any(%(works)s) and a.matched_work_id = %(work)s
    and not exists (select 1 from not_copies n where n.work_id = w.id
        and n.other_work_id = %(work)s and n.ended_at is null)
order by w.registered_at desc, w.id desc
"""


def newest_analysis(conn: Connection, work_id: UUID) -> UUID | None:
    """The analysis that says what a work is like: the newest with a verdict, one that decided
    before one that did not.

    None before there is one.
    """
    row = conn.execute(
        "select id from analyses where work_id = %s and status = 'decided'"
        " order by verdict = 'undecided', decided_at desc, id limit 1",
        (work_id,),
    ).fetchone()
    return row[0] if row else None


def later_works(
    conn: Connection,
    work_id: UUID,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
    creator_id: int | None = None,
) -> list[LaterWork]:
    """Later works that come near this one, the newest first; pairs settled to be no copies are left
    out.

    Args:
        before: time and id of the work after which the list goes on.
        creator_id: Only what is this creator's business: all of it where the work is theirs, or
            else their own works.
    """
    later: list[LaterWork] = []
    while True:
        moment, last = before or (None, None)
        page = conn.execute(
            _NAMING,
            {
                "work": work_id,
                "moment": moment,
                "last": last,
                "limit": limit,
                "creator": creator_id,
            },
        ).fetchall()
        with conn.cursor(row_factory=class_row(LaterWork)) as cursor:
            later += cursor.execute(
                _LATER_WORKS, {"work": work_id, "works": [row[0] for row in page]}
            ).fetchall()
        if len(page) < limit or len(later) >= limit:
            return later[:limit]
        before = (page[-1][1], page[-1][0])


def settled_apart(conn: Connection, work_id: UUID) -> set[UUID]:
    """The works that this one was found to be no copy of."""
    rows = conn.execute(
        "select other_work_id from not_copies where work_id = %s and ended_at is null", (work_id,)
    ).fetchall()
    return {row[0] for row in rows}
