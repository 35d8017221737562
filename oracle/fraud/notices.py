"""The notices of alerts and of appeals against them, filled from the database."""

from datetime import datetime, timedelta

from oracle.appeals.notices import send_result
from oracle.fraud import wording as fraud_wording
from oracle.fraud.lifecycle import MAX_UPHELD
from oracle.notices import templates, wording
from oracle.notices.actors import RULES
from oracle.notices.render import Notice, day, money, render, send_notice
from oracle.notices.titles import name_of
from oracle.payouts import payments
from oracle.rules.deadlines import APPEAL_WITHIN
from storage.cases.appeals import Appeal
from storage.database import Connection
from storage.fraud import alerts as fraud_alerts
from storage.fraud import audit_log
from storage.fraud.alerts import Alert
from storage.ledger import ledger

RECORD_DAYS = 90


def held_minor(conn: Connection, alert: Alert, now: datetime) -> int:
    """Return what an alert holds, in cents: earnings of a post or a part of them, or an account's
    balance. 0 where it holds nothing.
    """
    if alert.frozen_at is None:
        return 0
    if alert.post_id is not None:
        waits = ledger.waiting(conn, alert.post_id).frozen
        return waits + payments.held_part(conn, alert.post_id, now)
    return ledger.available(conn, alert.creator_id)


def send_not_counted(conn: Connection, alert: Alert, now: datetime) -> Notice:
    """Tell a creator that some events of a post do not count, and nothing is held.

    Raises: MissingFact.
    """
    notice = render(
        templates.NOT_COUNTED,
        {
            "subject": name_of(conn, alert.subject, alert.post_id, alert.creator),
            "why": fraud_wording.why_of(alert.signals),
            "seen_from": day(alert.seen_from),
            "seen_until": day(alert.seen_until),
            "rule": fraud_wording.rule_of(alert.signals),
            "thresholds_version": alert.thresholds_version,
            "appeal_link": f"/fraud_alerts/{alert.id}",
            "appeal_end": day(now + APPEAL_WITHIN),
            "evidence_hints": fraud_wording.hints_of(alert.signals),
            "case": f"{alert.id}/{alert.round}",
            "data_link": f"/api/fraud_alerts/{alert.id}",
        },
    )
    send_notice(conn, notice, alert.creator_id, now, alert_id=alert.id)
    return notice


def send_hold(conn: Connection, alert: Alert, now: datetime, *, whole: bool) -> Notice:
    """Tell a creator that money is on hold.

    Args:
        whole: All that it earns; else the part of the events that do not count.
    Raises: MissingFact.
    """
    record = fraud_alerts.track_record(conn, now - timedelta(days=RECORD_DAYS))
    reviewed, overturned, unproven = record
    subject = name_of(conn, alert.subject, alert.post_id, alert.creator)
    part = "What {} earns" if whole else "What the doubtful views of {} would earn"
    automatic = alert.frozen_by == RULES
    # the notice's hash goes on chain, and with it the log's current head
    step, digest = audit_log.head(conn)
    notice = render(
        templates.HOLD,
        {
            "subject": subject,
            "what_waits": part.format(subject),
            "frozen_at": day(alert.frozen_at) if alert.frozen_at else None,
            "held": money(held_minor(conn, alert, now)),
            "other_money": (
                "Your other posts are paid as usual."
                if whole
                else "All else that it earns, and your other posts, are paid as usual."
            )
            if alert.subject == "post"
            else "What your posts earn is credited as usual; only withdrawals wait.",
            "why": fraud_wording.why_of(alert.signals),
            "seen_from": day(alert.seen_from),
            "seen_until": day(alert.seen_until),
            "rule": fraud_wording.rule_of(alert.signals),
            "thresholds_version": alert.thresholds_version,
            "means": "found and held automatically"
            if automatic
            else "found automatically and held by a person",
            "reviewer": "No person has looked at it yet."
            if automatic
            else f"{wording.who(alert.frozen_by or RULES)} looked at it.",
            "track_record": (
                f"In the last {RECORD_DAYS} days {overturned} of {reviewed} such holds that were"
                f" reviewed turned out wrong; {unproven} ended without a review and prove nothing."
            )
            if reviewed
            else f"No such hold was reviewed in the last {RECORD_DAYS} days.",
            "deadline": day(alert.frozen_until) if alert.frozen_until else None,
            "appeal_link": f"/fraud_alerts/{alert.id}",
            "appeal_end": day(now + APPEAL_WITHIN),
            "evidence_hints": fraud_wording.hints_of(alert.signals),
            "case": f"{alert.id}/{alert.round}",
            "clause": fraud_wording.CLAUSE,
            "data_link": f"/api/fraud_alerts/{alert.id}",
            "log_head": f"step {step}, {digest.hex()}",
        },
    )
    send_notice(conn, notice, alert.creator_id, now, alert_id=alert.id)
    return notice


