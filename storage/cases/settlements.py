"""Settled pairs: what people decided to be no copy, until a new fact is brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True)
class SettledPair:
    """A settled pair of one creator, and which of some works hold the content of either side.

    Attributes:
        is_subject: the content asked about has the bytes of `work_id`.
        own: works of that creator with the content of `work_id`: the same bytes, or proven to
            repeat it.
        others: works with the content of `other_work_id`, whoever else posted them.
        erased: `work_id` was erased, and can be compared with nothing any more.
    """

    work_id: UUID
    other_work_id: UUID
    is_subject: bool
    own: list[UUID]
    others: list[UUID]
    erased: bool


# Both hashes are stored, so that the decision holds for the same bytes posted again. What had ended
# begins anew.
_INSERT = """
insert into not_copies as n (work_id, other_work_id, sha256, other_sha256, creator_id, appeal_id,
    decided_by, decided_at)
select w.id, o.id, w.sha256, o.sha256, w.creator_id, %(appeal)s, %(decided_by)s, %(now)s
from works w, works o where w.id = %(work)s and o.id = %(other)s
on conflict (work_id, other_work_id) do update set
    appeal_id = case when n.ended_at is null then n.appeal_id else excluded.appeal_id end,
    decided_by = case when n.ended_at is null then n.decided_by else excluded.decided_by end,
    decided_at = case when n.ended_at is null then n.decided_at else excluded.decided_at end,
    ended_at = null, ended_by = null, ended_because = null
"""


def add(
    conn: Connection,
    work_id: UUID,
    other_work_id: UUID,
    *,
    appeal_id: UUID | None,
    decided_by: str,
    now: datetime,
) -> None:
    """Settle that a work is no copy of another; once. Raises: NotFound."""
    cursor = conn.execute(
        _INSERT,
        {
            "appeal": appeal_id,
            "decided_by": decided_by,
            "now": now,
            "work": work_id,
            "other": other_work_id,
        },
    )
    if cursor.rowcount == 0:
        raise NotFound(f"There is no work {work_id} or no work {other_work_id}.")


# A work is called a repetition by the newest decision on it.
_CONTENT = """
    exists (
        select from (
            select verdict, matched_work_id from analyses where work_id = w.id
            and status = 'decided' order by decided_at desc, id limit 1
        ) a where a.matched_work_id = {side}
        and a.verdict in ('derivative', 'self_duplicate', 'licensed')
    )
"""
_FIND = f"""
select n.work_id, n.other_work_id, n.sha256 = %(sha256)s as is_subject,
    array(
        select w.id from works w where w.id = any(%(works)s)
        and w.creator_id is not distinct from %(creator)s
        and (w.sha256 = n.sha256 or {_CONTENT.format(side="n.work_id")})
    ) as own,
    array(
        select w.id from works w where w.id = any(%(works)s)
        and (w.sha256 = n.other_sha256 or w.creator_id is distinct from %(creator)s
            and {_CONTENT.format(side="n.other_work_id")})
        and w.id <> n.work_id
    ) as others,
    s.erased_at is not null as erased
from not_copies n join works s on s.id = n.work_id
where (n.creator_id is not distinct from %(creator)s
    or n.creator_id = any(rows_of_creator(%(creator)s)))
and n.ended_at is null
"""


def find(
    conn: Connection, sha256: bytes, creator_id: int | None, works: Sequence[UUID]
) -> list[SettledPair]:
    """Return the pairs of a creator that are settled, and where their content is among works.

    Args:
        sha256: 32 bytes, of the content under judgement.
        works: the works that this content was compared with.
    """
    with conn.cursor(row_factory=class_row(SettledPair)) as cursor:
        found = cursor.execute(
            _FIND, {"sha256": sha256, "creator": creator_id, "works": list(works)}
        ).fetchall()
    return [pair for pair in found if pair.others]


def end(
    conn: Connection, work_id: UUID, other_work_id: UUID, *, by: str, because: str, now: datetime
) -> bool:
    """End the settlements between the contents of two works, as a new fact was brought.

    A settlement covers edits; so does its end: that of the pairs whose contents both works hold.

    Returns: whether there was one in force.
    """
    done = conn.execute(
        _END, {"work": work_id, "other": other_work_id, "by": by, "because": because, "now": now}
    )
    return done.rowcount > 0


def end_of_appeal(
    conn: Connection, appeal_id: UUID, *, by: str, because: str, now: datetime
) -> None:
    """End what an appeal settled, as it was overruled."""
    conn.execute(
        "update not_copies set ended_at = %s, ended_by = %s, ended_because = %s where appeal_id ="
        " %s and ended_at is null",
        (now, by, because, appeal_id),
    )


def restore(conn: Connection, *, ended_at: datetime, by: str, because: str) -> None:
    """Let go on what a decision had ended, as it was overruled."""
    conn.execute(
        "update not_copies set ended_at = null, ended_by = null, ended_because = null where"
        " ended_at = %s and ended_by = %s and ended_because = %s",
        (ended_at, by, because),
    )


_END = f"""
update not_copies n set ended_at = %(now)s, ended_by = %(by)s, ended_because = %(because)s
where n.ended_at is null
and exists (
    select from works w where w.id = %(work)s and w.creator_id is not distinct from n.creator_id
    and (w.sha256 = n.sha256 or {_CONTENT.format(side="n.work_id")})
)
and exists (
    select from works w where w.id = %(other)s
    and (w.sha256 = n.other_sha256 or {_CONTENT.format(side="n.other_work_id")})
)
"""
