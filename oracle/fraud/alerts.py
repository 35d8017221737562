"""The steps of an alert. Each runs in the caller's transaction, writes to the audit log, and queues
what the ledger, the contract and the creator must learn, all in that transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from oracle.appeals.errors import AccuserCannotDecide, StepNotPossible
from oracle.fraud import chain_actions, lifecycle, notices
from oracle.fraud.lifecycle import HOLDING, REVIEW_WITHIN, Status, Step
from oracle.notices.actors import RULES, display_name
from oracle.notices.errors import MissingFact
from oracle.payouts import payments
from storage.cases import appeals
from storage.database import Connection, Database
from storage.engagement import exclusions as engagement_exclusions
from storage.engagement.exclusions import Exclusion
from storage.errors import DatabaseUnavailable
from storage.fraud import alerts as fraud_alerts
from storage.fraud import audit_log
from storage.fraud.alerts import Alert, NewAlert

log = structlog.get_logger()

WATCHED_AFTER = timedelta(days=30)  # after a dismissal: the same signals alone hold nothing
Sources = Mapping[str, Sequence[str]]


def raise_alert(
    conn: Connection,
    new_alert: NewAlert,
    sources: Sources,
    freeze_until: datetime,
    *,
    asked_by: str | None = None,
) -> UUID | None:
    """Turn a finding into an alert, and hold the money if the rules say so.

    A finding that an active alert covers already is not repeated. A closed alert, decided or
    lapsed, never returns on what was seen before it closed, not even in part: one more view makes
    no new case. Signals that a person dismissed lately hold nothing alone when they show again; a
    person reviews them first.

    Args:
        asked_by: Actor who requested the pass, None if it was scheduled; has no influence on the
            result.
    Returns: the alert that is new or was changed, None where nothing is.
    """
    subject = (new_alert.subject, new_alert.post_id, new_alert.creator_id)
    latest = fraud_alerts.find_latest(conn, *subject)
    closed_at = fraud_alerts.last_closed(conn, *subject)
    if closed_at is not None and new_alert.seen_from <= closed_at:
        return None
    dismissed = fraud_alerts.dismissed_signals(
        conn, *subject, new_alert.detected_at - WATCHED_AFTER
    )
    if dismissed and {signal["name"] for signal in new_alert.signals} <= dismissed:
        new_alert = replace(
            new_alert, action="watch", reason=f"{new_alert.reason}; the same was dismissed before"
        )
    alert_id = new_alert.id
    if latest is not None and latest.status in fraud_alerts.ACTIVE:
        if latest.status != Status.OPEN or new_alert.action != "freeze":
            return None
        alert_id = latest.id
        fraud_alerts.renew(conn, alert_id, new_alert)
    else:
        if not fraud_alerts.add(conn, new_alert):
            return None  # a concurrent pass was faster
        audit_log.append(
            conn,
            at=new_alert.detected_at,
            actor=RULES,
            step="open",
            reason_code="signals",
            text=new_alert.reason,
            alert_id=alert_id,
            facts={
                "thresholds_version": new_alert.thresholds_version,
                "score_bps": new_alert.score_bps,
            },
        )
    fraud_alerts.add_sources(conn, alert_id, sources)
    if asked_by is not None:
        fraud_alerts.accuse(conn, alert_id, asked_by)
    log.info(
        "fraud.alert",
        alert_id=str(alert_id),
        action=new_alert.action,
        score_bps=new_alert.score_bps,
    )
    if new_alert.action == "freeze":
        try:
            with conn.transaction():
                freeze(
                    conn,
                    alert_id,
                    actor=RULES,
                    until=freeze_until,
                    reason_code="rule",
                    text=new_alert.reason,
                    now=new_alert.detected_at,
                )
        except MissingFact as exc:  # no notice, no freeze: a person has to look at it
            log.warning("fraud.notice_blocked", alert_id=str(alert_id), reason=str(exc))
            audit_log.append(
                conn,
                at=new_alert.detected_at,
                actor=RULES,
                step="blocked",
                reason_code=exc.code,
                text=str(exc),
                alert_id=alert_id,
            )
    return alert_id


def freeze(
    conn: Connection,
    alert_id: UUID,
    *,
    actor: str,
    until: datetime,
    reason_code: str,
    text: str,
    now: datetime,
) -> None:
    """Hold the money of an open alert and notify the creator, both or neither.

    Raises: StepNotPossible, InvalidEndDate, MissingFact.
    """
    alert = fraud_alerts.get(conn, alert_id, lock=True)
    frozen = lifecycle.next_status(alert.status, Step.FREEZE)
    lifecycle.check_freeze_end(now, until, alert.held_before)
    fraud_alerts.accuse(conn, alert_id, actor)
    fraud_alerts.update(
        conn, alert_id, status=frozen, frozen_by=actor, frozen_at=now, frozen_until=until
    )
    payments.freeze(
        conn,
        alert_id,
        now=now,
        until=until,
        post_id=alert.post_id,
        creator_id=alert.creator_id if alert.subject == "creator" else None,
    )
    _log(conn, alert_id, now, actor, Step.FREEZE, reason_code, text, {"until": until.isoformat()})
    notice = notices.send_hold(conn, fraud_alerts.get(conn, alert_id), now)
    notified = lifecycle.next_status(frozen, Step.NOTIFY)
    fraud_alerts.update(conn, alert_id, status=notified, statement_hash=notice.sha256)
    chain_actions.queue(conn, alert, "freeze", notice.sha256, until)
    _log(
        conn,
        alert_id,
        now,
        actor,
        Step.NOTIFY,
        "statement_sent",
        notice.subject,
        {"sha256": notice.sha256.hex()},
    )


def uphold(
    conn: Connection,
    alert_id: UUID,
    *,
    actor: str,
    until: datetime,
    reason_code: str,
    text: str,
    now: datetime,
) -> None:
    """Extend a hold to a new end date; its sources no longer count for grades.

    Raises: StepNotPossible, AccuserCannotDecide, InvalidEndDate, SamePersonDecides, MissingFact.
    """
    alert = _get_for_decision(conn, alert_id, Step.UPHOLD, actor)
    assert alert.frozen_at is not None
    lifecycle.check_upheld_end(now, alert.frozen_at, until, alert.held_before)
    fraud_alerts.update(
        conn,
        alert_id,
        status=Status.UPHELD,
        frozen_until=until,
        decided_by=actor,
        decided_at=now,
        decision_reason=text,
    )
    payments.freeze(
        conn,
        alert_id,
        now=now,
        until=until,
        post_id=alert.post_id,
        creator_id=alert.creator_id if alert.subject == "creator" else None,
    )
    excluded = [
        Exclusion(
            scope=scope,
            value=value,
            reason=text,
            post_id=alert.post_id,
            since=alert.seen_from,
            until=None,
            alert_id=alert_id,
        )
        for scope, values in fraud_alerts.sources(conn, alert_id).items()
        for value in values
    ]
    if excluded:
        engagement_exclusions.exclude(conn, excluded)
    _log(conn, alert_id, now, actor, Step.UPHOLD, reason_code, text, {"until": until.isoformat()})
    _close_appeal(conn, alert, "refused", actor, text, now)
    notice = notices.send_upheld(conn, fraud_alerts.get(conn, alert_id), now)
    chain_actions.queue(conn, alert, "uphold", notice.sha256, until)


def reverse(
    conn: Connection, alert_id: UUID, *, actor: str, reason_code: str, text: str, now: datetime
) -> None:
    """Dismiss an alert: held money is released at once, and everything counts again.

    Raises: StepNotPossible, AccuserCannotDecide, SamePersonDecides, MissingFact.
    """
    alert = _get_for_decision(conn, alert_id, Step.REVERSE, actor)
    fraud_alerts.update(
        conn,
        alert_id,
        status=Status.REVERSED,
        decided_by=actor,
        decided_at=now,
        decision_reason=text,
        closed_at=now,
        **({"frozen_until": now} if alert.frozen_until and alert.frozen_until > now else {}),
    )
    held = alert.status in HOLDING
    if held:  # before the log, which has one writer at a time: lifting may scan many events
        engagement_exclusions.lift(conn, alert_id)
        _release(
            conn,
            alert,
            text,
            f"Decided by {display_name(actor)}, who had no part in the hold.",
            now,
        )
    _log(conn, alert_id, now, actor, Step.REVERSE, reason_code, text, {})
    if held:
        _close_appeal(conn, alert, "granted", actor, text, now)


def expire(conn: Connection, alert: Alert, *, reason_code: str, text: str, now: datetime) -> None:
    """Close an alert whose time is over: without a decision no money stays held.

    Raises: StepNotPossible, MissingFact.
    """
    ended = lifecycle.next_status(alert.status, Step.EXPIRE)
    changes: dict[str, object] = {"status": ended, "closed_at": now}
    if alert.frozen_until is not None and alert.frozen_until > now:
        changes["frozen_until"] = now
    fraud_alerts.update(conn, alert.id, **changes)
    held = alert.status in HOLDING
    if held:
        if alert.status != Status.UPHELD:  # no reviewer confirmed it
            engagement_exclusions.lift(conn, alert.id)
        _release(conn, alert, text, "No further decision is needed.", now)
    _log(conn, alert.id, now, RULES, Step.EXPIRE, reason_code, text, {})
    if held:
        _close_appeal(conn, alert, "lapsed", None, text, now)


def reopen(
    conn: Connection, alert_id: UUID, *, actor: str, reason_code: str, text: str, now: datetime
) -> None:
    """Open a closed alert in a new round, which holds nothing until a reviewer freezes it.

    Raises: StepNotPossible.
    """
    alert = fraud_alerts.get(conn, alert_id, lock=True)
    status = lifecycle.next_status(alert.status, Step.REOPEN)
    latest = fraud_alerts.find_latest(conn, alert.subject, alert.post_id, alert.creator_id)
    if latest is not None and latest.id != alert_id and latest.status in fraud_alerts.ACTIVE:
        raise StepNotPossible(f"A newer alert at the same subject is under way: {latest.id}.")
    held = (
        alert.frozen_until - alert.frozen_at
        if alert.frozen_at and alert.frozen_until
        else timedelta(0)
    )
    fraud_alerts.accuse(conn, alert_id, actor)
    fraud_alerts.update(
        conn,
        alert_id,
        status=status,
        round=alert.round + 1,
        held_before=alert.held_before + held,
        frozen_by=None,
        frozen_at=None,
        frozen_until=None,
        statement_hash=None,
        decided_by=None,
        decided_at=None,
        decision_reason=None,
        review_by=now + REVIEW_WITHIN,
    )
    _log(conn, alert_id, now, actor, Step.REOPEN, reason_code, text, {"round": alert.round + 1})


def expire_due(db: Database, now: datetime) -> int:
    """Close what is due: holds past their end, unreviewed alerts, overdue appeals against holds.

    Each runs in a transaction of its own, so that one failure holds no other creator's money.
    Ledger and contract end a hold at its date in any case.
    Returns: how many were closed. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = dict.fromkeys(fraud_alerts.due(conn, now), False)
        waiting |= {
            a.alert_id: True
            for a in appeals.overdue(conn, "fraud", now)
            if a.alert_id not in waiting and a.alert_id
        }
    ended = 0
    for alert_id, by_appeal in waiting.items():
        try:
            with db.transaction() as conn:
                ended += _expire_one(conn, alert_id, by_appeal, now)
        except DatabaseUnavailable:
            raise
        except Exception:  # any failure concerns this alert only
            log.exception("fraud.expiry_failed", alert_id=str(alert_id))
    return ended


