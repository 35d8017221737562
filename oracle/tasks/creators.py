"""Scheduled work for creators: grade changed posts, book what is due, drop old events."""

from dataclasses import dataclass
from datetime import UTC, datetime

from oracle.engagement import grades, grading_policy
from oracle.payouts import payments
from oracle.payouts.payments import DEFAULT_RULES, PayRules
from oracle.rules.deadlines import EVENTS_KEPT
from storage.database import Database
from storage.engagement import counts as engagement_counts
from storage.engagement import events


@dataclass(frozen=True)
class Tick:
    """The results of one round."""

    graded: int
    booked: int
    days_forgotten: int


def tick(db: Database, now: datetime, *, rules: PayRules = DEFAULT_RULES) -> Tick:
    """Do everything that is due; safe at any time, from any number of processes.

    Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        grading_policy.follow_governance(conn, now)
    graded = grades.grade_changed(db, now)
    booked = payments.run_due(db, now, rules)
    with db.transaction() as conn:
        gone = events.drop_partitions(conn, (now - EVENTS_KEPT).astimezone(UTC).date())
    with db.transaction() as conn:
        engagement_counts.forget_unregistered(conn, now - EVENTS_KEPT)
    return Tick(graded, booked, len(gone))
