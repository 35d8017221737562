"""What was decided lately, with what it earned: what other rules would have changed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True)
class Recent:
    """The newest analysis of a work that a machine decided and no person did.

    Attributes:
        earned_minor: Cents that its post was paid since then, whoever got them; None of one whose
            pay is not known here.
    """

    analysis_id: UUID
    title: str | None
    earned_minor: int | None


# What the budget paid for a post is what there was to divide.
_RECENT = """
select newest.id as analysis_id, coalesce(w.title, w.file_name) as title, (
    select -sum(l.amount_minor)::bigint from ledger_postings l
    join ledger_transactions t on t.id = l.transaction_id
    where l.post_id = newest.post_id and l.bucket = 'budget' and t.booked_at >= %(since)s
) as earned_minor
from (
    select distinct on (work_id) id, work_id, post_id, source, decided_at from analyses
    where status = 'decided' and work_id is not null order by work_id, decided_at desc, id
) newest join works w on w.id = newest.work_id
where newest.decided_at >= %(since)s and newest.source <> 'review' and w.erased_at is null
    and not exists (select from post_terms t where t.post_id = newest.post_id and t.ruled)
order by newest.decided_at, newest.id
"""


def since(conn: Connection, moment: datetime) -> list[Recent]:
    """Return what was decided since then and stands."""
    with conn.cursor(row_factory=class_row(Recent)) as cursor:
        return cursor.execute(_RECENT, {"since": moment}).fetchall()
