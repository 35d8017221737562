"""Stakes of people who decide: whose affairs they have a part in, and by what."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class Interest:
    """A declared stake of an actor in a creator's affairs."""

    actor: str
    creator_id: int
    creator: str
    note: str
    declared_by: str
    declared_at: datetime


def declare(
    conn: Connection, actor: str, person: str, creator_id: int, *, note: str, by: str, now: datetime
) -> None:
    """Note that an actor has a stake in a creator's affairs; it is never taken back.

    Args: person: the actor's canonical name.
    """
    conn.execute(
        "insert into reviewer_interests (actor, person, creator_id, note, declared_by, declared_at)"
        " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        (actor, person, creator_id, note, by, now),
    )


def list_declared(conn: Connection, persons: Collection[str] | None = None) -> list[Interest]:
    """Return the stakes declared under these canonical names, or all, the newest first."""
    with conn.cursor(row_factory=class_row(Interest)) as cursor:
        return cursor.execute(
            "select actor, creator_id, c.handle as creator, note, declared_by, declared_at from"
            " reviewer_interests i join creators c on c.id = i.creator_id where"
            " %(persons)s::text[] is null or person = any(%(persons)s) order by declared_at desc,"
            " creator_id",
            {"persons": None if persons is None else list(persons)},
        ).fetchall()


# Between two creators: a licence in force, an undecided case or review, money of one's post for the
# other.
_TIED = """
with pairs as (
    select mine, side from unnest(%(mine)s::bigint[]) mine, unnest(%(sides)s::bigint[]) side
)
select c.handle, tie.code from pairs join creators c on c.id = mine cross join lateral (
    select 'licence' as code where exists (select from permissions
        where revoked_at is null and (owner_id, licensee_id) in ((mine, side), (side, mine)))
    union all
    select 'case' where exists (select from appeals where status = 'open'
        and (creator_id, other_creator_id) in ((mine, side), (side, mine)))
    union all
    select 'review' where exists (
        select from reviews r join analyses a on a.id = r.analysis_id
        join works n on n.id = a.matched_work_id where r.status = 'open'
        and (r.creator_id, n.creator_id) in ((mine, side), (side, mine)))
    union all
    select 'money' where exists (
        select from post_terms t join posts p on p.post_id = t.post_id where t.redirect_bps > 0
        and (t.creditor_id, p.creator_id) in ((mine, side), (side, mine)))
) tie
where mine <> side limit 1
"""


def find_tie(conn: Connection, mine: Sequence[int], sides: Sequence[int]) -> tuple[str, str] | None:
    """Return what ties one of these creators to a side of a case, None if nothing does.

    Returns: the creator's name, and what ties: licence, case, review or money.
    """
    row = conn.execute(_TIED, {"mine": list(mine), "sides": list(sides)}).fetchone()
    return (row[0], row[1]) if row else None
