"""The notices of alerts and of appeals against them, filled from the database."""

from datetime import datetime, timedelta

from oracle.appeals.notices import send_result
from oracle.fraud import wording as fraud_wording
from oracle.fraud.lifecycle import MAX_UPHELD
from oracle.notices import templates, wording
from oracle.notices.actors import RULES
from oracle.notices.render import Notice, day, money, render, send_notice
from oracle.notices.titles import name_of
from oracle.rules.deadlines import APPEAL_WITHIN
from storage.cases.appeals import Appeal
from storage.database import Connection
from storage.fraud import alerts as fraud_alerts
from storage.fraud import audit_log
from storage.fraud.alerts import Alert
from storage.ledger import ledger

RECORD_DAYS = 90


def held_minor(conn: Connection, alert: Alert) -> int:
    """Return what an alert holds, in cents: frozen earnings of a post, or an account's balance."""
    if alert.post_id is not None:
        return ledger.waiting(conn, alert.post_id).frozen
    return ledger.available(conn, alert.creator_id)


def send_hold(conn: Connection, alert: Alert, now: datetime) -> Notice:
    """Tell a creator that money is on hold. Raises: MissingFact."""
    reviewed, overturned = fraud_alerts.track_record(conn, now - timedelta(days=RECORD_DAYS))
    automatic = alert.frozen_by == RULES
    # the notice's hash goes on chain, and with it the log's current head
    step, digest = audit_log.head(conn)
    notice = render(
        templates.HOLD,
        {
            "subject": name_of(conn, alert.subject, alert.post_id, alert.creator),
            "frozen_at": day(alert.frozen_at) if alert.frozen_at else None,
            "held": money(held_minor(conn, alert)),
            "other_money": "Your other posts are paid as usual."
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
            "record_days": RECORD_DAYS,
            "reviewed": reviewed,
            "overturned": overturned,
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


def send_upheld(conn: Connection, alert: Alert, now: datetime) -> Notice:
    """Tell a creator that a hold was confirmed. Raises: MissingFact."""
    assert alert.frozen_at is not None
    latest = alert.frozen_at + MAX_UPHELD
    notice = render(
        templates.UPHELD,
        {
            "subject": name_of(conn, alert.subject, alert.post_id, alert.creator),
            "until": day(alert.frozen_until) if alert.frozen_until else None,
            "held": money(held_minor(conn, alert)),
            "reason": alert.decision_reason,
            "why": fraud_wording.why_of(alert.signals),
            "decided_at": day(now),
            "decider": wording.who(alert.decided_by) if alert.decided_by else None,
            "next_step": f"appeal at /fraud_alerts/{alert.id}, free of charge, until"
            f" {day(now + APPEAL_WITHIN)}, if you have not yet; another person than"
            f" before decides. No hold lasts beyond {day(latest)}.",
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
        money_moved=f"the hold ended on {day(now)}; what waited is available."
        if granted
        else (
            "it goes on waiting, until"
            f" {day(alert.frozen_until) if alert.frozen_until else 'its end date'} or the later"
            " date in our notice about it."
        ),
        next_step="You need to do nothing."
        if granted
        else (
            "This was the platform's last step; you can go to a certified dispute body or a court."
        ),
        now=now,
    )
