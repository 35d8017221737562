"""Appeals against held money and against verdicts, and what a granted appeal leaves behind."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound, StorageError


class SamePersonDecides(StorageError):
    """Who decided first cannot decide the appeal: somebody else has to."""

    code = "same_person_decides"


@dataclass(frozen=True, kw_only=True)
class NewAppeal:
    """An appeal as a creator files it, against either an alert or an analysis."""

    id: UUID
    kind: str
    creator_id: int
    ground: str
    statement: str
    filed_at: datetime
    first_decider: str
    decide_by: datetime
    alert_id: UUID | None = None
    alert_round: int | None = None
    analysis_id: UUID | None = None
    other_creator_id: int | None = None
    other_until: datetime | None = None
    earlier_work_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Appeal(NewAppeal):
    """A stored appeal."""

    status: str = "open"
    other_view: str | None = None
    other_view_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    outcome: str | None = None
    convinced: str | None = None
    bad_faith: bool = False


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that supports an appeal; its bytes are in the blob store."""

    id: int
    appeal_id: UUID
    added_by: str
    file_name: str
    mime: str
    sha256: bytes
    size_bytes: int
    blob_key: str
    added_at: datetime


COLUMNS = (
    "id, kind, creator_id, ground, statement, filed_at, first_decider, decide_by, alert_id,"
    " alert_round, analysis_id, other_creator_id, other_until, status, other_view, other_view_at,"
    " decided_by, decided_at, outcome, convinced, earlier_work_id, bad_faith"
)


# File an appeal; nothing happens where the same decision is, or was, under appeal in this round.
_INSERT = """
insert into appeals (id, kind, creator_id, ground, statement, filed_at, first_decider, decide_by,
    alert_id, alert_round, analysis_id, other_creator_id, other_until, earlier_work_id)
values (%(id)s, %(kind)s, %(creator_id)s, %(ground)s, %(statement)s, %(filed_at)s,
    %(first_decider)s, %(decide_by)s, %(alert_id)s, %(alert_round)s, %(analysis_id)s,
    %(other_creator_id)s, %(other_until)s, %(earlier_work_id)s)
on conflict do nothing
"""


def add(conn: Connection, appeal: NewAppeal) -> bool:
    """File an appeal.

    Returns: False if this decision is under appeal already, or was in the same round.
    """
    return conn.execute(_INSERT, vars(appeal)).rowcount == 1


def get(conn: Connection, appeal_id: UUID, *, lock: bool = False) -> Appeal:
    """Return an appeal; with `lock`, lock it until the transaction ends. Raises: NotFound."""
    appeals = _select(conn, "id = %s" + (" for update" if lock else ""), (appeal_id,))
    if not appeals:
        raise NotFound(f"There is no appeal {appeal_id}.")
    return appeals[0]


def find_open_of_alert(conn: Connection, alert_id: UUID) -> Appeal | None:
    """Return the undecided appeal against an alert, or None."""
    return next(iter(_select(conn, "alert_id = %s and status = 'open'", (alert_id,))), None)


def find_of_analysis(conn: Connection, analysis_id: UUID) -> Appeal | None:
    """Return the last appeal against a verdict, decided or not."""
    return next(
        iter(
            _select(
                conn,
                "analysis_id = %s and kind = 'originality' order by filed_at desc limit 1",
                (analysis_id,),
            )
        ),
        None,
    )


def find_decided_of_analysis(conn: Connection, analysis_id: UUID) -> Appeal | None:
    """Return the last decided appeal against a verdict."""
    where = (
        "analysis_id = %s and kind = 'originality' and status = 'decided' order by decided_at desc"
        " limit 1"
    )
    return next(iter(_select(conn, where, (analysis_id,))), None)


def page(
    conn: Connection,
    *,
    creator_id: int | None = None,
    status: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Appeal]:
    """Return the appeals that a creator is a side of (or all), newest first, after a cursor.

    Args:
        before: (filed_at, id) of the last appeal of the previous page.
    """
    where, params = "true", list[object]()
    if creator_id is not None:
        where += " and (creator_id = %s or other_creator_id = %s)"
        params += [creator_id, creator_id]
    if status is not None:
        where += " and status = %s"
        params.append(status)
    if before is not None:
        where += " and (filed_at, id) < (%s, %s)"
        params += before
    return _select(conn, where + " order by filed_at desc, id desc limit %s", (*params, limit))


def overdue(conn: Connection, kind: str, now: datetime, limit: int = 100) -> list[Appeal]:
    """Return the open appeals of a kind (fraud, originality) whose deadline has passed."""
    return _select(
        conn,
        "status = 'open' and kind = %s and decide_by <= %s order by decide_by limit %s",
        (kind, now, limit),
    )


