"""The notices of alerts and appeals: each gathers its facts from the database and is sent, or is
not.
"""

from datetime import datetime, timedelta

from oracle.appeals.notices import appeal_result
from oracle.fraud import wording as fraud_wording
from oracle.fraud.lifecycle import MAX_UPHELD
from oracle.notices import render as statements
from oracle.notices import templates, wording
from oracle.notices.actors import RULES
from oracle.notices.render import Notice, day, money, render
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
    """What waits because of an alert, in cents: of a post what it earned since, of an account
    all it could withdraw.
    """
    if alert.post_id is not None:
        return ledger.waiting(conn, alert.post_id).frozen
    return ledger.available(conn, alert.creator_id)


def hold(conn: Connection, alert: Alert, now: datetime) -> Notice:
    """Tell a creator that money waits. Raises: MissingFact."""
    reviewed, overturned = fraud_alerts.track_record(conn, now - timedelta(days=RECORD_DAYS))
    automatic = alert.frozen_by == RULES
    # the notice's hash goes on chain, and with it the log as it is now
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
    statements.send(conn, notice, alert.creator_id, now, alert_id=alert.id)
    return notice


def upheld(conn: Connection, alert: Alert, now: datetime) -> Notice:
    """Tell a creator that money goes on waiting. Raises: MissingFact."""
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
    statements.send(conn, notice, alert.creator_id, now, alert_id=alert.id)
    return notice


def ended(
    conn: Connection, alert: Alert, released: int, reason: str, decision: str, now: datetime
) -> Notice:
    """Tell a creator that money is free. Raises: MissingFact."""
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
    statements.send(conn, notice, alert.creator_id, now, alert_id=alert.id)
    return notice


def fraud_appeal_result(
    conn: Connection,
    alert: Alert,
    appeal: Appeal,
    outcome: str,
    actor: str | None,
    convinced: str,
    now: datetime,
) -> None:
    """The same for held money; the notice about the hold itself says how much was set free.

    Raises: MissingFact.
    """
    subject = name_of(conn, alert.subject, alert.post_id, alert.creator)
    granted = outcome != "refused"
    appeal_result(
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
            " date in our letter about it."
        ),
        next_step="You need to do nothing."
        if granted
        else (
            "This was the platform's last step; you can go to a certified dispute body or a court."
        ),
        now=now,
    )
