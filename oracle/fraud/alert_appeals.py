"""Appeals against held money, and the decisions on them."""

from datetime import datetime
from uuid import UUID, uuid4

from oracle.appeals import notices
from oracle.appeals.errors import AccuserCannotDecide, AppealExists, NotYourCase, TooLate
from oracle.appeals.neutral import Reviewer
from oracle.appeals.verdicts import check_ground
from oracle.fraud import alerts, lifecycle
from oracle.fraud.lifecycle import Step
from oracle.notices import wording
from oracle.notices.actors import RULES
from oracle.notices.render import day
from oracle.notices.titles import name_of
from oracle.rules.deadlines import APPEAL_WITHIN, DECIDE_WITHIN
from storage.cases import appeals
from storage.cases.appeals import NewAppeal
from storage.database import Connection
from storage.fraud import alerts as fraud_alerts
from storage.fraud import audit_log


def appeal_alert(
    conn: Connection,
    alert_id: UUID,
    *,
    creator_id: int,
    actor: str,
    ground: str,
    statement: str,
    now: datetime,
) -> UUID:
    """File an appeal against held money or views that do not count, by the creator who is paid.

    Returns: the appeal's id.

    Raises: NotYourCase, UnknownGround, TooLate, StepNotPossible, AppealExists, MissingFact,
        NotFound.
    """
    check_ground(ground, wording.FRAUD_GROUNDS)
    alert = fraud_alerts.get(conn, alert_id, lock=True)
    if alert.creator_id != creator_id:
        raise NotYourCase
    status = lifecycle.next_status(alert.status, Step.APPEAL)
    since = alert.frozen_at or alert.decided_at or alert.detected_at
    if now > since + APPEAL_WITHIN:
        raise TooLate(f"This could be appealed until {day(since + APPEAL_WITHIN)}.")
    first = alert.decided_by or alert.frozen_by or RULES
    appeal = NewAppeal(
        id=uuid4(),
        kind="fraud",
        creator_id=creator_id,
        ground=ground,
        statement=statement,
        filed_at=now,
        first_decider=first,
        decide_by=min(now + DECIDE_WITHIN, alert.frozen_until or now + DECIDE_WITHIN),
        alert_id=alert_id,
        alert_round=alert.round,
    )
    if not appeals.add(conn, appeal):
        raise AppealExists
    # an alert that holds nothing stays until the appeal is decided
    waits = {} if alert.frozen_until else {"review_by": max(alert.review_by, appeal.decide_by)}
    fraud_alerts.update(conn, alert_id, status=status, **waits)
    audit_log.append(
        conn,
        at=now,
        actor=actor,
        step="appeal",
        reason_code=ground,
        text=statement,
        alert_id=alert_id,
        appeal_id=appeal.id,
    )
    subject = name_of(conn, alert.subject, alert.post_id, alert.creator)
    notices.send_receipt(conn, appeals.get(conn, appeal.id), subject, None, now)
    return appeal.id


def resolve_alert(
    conn: Connection,
    alert_id: UUID,
    *,
    upheld: bool,
    actor: str,
    until: datetime | None,
    code: str,
    text: str,
    now: datetime,
) -> None:
    """Decide an alert and, if there is one, the appeal against it.

    Raises: StepNotPossible, AccuserCannotDecide, InvalidEndDate, MissingFact, NotFound.
    """
    appeal = appeals.find_open_of_alert(conn, alert_id)
    if appeal is not None and Reviewer(conn, actor).had_a_part([appeal.first_decider]):
        raise AccuserCannotDecide(
            f"{wording.who(actor)} decided this before; somebody else has to decide the appeal."
        )
    if upheld:
        end = until or fraud_alerts.get(conn, alert_id).frozen_until or now + lifecycle.MAX_FREEZE
        alerts.uphold(conn, alert_id, actor=actor, until=end, reason_code=code, text=text, now=now)
    else:
        alerts.reverse(conn, alert_id, actor=actor, reason_code=code, text=text, now=now)
