"""Analyses of works whose attestation another analysis was: which of them the chain must follow."""

from uuid import UUID

from storage.database import Connection


def list_new(conn: Connection, limit: int) -> list[tuple[UUID, UUID]]:
    """Return (analysis that was attested or answered with, later analysis) of what is on chain or
    on its way there and was not looked at yet, oldest first.
    """
    return conn.execute(
        "select told.id, a.id from analyses a join analyses told on told.work_id = a.work_id and"
        " told.id <> a.id join outbox o on o.analysis_id = told.id and o.status <> 'refused' where"
        " a.source = 'index' and a.status = 'decided' and a.decided_at > told.decided_at and not"
        " exists (select from reanalyses_carried c where c.analysis_id = a.id) and not exists"
        " (select from rulings r where r.analysis_id = a.id) order by a.decided_at, a.id limit %s",
        (limit,),
    ).fetchall()


def mark_carried(conn: Connection, analysis_id: UUID) -> None:
    """Note that the chain follows what an analysis came to, or need not."""
    conn.execute(
        "insert into reanalyses_carried (analysis_id) values (%s) on conflict do nothing",
        (analysis_id,),
    )
