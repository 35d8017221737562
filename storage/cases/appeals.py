"""Appeals against held money and against verdicts, and what a won one leaves behind."""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class NewAppeal:
    """What somebody files; either an alert or an analysis is appealed."""

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


@dataclass(frozen=True)
class Appeal(NewAppeal):
    """A stored appeal."""

    status: str = "open"
    other_view: str | None = None
    other_view_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    outcome: str | None = None
    convinced: str | None = None


@dataclass(frozen=True)
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
    " decided_by, decided_at, outcome, convinced"
)


def add(conn: Connection, appeal: NewAppeal) -> bool:
    """File an appeal.

    Returns: False if this decision is under appeal already, or was in the same round.
    """
    cursor = conn.execute(
        "insert into appeals (id, kind, creator_id, ground, statement, filed_at, first_decider,"
        " decide_by, alert_id, alert_round, analysis_id, other_creator_id, other_until) values"
        " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        (
            appeal.id,
            appeal.kind,
            appeal.creator_id,
            appeal.ground,
            appeal.statement,
            appeal.filed_at,
            appeal.first_decider,
            appeal.decide_by,
            appeal.alert_id,
            appeal.alert_round,
            appeal.analysis_id,
            appeal.other_creator_id,
            appeal.other_until,
        ),
    )
    return cursor.rowcount == 1


def get(conn: Connection, appeal_id: UUID, *, lock: bool = False) -> Appeal:
    """The appeal; with `lock` nobody else can change it until the transaction ends.

    Raises: NotFound.
    """
    found = _select(conn, "id = %s" + (" for update" if lock else ""), (appeal_id,))
    if not found:
        raise NotFound(f"There is no appeal {appeal_id}.")
    return found[0]


def find_open_of_alert(conn: Connection, alert_id: UUID) -> Appeal | None:
    """The appeal against an alert that waits for its decision."""
    return next(iter(_select(conn, "alert_id = %s and status = 'open'", (alert_id,))), None)


def find_of_analysis(conn: Connection, analysis_id: UUID) -> Appeal | None:
    """The last appeal against a verdict, decided or not."""
    return next(
        iter(_select(conn, "analysis_id = %s order by filed_at desc limit 1", (analysis_id,))), None
    )


def decided_before(conn: Connection, analysis_id: UUID) -> Appeal | None:
    """The last appeal against a verdict that was decided."""
    where = "analysis_id = %s and status = 'decided' order by decided_at desc limit 1"
    return next(iter(_select(conn, where, (analysis_id,))), None)


def page(
    conn: Connection,
    *,
    creator_id: int | None = None,
    status: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Appeal]:
    """Appeals that a creator is a side of (or all), newest first, from after a place in that
    order.
    """
    where, params = "true", []
    if creator_id is not None:
        where, params = (
            where + " and (creator_id = %s or other_creator_id = %s)",
            [creator_id, creator_id],
        )
    if status is not None:
        where, params = where + " and status = %s", [*params, status]  # type: ignore[list-item]
    if before is not None:
        where, params = where + (" and (filed_at, id) < (%s, %s)"), [*params, *before]  # type: ignore[list-item]
    return _select(conn, where + " order by filed_at desc, id desc limit %s", (*params, limit))


def waiting_for_decision(conn: Connection, kind: str, limit: int) -> list[Appeal]:
    """Open appeals of a kind (fraud, originality), those that end first at the top."""
    return _select(
        conn, "status = 'open' and kind = %s order by decide_by, id limit %s", (kind, limit)
    )


def overdue(conn: Connection, kind: str, now: datetime, limit: int = 100) -> list[Appeal]:
    """Open appeals of a kind (fraud, originality) whose time to decide is over."""
    return _select(
        conn,
        "status = 'open' and kind = %s and decide_by <= %s order by decide_by limit %s",
        (kind, now, limit),
    )


