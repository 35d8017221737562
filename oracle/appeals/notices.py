"""The notices of an appeal: its receipt, to the other side, and its result."""

from datetime import datetime

from oracle.notices import templates, wording
from oracle.notices.render import Notice, day, render, send_notice
from storage.cases import appeals
from storage.cases.appeals import Appeal
from storage.database import Connection


def send_receipt(
    conn: Connection,
    appeal: Appeal,
    subject: str,
    other: str | None,
    now: datetime,
    *,
    share_waits: bool = True,
) -> Notice:
    """Confirm an appeal and its dates.

    Args:
        share_waits: Whether a share of what the post earns is in question and waits.
    Raises: MissingFact.
    """
    if appeal.kind == "fraud":
        meanwhile = (
            "Until then the money goes on waiting; it is free at once if nobody decides"
            " by that day."
        )
        link = f"/fraud_alerts/{appeal.alert_id}"
    else:
        meanwhile = (
            "Until then the disputed share waits for the decision; nobody can take it out."
            if share_waits
            else "Until then its bonus stays half of an original's; no money waits."
        )
        link = f"/appeals/{appeal.id}"
    until = f" until {day(appeal.other_until)}" if appeal.other_until else ""
    notice = render(
        templates.APPEAL_FILED,
        {
            "subject": subject,
            "filed_at": day(appeal.filed_at),
            "ground": wording.GROUNDS[appeal.ground],
            "decide_by": day(appeal.decide_by),
            "money_meanwhile": meanwhile,
            "first_decider": wording.who(appeal.first_decider),
            "other_side": f"{other} can answer{until} and sees your statement as you wrote it."
            if other
            else "There is no other side that has to be heard.",
            "appeal_link": link,
            "appeal": str(appeal.id),
        },
    )
    send_notice(conn, notice, appeal.creator_id, now, alert_id=appeal.alert_id, appeal_id=appeal.id)
    return notice


def send_to_other_side(
    conn: Connection, appeal: Appeal, subject: str, original: str, now: datetime
) -> Notice:
    """Ask the other side for its view. Raises: MissingFact."""
    assert appeal.other_creator_id is not None
    notice = render(
        templates.OTHER_SIDE,
        {
            "subject": subject,
            "original": original,
            "ground": wording.GROUNDS[appeal.ground],
            "statement": appeal.statement,
            "other_until": day(appeal.other_until) if appeal.other_until else None,
            "appeal_link": f"/appeals/{appeal.id}",
            "appeal": str(appeal.id),
        },
    )
    send_notice(conn, notice, appeal.other_creator_id, now, appeal_id=appeal.id)
    return notice


def send_result(
    conn: Connection,
    appeal: Appeal,
    subject: str,
    *,
    outcome: str,
    decider: str,
    convinced: str,
    money_moved: str,
    next_step: str,
    now: datetime,
) -> Notice:
    """Tell the appellant how the appeal ended, what convinced the decider, and what money moved.

    Raises: MissingFact.
    """
    files = len(appeals.attachments(conn, appeal.id))
    evidence = [
        "your statement",
        f"{files} file{'s' if files != 1 else ''} you or the other side sent",
    ]
    evidence += ["what the other side says"] if appeal.other_view else []
    notice = render(
        templates.APPEAL_RESULT,
        {
            "subject": subject,
            "outcome": wording.outcome_of(appeal.kind, outcome),
            "looked_at": ", ".join([*evidence, "everything stored with the first decision"]),
            "convinced": convinced,
            "money": money_moved,
            "next_step": next_step,
            "decided_at": day(now),
            "decider": decider,
            "appeal": str(appeal.id),
        },
    )
    send_notice(conn, notice, appeal.creator_id, now, alert_id=appeal.alert_id, appeal_id=appeal.id)
    return notice
