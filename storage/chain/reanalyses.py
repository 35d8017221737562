"""Analyses of works whose attestation another analysis was: which of them the chain must follow."""

from datetime import datetime
from uuid import UUID

from storage.database import Connection


def note(conn: Connection, analysis_id: UUID) -> bool:
    """Have the chain follow an analysis where another one of its work went there.

    Call it in the transaction that concludes the analysis. Returns: whether it will be looked at.
    """
    done = conn.execute(
        "insert into reanalyses_waiting (analysis_id) select a.id from analyses a where a.id = %s"
        " and exists (select from analyses told join outbox o on o.analysis_id = told.id where"
        " told.work_id = a.work_id and told.id <> a.id) on conflict do nothing",
        (analysis_id,),
    )
    return done.rowcount == 1


# Of several that went on chain the last one before it counts there.
_WAITING = """
select told_id, id from (
    select distinct on (a.id) told.id as told_id, a.id, a.decided_at
    from reanalyses_waiting w join analyses a on a.id = w.analysis_id
    join analyses told on told.work_id = a.work_id and told.decided_at < a.decided_at
    join outbox o on o.analysis_id = told.id and o.status <> 'refused'
    where w.next_try_at <= %s and not exists (
        select from rulings r where r.post_id = a.post_id and r.status in ('open', 'decided')
    )
    order by a.id, told.decided_at desc, told.id
) found order by decided_at, id limit %s
"""


def list_new(conn: Connection, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Return (analysis that was attested or answered with, later analysis) of what is on chain or
    on its way there and was not looked at yet, oldest first.

    Left out are posts that are being decided about.
    """
    return conn.execute(_WAITING, (now, limit)).fetchall()


def take(conn: Connection, analysis_id: UUID) -> bool:
    """Note that the chain follows an analysis, or need not. Returns: False where it was noted."""
    done = conn.execute("delete from reanalyses_waiting where analysis_id = %s", (analysis_id,))
    return done.rowcount == 1


def postpone(conn: Connection, *, analysis_id: UUID, until: datetime) -> None:
    """Look at an analysis later."""
    conn.execute(
        "update reanalyses_waiting set next_try_at = %s where analysis_id = %s",
        (until, analysis_id),
    )