def send_upheld(conn: Connection, alert: Alert, now: datetime, *, whole: bool) -> Notice:
    """Tell a creator that an alert was confirmed, and what that means for the money.

    Args:
        whole: All that the post or account has goes on waiting.
    Raises: MissingFact.
    """
    subject = name_of(conn, alert.subject, alert.post_id, alert.creator)
    end = (alert.frozen_at or now) + MAX_UPHELD
    limit = f" No hold lasts beyond {day(end)}." if whole else ""
    if whole:
        until = day(alert.frozen_until) if alert.frozen_until else None
        held = money(held_minor(conn, alert, now))
        consequence = (
            f"What {subject} earns goes on waiting, {held} so far. It is free again on {until},"
            " whatever happens."
        )
    elif alert.post_id is not None:
        consequence = (
            "The views and reactions that this rests on count no more. What they would earn is not"
            " paid, and what was paid for them is left out of your later pay; the lines of the"
            " weeks say how much. All else that you earn is paid as usual."
        )
    else:
        consequence = "Nothing is held by this decision."
    notice = render(
        templates.UPHELD,
        {
            "subject": subject,
            "consequence": consequence,
            "reason": alert.decision_reason,
            "why": fraud_wording.why_of(alert.signals),
            "decided_at": day(now),
            "decider": wording.who(alert.decided_by) if alert.decided_by else None,
            "next_step": f"appeal at /fraud_alerts/{alert.id}, free of charge, until"
            f" {day(now + APPEAL_WITHIN)}, if you have not yet; another person than"
            f" before decides.{limit}",
            "case": f"{alert.id}/{alert.round}",
        },
    )
    send_notice(conn, notice, alert.creator_id, now, alert_id=alert.id)
    return notice


def send_ended(
    conn: Connection, alert: Alert, released: int, reason: str, decision: str, now: datetime
) -> Notice:
    """Tell a creator that a hold ended. Raises: MissingFact."""
    notice = render(
        templates.ENDED,
        {
            "subject": name_of(conn, alert.subject, alert.post_id, alert.creator),
            "ended_at": day(now),
            "released": money(released),
            "reason": reason,
            "decision": decision,
            "case": f"{alert.id}/{alert.round}",
        },
    )
    send_notice(conn, notice, alert.creator_id, now, alert_id=alert.id)
    return notice


def send_appeal_result(
    conn: Connection,
    alert: Alert,
    appeal: Appeal,
    outcome: str,
    actor: str | None,
    convinced: str,
    now: datetime,
) -> None:
    """Tell a creator how the appeal against a hold ended; `send_ended` says how much was
    released.

    Raises: MissingFact.
    """
    subject = name_of(conn, alert.subject, alert.post_id, alert.creator)
    granted = outcome != "refused"
    send_result(
        conn,
        appeal,
        subject,
        outcome=outcome,
        decider=wording.who(actor) if actor else "the rule that silence sets money free",
        convinced=convinced,
        money_moved=f"since {day(now)} nothing waits any more, and everything counts again."
        if granted
        else ("it stays as our notice about the decision says."),
        next_step="You need to do nothing."
        if granted
        else (
            "This was the platform's last step; you can go to a certified dispute body or a court."
        ),
        now=now,
    )
