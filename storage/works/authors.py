"""Behind a known copy: the first work of its chain of copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection

MAX_CHAIN = 20


@dataclass(frozen=True)
class SourceWork:
    """The first work behind a copy, as the newest decisions on the chain between them have it.

    `similarity_bps` is the lowest of that chain.
    """

    copy_id: UUID
    work_id: UUID
    similarity_bps: int


# A decision that an appeal, a review or the contract took back makes no copy.
_FIND = """
with recursive chain(copy_id, work_id, similarity_bps, depth) as (
    select id, id, 10000, 0 from unnest(%(ids)s::uuid[]) as id
    union all
    select c.copy_id, a.matched_work_id, least(c.similarity_bps, a.similarity_bps), c.depth + 1
    from chain c join works w on w.id = c.work_id cross join lateral (
        select verdict, matched_work_id, similarity_bps from analyses
        where work_id = c.work_id and status = 'decided' and verdict <> 'undecided'
        order by decided_at desc, id limit 1
    ) a
    where c.depth < %(longest)s and a.verdict = 'derivative' and a.matched_work_id is not null
    and not exists (select from not_copies n where n.work_id = c.work_id
        and n.other_work_id = a.matched_work_id and n.ended_at is null)
    and coalesce((select v.verdict from verdict_changes v where v.post_id = w.post_id
        order by v.id desc limit 1), 'derivative') = 'derivative'
), first as (
    select distinct on (copy_id) * from chain where depth > 0 order by copy_id, depth desc
)
select copy_id, work_id, similarity_bps from first
"""


def behind(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, SourceWork]:
    """The first works behind those of the works that are known copies; others are left out."""
    with conn.cursor(row_factory=class_row(SourceWork)) as cursor:
        found = cursor.execute(_FIND, {"ids": list(ids), "longest": MAX_CHAIN}).fetchall()
    return {source.copy_id: source for source in found}
