"""Stakes of people who decide: whose affairs they have a part in, and by what."""

from collections.abc import Sequence
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
    conn: Connection, actor: str, creator_id: int, *, note: str, by: str, now: datetime
) -> None:
    """Note that an actor has a stake in a creator's affairs; it is never taken back."""
    conn.execute(
        "insert into reviewer_interests (actor, creator_id, note, declared_by, declared_at) values"
        " (%s, %s, %s, %s, %s) on conflict do nothing",
        (actor, creator_id, note, by, now),
    )


def list_declared(conn: Connection, actor: str | None = None) -> list[Interest]:
    """Return the declared stakes of an actor, or of all, the newest first."""
    with conn.cursor(row_factory=class_row(Interest)) as cursor:
        return cursor.execute(
            "select actor, creator_id, c.handle as creator, note, declared_by, declared_at from"
            " reviewer_interests i join creators c on c.id = i.creator_id where %(actor)s::text is"
            " null or actor = %(actor)s order by declared_at desc, creator_id",
            {"actor": actor},
        ).fetchall()


# Between two creators: a licence in force, an undecided case, money of one's post for the other.
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
    select 'money' where exists (
        select from post_terms t join posts p on p.post_id = t.post_id where t.redirect_bps > 0
        and (t.creditor_id, p.creator_id) in ((mine, side), (side, mine)))
) tie
where mine <> side limit 1
"""


def find_tie(conn: Connection, mine: Sequence[int], sides: Sequence[int]) -> tuple[str, str] | None:
    """Return what ties one of these creators to a side of a case, None if nothing does.

    Returns: the creator's name, and what ties: licence, case or money.
    """
    row = conn.execute(_TIED, {"mine": list(mine), "sides": list(sides)}).fetchone()
    return (row[0], row[1]) if row else None
