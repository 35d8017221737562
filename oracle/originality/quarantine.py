"""Stop a bad reference in one step: new verdicts against it wait, provisional ones are redone."""

from datetime import datetime
from uuid import UUID

import structlog

from oracle.errors import Conflict
from oracle.rules.deadlines import DISPUTE_WINDOW
from oracle.rules.quarantine import ALARM_SPAN, is_alarming
from storage import operator_alerts
from storage.cases import quarantines
from storage.database import Connection, Database
from storage.fraud import audit_log
from storage.works import works

log = structlog.get_logger()

ALARM = "reference_suspect"


class AlreadyQuarantined(Conflict):
    """The work is in quarantine already."""

    code = "already_quarantined"


class NoAlarm(Conflict):
    """No alarm waits about this work."""

    code = "no_alarm"


class NotQuarantined(Conflict):
    """The work is not in quarantine."""

    code = "not_quarantined"


def quarantine(
    conn: Connection, work_id: UUID, *, by: str, because: str, now: datetime
) -> list[UUID]:
    """Let nobody be accused by a work until it is released.

    What rests on it and is not final is judged again, and waits then like anything new. Final
    verdicts stay: those change by a ruling only.

    Returns: the analyses to repeat. Raises: AlreadyQuarantined, NotFound.
    """
    works.get_work(conn, work_id)
    if not quarantines.add(conn, work_id, by=by, because=because, now=now):
        raise AlreadyQuarantined
    operator_alerts.end(conn, ALARM, _subject(work_id), now)
    again = quarantines.queue_provisional(
        conn, work_id, "It rests on a work in quarantine.", window=DISPUTE_WINDOW, now=now
    )
    _note(conn, "quarantine", work_id, by, because, len(again), now)
    return again


def release(conn: Connection, work_id: UUID, *, by: str, because: str, now: datetime) -> list[UUID]:
    """Undo a quarantine: what waited because of it is judged again.

    Returns: the analyses to repeat. Raises: NotQuarantined, NotFound.
    """
    works.get_work(conn, work_id)
    if not quarantines.release(conn, work_id, by=by, because=because, now=now):
        raise NotQuarantined
    again = quarantines.queue_held(conn, work_id, "The work is out of quarantine.")
    _note(conn, "release", work_id, by, because, len(again), now)
    return again


def dismiss_alarm(conn: Connection, work_id: UUID, *, by: str, because: str, now: datetime) -> None:
    """Close the alarm about a work that is what it seems; for a day it raises no other.

    Raises: NoAlarm.
    """
    open_alarm = operator_alerts.find_open(conn, ALARM, _subject(work_id))
    if open_alarm is None:
        raise NoAlarm
    operator_alerts.resolve(conn, open_alarm.id, by=by, note=because, now=now)
    _note(conn, "keep_reference", work_id, by, because, 0, now)


def raise_alarms(db: Database, limit: int, now: datetime) -> int:
    """Report works that made copyists of many creators lately to the operators.

    Returns: how many alarms are new. Raises: DatabaseUnavailable.
    """
    if limit <= 0:
        return 0
    new = 0
    with db.transaction() as conn:
        for suspect in quarantines.suspects(conn, now - ALARM_SPAN, limit):
            subject = _subject(suspect.work_id)
            if (
                not is_alarming(suspect.creators, limit)
                or quarantines.among(conn, [suspect.work_id])
                or operator_alerts.was_resolved(conn, ALARM, subject, now - ALARM_SPAN)
            ):
                continue
            detail = (
                f"{suspect.creators} creators were called its copyists within a day. If it is a"
                " template or a common source, quarantine it:"
                f" /quarantines/{suspect.work_id}, or POST /v1/works/{suspect.work_id}/quarantine."
            )
            new += operator_alerts.report(conn, ALARM, subject, detail, now)
    return new


def _subject(work_id: UUID) -> str:
    return f"work {work_id}"


def _note(
    conn: Connection, step: str, work_id: UUID, by: str, because: str, again: int, now: datetime
) -> None:
    audit_log.append(
        conn,
        at=now,
        actor=by,
        step=step,
        reason_code="reference",
        text=because,
        facts={"work_id": str(work_id), "judged_again": again},
    )
    log.info(f"work.{step}", work_id=str(work_id), by=by, judged_again=again)
