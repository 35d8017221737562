"""The steps of an alert. Each runs in the caller's transaction, writes to the audit log, and queues
what the ledger, the contract and the creator must learn, all in that transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from oracle.appeals.errors import AccuserCannotDecide, StepNotPossible
from oracle.appeals.neutral import Reviewer, check_neutral
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
from storage.ledger import earnings as ledger_earnings

log = structlog.get_logger()

SECOND = timedelta(seconds=1)  # detectors know whole seconds
Sources = Mapping[str, Sequence[str]]


def raise_alert(
    conn: Connection,
    new_alert: NewAlert,
    sources: Sources,
    freeze_until: datetime,
    *,
    doubtful: Sources | None = None,
    asked_by: str | None = None,
) -> UUID | None:
    """Turn a finding into an alert: leave its doubtful events out of the counts, and hold the money
    that they would earn if the rules say so.

    What later passes see of it is added to an active alert. A closed alert, decided or lapsed,
    never returns on what was seen before it closed, not even in part: one more view makes no new
    case. A machine holds a subject once: the next time, and where a person ever found an alert
    about it wrong, a person decides first.

    Args:
        sources: All that its events are of, left out if a person confirms it.
        doubtful: Those that are left out from now on, until a person says otherwise.
        asked_by: Actor who requested the pass, None if it was scheduled; has no influence on the
            result.
    Returns: the alert that is new or was changed, None where nothing is.
    """
    subject = (new_alert.subject, new_alert.post_id, new_alert.creator_id)
    latest = fraud_alerts.find_latest(conn, *subject)
    closed_at = fraud_alerts.last_closed(conn, *subject)
    if closed_at is not None and new_alert.seen_from <= closed_at:
        return None
    if new_alert.action == "freeze" and fraud_alerts.is_known(conn, *subject, RULES):
        new_alert = replace(
            new_alert,
            action="watch",
            reason=f"{new_alert.reason}; it was held or found wrong before, so a person decides",
        )
    alert_id, is_new = new_alert.id, True
    if latest is not None and latest.status in fraud_alerts.ACTIVE:
        alert_id, is_new = latest.id, False
        if latest.status == Status.OPEN and new_alert.action == "freeze":
            fraud_alerts.renew(conn, alert_id, new_alert)
        else:
            fraud_alerts.extend(conn, alert_id, new_alert)
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
    alert = fraud_alerts.get(conn, alert_id)
    holds = new_alert.action == "freeze" and alert.status == Status.OPEN
    if is_new or holds:
        log.info(
            "fraud.alert",
            alert_id=str(alert_id),
            action=new_alert.action,
            score_bps=new_alert.score_bps,
        )
    try:
        with conn.transaction():
            left_out = _leave_out(conn, alert, doubtful or {})
            if holds:
                freeze(
                    conn,
                    alert_id,
                    actor=RULES,
                    until=freeze_until,
                    reason_code="rule",
                    text=new_alert.reason,
                    now=new_alert.detected_at,
                )
            elif is_new and left_out:
                notices.send_not_counted(conn, alert, new_alert.detected_at)
    except MissingFact as exc:  # no notice, nothing done: a person has to look at it
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
    return alert_id if is_new or holds else None


def _leave_out(
    conn: Connection, alert: Alert, doubtful: Sources, *, confirmed: bool = False
) -> int:
    """Leave events of a post out of the counts, over all the time that the alert covers by now.

    Returns: by how many sources that were not left out before.
    """
    if alert.post_id is None:
        return 0
    since, until = alert.seen_from - SECOND, alert.seen_until + SECOND
    widened = engagement_exclusions.widen(conn, alert.id, since, until)
    known = engagement_exclusions.values_of(conn, alert.id)
    excluded = [
        Exclusion(
            scope=scope,
            value=value,
            reason=alert.reason,
            post_id=alert.post_id,
            since=since,
            # A device or an address may be somebody else's tomorrow.
            until=None if scope == "account" else until,
            alert_id=alert.id,
            confirmed=confirmed,
        )
        for scope, values in doubtful.items()
        for value in values
        if (scope, value) not in known
    ]
    if excluded:
        engagement_exclusions.exclude(conn, excluded)
    if excluded or widened:
        ledger_earnings.mark_changed(conn, alert.post_id, alert.id)
    return len(excluded)


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
    """Hold the money of an open alert and notify the creator, both or neither: the part that the
    alert's events would earn, of a post; where no events are named, all that it earns.

    Raises: StepNotPossible, InvalidEndDate, MissingFact.
    """
    alert = fraud_alerts.get(conn, alert_id, lock=True)
    check_neutral(conn, actor, alert.creator_id)
    frozen = lifecycle.next_status(alert.status, Step.FREEZE)
    lifecycle.check_freeze_end(now, until, alert.held_before)
    fraud_alerts.accuse(conn, alert_id, actor)
    fraud_alerts.update(
        conn, alert_id, status=frozen, frozen_by=actor, frozen_at=now, frozen_until=until
    )
    sources = fraud_alerts.sources(conn, alert_id)
    whole = alert.post_id is None or not sources
    if not whole:
        _leave_out(conn, alert, sources)
    payments.freeze(
        conn,
        alert_id,
        now=now,
        until=until,
        post_id=alert.post_id,
        creator_id=alert.creator_id if alert.subject == "creator" else None,
        whole=whole,
    )
    _log(conn, alert_id, now, actor, Step.FREEZE, reason_code, text, {"until": until.isoformat()})
    notice = notices.send_hold(conn, fraud_alerts.get(conn, alert_id), now, whole=whole)
    notified = lifecycle.next_status(frozen, Step.NOTIFY)
    fraud_alerts.update(conn, alert_id, status=notified, statement_hash=notice.sha256)
    if whole:  # the contract knows no part of a post: what waits of one is not sent there
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
    """Confirm an alert: its events count no more, and what they earned goes back. A hold of all
    that a post or an account has is extended to a new end date.

    Raises: StepNotPossible, AccuserCannotDecide, InvalidEndDate, SamePersonDecides, MissingFact.
    """
    alert = _get_for_decision(conn, alert_id, Step.UPHOLD, actor)
    lifecycle.check_upheld_end(now, alert.frozen_at or now, until, alert.held_before)
    holds = alert.frozen_at is not None
    sources = fraud_alerts.sources(conn, alert_id)
    whole = holds and (alert.post_id is None or not sources)
    fraud_alerts.update(
        conn,
        alert_id,
        status=Status.UPHELD,
        **({"frozen_until": until} if holds else {"review_by": until}),
        decided_by=actor,
        decided_at=now,
        decision_reason=text,
    )
    if whole:
        payments.freeze(
            conn,
            alert_id,
            now=now,
            until=until,
            post_id=alert.post_id,
            creator_id=alert.creator_id if alert.subject == "creator" else None,
        )
    if alert.post_id is not None and sources:
        _leave_out(conn, alert, sources, confirmed=True)
        engagement_exclusions.confirm(conn, alert_id)
        payments.release(conn, alert_id, now)  # what waited is not earned: no more waits
        ledger_earnings.mark_changed(conn, alert.post_id, alert.id)
    _log(conn, alert_id, now, actor, Step.UPHOLD, reason_code, text, {"until": until.isoformat()})
    _close_appeal(conn, alert, "refused", actor, text, now)
    notice = notices.send_upheld(conn, fraud_alerts.get(conn, alert_id), now, whole=whole)
    if whole:
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
    released = notices.held_minor(conn, alert, now)
    # before the log, which has one writer at a time: lifting may scan many events
    counts_again = engagement_exclusions.lift(conn, alert_id) > 0
    if counts_again and alert.post_id is not None:
        ledger_earnings.mark_changed(conn, alert.post_id, alert.id)
    if held or counts_again:
        _release(
            conn,
            alert,
            released,
            text,
            f"Decided by {display_name(actor)}, who had no part in the hold.",
            now,
        )
    _log(conn, alert_id, now, actor, Step.REVERSE, reason_code, text, {})
    if held:
        _close_appeal(conn, alert, "granted", actor, text, now)


def expire(conn: Connection, alert: Alert, *, reason_code: str, text: str, now: datetime) -> None:
    """Close an alert whose time is over: without a decision no money stays held, and it is
    remembered as unproven. What was held or appealed and nobody decided counts again; what is
    doubtful only still does not.

    Raises: StepNotPossible, MissingFact.
    """
    ended = lifecycle.next_status(alert.status, Step.EXPIRE)
    changes: dict[str, object] = {"status": ended, "closed_at": now}
    if alert.frozen_until is not None and alert.frozen_until > now:
        changes["frozen_until"] = now
    fraud_alerts.update(conn, alert.id, **changes)
    held = alert.status in HOLDING
    if held:
        # A hold that ended by its date holds nothing any more: what it held until then is told.
        last = now if alert.frozen_until is None else min(now, alert.frozen_until - SECOND)
        released = notices.held_minor(conn, alert, last)
        # Nobody looked at it or heard the creator: what does not count would keep the money.
        unproven = alert.decided_by is None and engagement_exclusions.lift(conn, alert.id) > 0
        if unproven and alert.post_id is not None:
            ledger_earnings.mark_changed(conn, alert.post_id, alert.id)
        _release(conn, alert, released, text, "No further decision is needed.", now)
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
    check_neutral(conn, actor, alert.creator_id)
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
    check_neutral(conn, actor, alert.creator_id)
    lifecycle.next_status(alert.status, step)
    if Reviewer(conn, actor).had_a_part([alert.frozen_by, *alert.accusers]):
        raise AccuserCannotDecide(
            f"{display_name(actor)} held this money or asked for it; somebody else has to decide."
        )
    return alert


def _release(
    conn: Connection, alert: Alert, released: int, reason: str, decision: str, now: datetime
) -> None:
    payments.release(conn, alert.id, now)
    notice = notices.send_ended(conn, alert, released, reason, decision, now)
    chain_actions.queue_release(conn, alert, notice.sha256)


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
