"""Behind a known copy: the first work of its chain of copies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.works.analyses import IN_FORCE

MAX_CHAIN = 20


@dataclass(frozen=True)
class SourceWork:
    """The first work behind a copy, as the newest decisions on the chain between them have it.

    `similarity_bps` is the lowest of that chain. `links`: of each step from the copy on the match
    that the decision rests on, as its evidence has it; None where people decided without one.
    """

    copy_id: UUID
    work_id: UUID
    similarity_bps: int
    links: Sequence[Mapping[str, Any] | None]


# A decision that an appeal, a review or the contract took back makes no copy; what people decided
# to be one is one. A copy of a copy has its author in the match with that: `copy_of`.
_FIND = f"""
with recursive chain(copy_id, work_id, similarity_bps, depth, links) as (
    select id, id, 10000, 0, '[]'::jsonb from unnest(%(ids)s::uuid[]) as id
    union all
    select c.copy_id, a.matched_work_id, least(c.similarity_bps, a.similarity_bps), c.depth + 1,
        c.links || jsonb_build_array((
            select jsonb_build_object('match', m - array['pairs', 'seconds', 'aligned', 'histogram',
                'sound', 'unproven_segments'])
            from jsonb_array_elements(convert_from(a.evidence, 'UTF8')::jsonb->'matches') m
            where a.matched_work_id::text in (m->'work'->>'id', m->'copy_of'->'work'->>'id')
            order by m->'work'->>'id' <> a.matched_work_id::text limit 1
        )->'match')
    from chain c join works w on w.id = c.work_id cross join lateral (
        select coalesce(v.verdict, d.verdict) as verdict,
            coalesce(ruled.id, d.matched_work_id) as matched_work_id,
            coalesce(v.similarity_bps, d.similarity_bps) as similarity_bps, d.evidence
        from (
            select verdict, matched_work_id, similarity_bps, evidence from analyses
            where work_id = c.work_id and status = 'decided' and verdict <> 'undecided'
            and {IN_FORCE}
            order by decided_at desc, id limit 1
        ) d
        left join lateral (select verdict, similarity_bps, original_post_id from verdict_changes
            where post_id = w.post_id order by id desc limit 1) v on true
        left join lateral (select id from works where post_id = v.original_post_id
            order by registration limit 1) ruled on true
    ) a
    where c.depth < %(longest)s and a.verdict = 'derivative' and a.matched_work_id is not null
    and not exists (select from not_copies n where n.work_id = c.work_id
        and n.other_work_id = a.matched_work_id and n.ended_at is null)
), first as (
    select distinct on (copy_id) * from chain where depth > 0 order by copy_id, depth desc
)
select copy_id, work_id, similarity_bps, links from first
"""


def behind(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, SourceWork]:
    """The first works behind those of the works that are known copies; others are left out."""
    with conn.cursor(row_factory=class_row(SourceWork)) as cursor:
        found = cursor.execute(_FIND, {"ids": list(ids), "longest": MAX_CHAIN}).fetchall()
    return {source.copy_id: source for source in found}
