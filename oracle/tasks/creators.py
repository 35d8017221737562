"""Scheduled work for creators: grade changed posts, book what is due, drop old events."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from oracle.engagement import grades, grading_policy
from oracle.payouts import payments
from oracle.payouts.payments import DEFAULT_RULES, PayRules
from storage.database import Database
from storage.engagement import counts as engagement_counts
from storage.engagement import events

# How long events are stored; a grade is final long before, and its counts and facts are never
# dropped.
RETENTION = timedelta(days=90)


@dataclass(frozen=True)
class Tick:
    """The results of one round."""

    graded: int
    booked: int
    days_forgotten: int


def tick(
    db: Database,
    now: datetime,
    *,
    rules: PayRules = DEFAULT_RULES,
    retention: timedelta = RETENTION,
) -> Tick:
    """Do everything that is due; safe at any time, from any number of processes.

    Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        grading_policy.follow_governance(conn, now)
    graded = grades.grade_changed(db, now)
    booked = payments.run_due(db, now, rules)
    with db.transaction() as conn:
        gone = events.drop_partitions(conn, (now - retention).astimezone(UTC).date())
    with db.transaction() as conn:
        engagement_counts.forget_unregistered(conn, now - retention)
    return Tick(graded, booked, len(gone))