def lapsed_before(conn: Connection, analysis_id: UUID) -> int:
    """How many appeals against a verdict nobody decided in time."""
    row = conn.execute(
        "select count(*) from appeals where analysis_id = %s and outcome = 'lapsed'", (analysis_id,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def add_view(conn: Connection, appeal_id: UUID, view: str, now: datetime) -> bool:
    """Keep what the other side says, once, in time. Returns: whether it was kept."""
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
    """Write the decision, once.

    Returns: False if it was decided before. Raises: SamePersonDecides.
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
    """Add a file; the same bytes a second time stay one attachment. Returns: its number."""
    row = conn.execute(
        "insert into appeal_attachments (appeal_id, added_by, file_name, mime, sha256, size_bytes,"
        " blob_key) values (%s, %s, %s, %s, %s, %s, %s) on conflict (appeal_id, sha256) do update"
        " set file_name = appeal_attachments.file_name returning id",
        (appeal_id, added_by, file_name, mime, sha256, size_bytes, blob_key),
    ).fetchone()
    assert row is not None
    return int(row[0])


def get_attachment(conn: Connection, appeal_id: UUID, number: int) -> Attachment:
    """One file of an appeal. Raises: NotFound."""
    for attachment in attachments(conn, appeal_id):
        if attachment.id == number:
            return attachment
    raise NotFound(f"The appeal {appeal_id} has no file {number}.")


def attachments(conn: Connection, appeal_id: UUID) -> list[Attachment]:
    """The files of an appeal in the order they came."""
    with conn.cursor(row_factory=class_row(Attachment)) as cursor:
        return cursor.execute(
            "select id, appeal_id, added_by, file_name, mime, sha256, size_bytes, blob_key,"
            " added_at from appeal_attachments where appeal_id = %s order by id",
            (appeal_id,),
        ).fetchall()


def add_not_copy(
    conn: Connection,
    work_id: UUID,
    other_work_id: UUID,
    *,
    appeal_id: UUID | None,
    decided_by: str,
    now: datetime,
) -> None:
    """Settle for good that a work is no copy of another; once. Raises: NotFound."""
    cursor = conn.execute(
        "insert into not_copies (work_id, other_work_id, sha256, other_sha256, creator_id,"
        " appeal_id, decided_by, decided_at) select w.id, o.id, w.sha256, o.sha256, w.creator_id,"
        " %s, %s, %s from works w, works o where w.id = %s and o.id = %s on conflict (work_id,"
        " other_work_id) do update set decided_by = not_copies.decided_by",
        (appeal_id, decided_by, now, work_id, other_work_id),
    )
    if cursor.rowcount == 0:
        raise NotFound(f"There is no work {work_id} or no work {other_work_id}.")


def settled_not_copies(
    conn: Connection, sha256: bytes, creator_id: int | None, candidates: Sequence[UUID]
) -> set[UUID]:
    """Those of the candidates that content of this creator was decided to be no copy of.

    Args:
        sha256: 32 bytes, of the content that is being judged: the same bytes posted again stay
            settled.
    """
    rows = conn.execute(
        "select distinct w.id from works w join not_copies n on n.other_sha256 = w.sha256 where"
        " w.id = any(%s) and n.sha256 = %s and n.creator_id is not distinct from %s",
        (list(candidates), sha256, creator_id),
    ).fetchall()
    return {row[0] for row in rows}


def queue_rechecks(conn: Connection, appeal_id: UUID, reference: UUID, reason: str) -> list[UUID]:
    """Queue the verdicts on other works that rest on the same reference today, once a work.
    Returns: their analyses.

    Left out are works whose newest verdict rests on something else, and those that are going to be
    checked anyway.
    """
    rows = conn.execute(
        "insert into rechecks (analysis_id, appeal_id, reason) select newest.id, %(appeal)s,"
        " %(reason)s from (select distinct work_id from analyses where matched_work_id ="
        " %(reference)s and verdict = 'derivative' and work_id is not null) w cross join lateral"
        " (select id, verdict, matched_work_id from analyses where work_id = w.work_id and status"
        " = 'decided' order by decided_at desc, id limit 1) newest where newest.verdict ="
        " 'derivative' and newest.matched_work_id = %(reference)s and w.work_id is distinct from"
        " (select a.work_id from appeals p join analyses a on a.id = p.analysis_id where p.id ="
        " %(appeal)s) and not exists (select 1 from analyses a where a.work_id = w.work_id and"
        " a.status = 'queued') and not exists (select 1 from rechecks r join analyses a on a.id ="
        " r.analysis_id where a.work_id = w.work_id and r.done_at is null) on conflict do nothing"
        " returning analysis_id",
        {"appeal": appeal_id, "reason": reason, "reference": reference},
    ).fetchall()
    return [row[0] for row in rows]


def open_rechecks(conn: Connection, limit: int = 100) -> list[tuple[int, UUID]]:
    """Numbers and analyses of the re-checks to do, oldest first, locked until the transaction
    ends.
    """
    rows = conn.execute(
        "select id, analysis_id from rechecks where done_at is null order by id limit %s for"
        " update skip locked",
        (limit,),
    ).fetchall()
    return [(int(row[0]), row[1]) for row in rows]


def recheck_done(conn: Connection, recheck_id: int) -> None:
    """Note that a re-check was made."""
    conn.execute("update rechecks set done_at = now() where id = %s", (recheck_id,))


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[Appeal]:
    with conn.cursor(row_factory=class_row(Appeal)) as cursor:
        return cursor.execute(f"select {COLUMNS} from appeals where {where}", params).fetchall()
