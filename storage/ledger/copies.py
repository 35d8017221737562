"""Posts by others that count as copies of a creator's works, and what they bring."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class CopyRow:
    """A post that counts as a copy.

    Attributes:
        redirect_bps: share of what it earns that goes to the creator of the original.
        paid_minor: what it has brought so far, in cents.
        waiting_minor: what waits while the verdict can be disputed, in cents.
    """

    post_id: bytes
    title: str | None
    copier: str | None
    analysis_id: UUID | None
    redirect_bps: int
    final_at: datetime
    disputed: bool
    paid_minor: int
    waiting_minor: int


_COPIES = """
select t.post_id, p.title, c.handle as copier, t.analysis_id, t.redirect_bps, t.final_at,
    t.disputed,
    coalesce((
        select sum(l.amount_minor) from ledger_postings l
        where l.post_id = t.post_id and l.creator_id = any(rows_of_creator(%(creator)s))
        and l.entry = 'redirect' and l.bucket <> 'budget'
    ), 0)::bigint as paid_minor,
    coalesce((
        select w.amount_minor from ledger_waiting w
        where w.post_id = t.post_id and w.bucket = 'contested'
    ), 0)::bigint as waiting_minor
from post_terms t
join posts p on p.post_id = t.post_id
left join creators c on c.id = p.creator_id
where t.creditor_id = any(rows_of_creator(%(creator)s)) and t.verdict = 'derivative'
order by t.changed_at desc, t.post_id limit %(limit)s
"""


def of_creator(conn: Connection, creator_id: int, limit: int) -> list[CopyRow]:
    """Return the copies of a creator's works, the latest verdict first."""
    with conn.cursor(row_factory=class_row(CopyRow)) as cursor:
        return cursor.execute(_COPIES, {"creator": creator_id, "limit": limit}).fetchall()