def count_lapsed(conn: Connection, analysis_id: UUID) -> int:
    """Count the appeals against a verdict that lapsed undecided."""
    row = conn.execute(
        "select count(*) from appeals where analysis_id = %s and kind = 'originality' and outcome ="
        " 'lapsed'",
        (analysis_id,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def add_view(conn: Connection, appeal_id: UUID, view: str, now: datetime) -> bool:
    """Store the other side's answer, once and in time. Returns: whether it was stored."""
    cursor = conn.execute(
        "update appeals set other_view = %s, other_view_at = %s where id = %s and status = 'open'"
        " and other_view is null and other_creator_id is not null and other_until > %s",
        (view, now, appeal_id, now),
    )
    return cursor.rowcount == 1


def decide(
    conn: Connection,
    appeal_id: UUID,
    *,
    outcome: str,
    decided_by: str | None,
    convinced: str | None,
    now: datetime,
) -> bool:
    """Store the decision, once.

    Returns: False if the appeal was decided before. Raises: SamePersonDecides.
    """
    try:
        with conn.transaction():
            cursor = conn.execute(
                "update appeals set status = 'decided', outcome = %s, decided_by = %s, convinced ="
                " %s, decided_at = %s where id = %s and status = 'open'",
                (outcome, decided_by, convinced, now, appeal_id),
            )
    except psycopg.errors.CheckViolation as exc:
        raise SamePersonDecides from exc
    return cursor.rowcount == 1


def reopen(conn: Connection, appeal_id: UUID, decide_by: datetime) -> bool:
    """Have an appeal decided again. Returns: False where one is open by now."""
    cursor = conn.execute(
        "update appeals p set status = 'open', outcome = null, decided_by = null, convinced = null,"
        " decided_at = null, bad_faith = false, decide_by = %s where id = %s"
        " and status = 'decided' and not exists (select from appeals o where o.analysis_id ="
        " p.analysis_id and o.kind = 'originality' and o.kind = p.kind and o.status = 'open')",
        (decide_by, appeal_id),
    )
    return cursor.rowcount == 1


def attach(
    conn: Connection,
    appeal_id: UUID,
    *,
    added_by: str,
    file_name: str,
    mime: str,
    sha256: bytes,
    size_bytes: int,
    blob_key: str,
) -> int:
    """Add a file, or keep the attachment that has the same bytes. Returns: its number."""
    row = conn.execute(
        "insert into appeal_attachments (appeal_id, added_by, file_name, mime, sha256, size_bytes,"
        " blob_key) values (%s, %s, %s, %s, %s, %s, %s) on conflict (appeal_id, sha256) do update"
        " set file_name = appeal_attachments.file_name returning id",
        (appeal_id, added_by, file_name, mime, sha256, size_bytes, blob_key),
    ).fetchone()
    assert row is not None
    return int(row[0])


def get_attachment(conn: Connection, appeal_id: UUID, number: int) -> Attachment:
    """Return one file of an appeal. Raises: NotFound."""
    for attachment in attachments(conn, appeal_id):
        if attachment.id == number:
            return attachment
    raise NotFound(f"The appeal {appeal_id} has no file {number}.")


def attachments(conn: Connection, appeal_id: UUID) -> list[Attachment]:
    """Return the files of an appeal in the order they were added."""
    with conn.cursor(row_factory=class_row(Attachment)) as cursor:
        return cursor.execute(
            "select id, appeal_id, added_by, file_name, mime, sha256, size_bytes, blob_key,"
            " added_at from appeal_attachments where appeal_id = %s order by id",
            (appeal_id,),
        ).fetchall()


# The newest verdict of each work counts. Left out are the work of the appeal itself, works that
# wait for an analysis anyway, and works with an open re-check.
_QUEUE_RECHECKS = """
insert into rechecks (analysis_id, appeal_id, reason)
select newest.id, %(appeal)s, %(reason)s
from (
    select distinct work_id from analyses
    where matched_work_id = %(reference)s and verdict = 'derivative' and work_id is not null
) w cross join lateral (
    select id, verdict, matched_work_id from analyses
    where work_id = w.work_id and status = 'decided' order by decided_at desc, id limit 1
) newest
where newest.verdict = 'derivative' and newest.matched_work_id = %(reference)s
and w.work_id is distinct from (
    select a.work_id from appeals p join analyses a on a.id = p.analysis_id
    where p.id = %(appeal)s
)
and not exists (
    select 1 from analyses a where a.work_id = w.work_id and a.status = 'queued'
)
and not exists (
    select 1 from rechecks r join analyses a on a.id = r.analysis_id
    where a.work_id = w.work_id and r.done_at is null
)
on conflict do nothing returning analysis_id
"""


def queue_rechecks(conn: Connection, appeal_id: UUID, reference: UUID, reason: str) -> list[UUID]:
    """Queue the verdicts on other works that rest on the same reference, once a work.

    Returns: their analyses.
    """
    rows = conn.execute(
        _QUEUE_RECHECKS, {"appeal": appeal_id, "reason": reason, "reference": reference}
    ).fetchall()
    return [row[0] for row in rows]


def open_rechecks(conn: Connection, limit: int = 100) -> list[tuple[int, UUID]]:
    """Return (number, analysis) of open re-checks, oldest first, locked for this transaction."""
    rows = conn.execute(
        "select id, analysis_id from rechecks where done_at is null order by id limit %s for"
        " update skip locked",
        (limit,),
    ).fetchall()
    return [(int(row[0]), row[1]) for row in rows]


def close_recheck(conn: Connection, recheck_id: int) -> None:
    """Mark a re-check as done."""
    conn.execute("update rechecks set done_at = now() where id = %s", (recheck_id,))


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[Appeal]:
    with conn.cursor(row_factory=class_row(Appeal)) as cursor:
        return cursor.execute(f"select {COLUMNS} from appeals where {where}", params).fetchall()
