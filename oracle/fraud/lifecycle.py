"""The life cycle of an alert: which step leads to which status. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from oracle.appeals.errors import InvalidEndDate, StepNotPossible

# As in the contract (FraudGuard): the longest hold without a review, and the longest hold at all.
MAX_FREEZE = timedelta(days=30)
MAX_UPHELD = timedelta(days=180)
# an alert that holds nothing ends then if no person reviewed it
REVIEW_WITHIN = timedelta(days=14)


class Status(StrEnum):
    """The status of an alert."""

    OPEN = "open"
    FROZEN = "frozen"
    NOTIFIED = "notified"
    APPEALED = "appealed"
    UPHELD = "upheld"
    REVERSED = "reversed"
    EXPIRED = "expired"


class Step(StrEnum):
    """What happens to an alert."""

    FREEZE = "freeze"
    NOTIFY = "notify"
    APPEAL = "appeal"
    UPHOLD = "uphold"
    REVERSE = "reverse"
    EXPIRE = "expire"
    REOPEN = "reopen"


NEXT: dict[tuple[Status, Step], Status] = {
    (Status.OPEN, Step.FREEZE): Status.FROZEN,
    (Status.OPEN, Step.APPEAL): Status.APPEALED,
    (Status.OPEN, Step.UPHOLD): Status.UPHELD,
    (Status.OPEN, Step.REVERSE): Status.REVERSED,
    (Status.OPEN, Step.EXPIRE): Status.EXPIRED,
    (Status.FROZEN, Step.NOTIFY): Status.NOTIFIED,
    (Status.FROZEN, Step.REVERSE): Status.REVERSED,
    (Status.FROZEN, Step.EXPIRE): Status.EXPIRED,
    (Status.NOTIFIED, Step.APPEAL): Status.APPEALED,
    (Status.NOTIFIED, Step.UPHOLD): Status.UPHELD,
    (Status.NOTIFIED, Step.REVERSE): Status.REVERSED,
    (Status.NOTIFIED, Step.EXPIRE): Status.EXPIRED,
    (Status.APPEALED, Step.UPHOLD): Status.UPHELD,
    (Status.APPEALED, Step.REVERSE): Status.REVERSED,
    (Status.APPEALED, Step.EXPIRE): Status.EXPIRED,
    (Status.UPHELD, Step.APPEAL): Status.APPEALED,
    (Status.UPHELD, Step.REVERSE): Status.REVERSED,
    (Status.UPHELD, Step.EXPIRE): Status.EXPIRED,
    (Status.REVERSED, Step.REOPEN): Status.OPEN,
    (Status.EXPIRED, Step.REOPEN): Status.OPEN,
}
HOLDING = frozenset({Status.FROZEN, Status.NOTIFIED, Status.APPEALED, Status.UPHELD})


def next_status(status: str, step: Step) -> Status:
    """Return the status that a step leads to. Raises: StepNotPossible."""
    status_after = NEXT.get((Status(status), step))
    if status_after is None:
        can = ", ".join(sorted(s for (st, s) in NEXT if st == status)) or "nothing"
        raise StepNotPossible(
            f"An alert that is {status} cannot take the step '{step}'; it can take: {can}."
        )
    return status_after


def check_freeze_end(now: datetime, until: datetime, held_before: timedelta = timedelta(0)) -> None:
    """Raise InvalidEndDate unless a first hold may last until then.

    Args:
        held_before: How long earlier rounds held the same money; all rounds together may hold it
            no longer than one hold may last.
    """
    if not now < until <= now + MAX_FREEZE:
        raise InvalidEndDate(
            f"A hold that nobody has reviewed ends within {MAX_FREEZE.days} days, not"
            f" {until:%Y-%m-%d}."
        )
    _check_total(until - now + held_before)


def check_upheld_end(
    now: datetime, frozen_at: datetime, until: datetime, held_before: timedelta = timedelta(0)
) -> None:
    """Raise InvalidEndDate unless an upheld hold may last until then."""
    if not now < until <= frozen_at + MAX_UPHELD:
        raise InvalidEndDate(
            f"A hold ends at the latest {MAX_UPHELD.days} days after its start, on"
            f" {frozen_at + MAX_UPHELD:%Y-%m-%d}, and not in the past; {until:%Y-%m-%d} is neither."
        )
    _check_total(until - frozen_at + held_before)


def _check_total(held: timedelta) -> None:
    if held > MAX_UPHELD:
        raise InvalidEndDate(
            f"All rounds of an alert together hold money for {MAX_UPHELD.days} days at most; this"
            f" would be {held.days}."
        )