def _expire_one(conn: Connection, alert_id: UUID, by_appeal: bool, now: datetime) -> bool:
    alert = fraud_alerts.get(conn, alert_id, lock=True)
    if by_appeal:
        if alert.status != Status.APPEALED:
            return False
        text = "Nobody decided your appeal in time, so the money is free."
        expire(conn, alert, reason_code="appeal_not_decided", text=text, now=now)
        return True
    if alert.status not in fraud_alerts.ACTIVE or (alert.frozen_until or alert.review_by) > now:
        return False  # another process was faster
    text = {
        Status.OPEN: "Nobody found anything in it in time.",
        Status.UPHELD: "The time for which the hold was confirmed is over.",
    }.get(Status(alert.status), "Nobody decided in time, so the money is free.")
    expire(conn, alert, reason_code="time_over", text=text, now=now)
    return True


def _get_for_decision(conn: Connection, alert_id: UUID, step: Step, actor: str) -> Alert:
    alert = fraud_alerts.get(conn, alert_id, lock=True)
    lifecycle.next_status(alert.status, step)
    if actor == alert.frozen_by or actor in alert.accusers:
        raise AccuserCannotDecide(
            f"{display_name(actor)} held this money or asked for it; somebody else has to decide."
        )
    return alert


def _release(conn: Connection, alert: Alert, reason: str, decision: str, now: datetime) -> None:
    released = notices.held_minor(conn, alert)
    payments.release(conn, alert.id, now)
    notice = notices.send_ended(conn, alert, released, reason, decision, now)
    chain_actions.queue(conn, alert, "release", notice.sha256, None)


def _close_appeal(
    conn: Connection, alert: Alert, outcome: str, actor: str | None, convinced: str, now: datetime
) -> None:
    appeal = appeals.find_open_of_alert(conn, alert.id)
    if appeal is None:
        return
    appeals.decide(conn, appeal.id, outcome=outcome, decided_by=actor, convinced=convinced, now=now)
    audit_log.append(
        conn,
        at=now,
        actor=actor or RULES,
        step="decide",
        reason_code=outcome,
        text=convinced,
        alert_id=alert.id,
        appeal_id=appeal.id,
    )
    notices.send_appeal_result(conn, alert, appeal, outcome, actor, convinced, now)


def _log(
    conn: Connection,
    alert_id: UUID,
    at: datetime,
    actor: str,
    step: str,
    code: str,
    text: str,
    facts: dict[str, str | int],
) -> None:
    audit_log.append(
        conn,
        at=at,
        actor=actor,
        step=str(step),
        reason_code=code,
        text=text,
        alert_id=alert_id,
        facts=facts,
    )
