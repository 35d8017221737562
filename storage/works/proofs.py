"""What proves that a work was published before it was registered."""

from datetime import datetime
from uuid import UUID

from storage.database import Connection


def add(
    conn: Connection, work_id: UUID, kind: str, published_at: datetime, valid_from: datetime
) -> None:
    """Record a proof; it counts from `valid_from` on, unless it is vetoed until then.

    Args: kind: "signature", of the creator, in a block; or "history", a claim under that scope.
    """
    conn.execute(
        "insert into publication_proofs (work_id, kind, published_at, valid_from) values (%s, %s,"
        " %s, %s) on conflict do nothing",
        (work_id, kind, published_at, valid_from),
    )


def apply_due(conn: Connection) -> list[UUID]:
    """Date works by the proofs that count now. Returns: the works that are earlier thereby."""
    rows = conn.execute(
        "with due as (update publication_proofs set applied = true where not applied and not vetoed"
        " and valid_from <= now() returning work_id, published_at) update works w set dated_at ="
        " earliest.at from (select work_id, min(published_at) as at from due group by work_id)"
        " earliest where w.id = earliest.work_id and earliest.at < w.dated_at returning w.id"
    ).fetchall()
    return [row[0] for row in rows]
