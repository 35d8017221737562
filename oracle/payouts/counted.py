"""Which part of a week's base pay is for views that count. Pure; amounts in cents."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from oracle.rules.deadlines import EVENTS_KEPT


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The views of a post in a week, as `storage.engagement.weeks` counts them."""

    views: int
    counted: int
    confirmed: int
    held: int


@dataclass(frozen=True)
class Parts:
    """Base pay in three parts: paid, held while an alert is looked into, and not earned."""

    paid: int
    held: int
    lost: int


def is_forgotten(week: date, now: datetime) -> bool:
    """Tell whether events of a week may be gone: what is left of them says nothing of it."""
    return week < (now - EVENTS_KEPT).astimezone(UTC).date()


def divide_as_before(base_minor: int, paid: Mapping[str, Any] | None) -> Parts:
    """Divide a week's base pay as its last transaction did; all of it is paid where none was.

    Args:
        paid: the facts `lost_minor` and `announced_minor` of that transaction.
    """
    if paid is None or not paid["announced_minor"]:
        return Parts(base_minor, 0, 0)
    lost = base_minor * paid["lost_minor"] // paid["announced_minor"]
    return Parts(base_minor - lost, 0, lost)


def divide(base_minor: int, paid_views: int | None, seen: Seen) -> Parts:
    """Divide a week's base pay by what its views are.

    A platform that pays by views says how many it pays for: those that do not count are not paid.
    Views that it did not report are no sign against the ones that it pays for. Of any other amount
    nobody knows which views it is for: only what an alert holds waits. In both, what a person
    confirmed as fraud goes back as its share of all views of the week.

    Args:
        paid_views: How many views the amount is for; None where it is not by views.
        seen: Where no view is known, the amount is paid as it is.
    """
    if not seen.views:
        return Parts(base_minor, 0, 0)
    if paid_views is None:
        whole = seen.views
        earned = max(whole - seen.confirmed, 0)
        paid = max(earned - seen.held, 0)
    else:
        whole = paid_views
        # Whatever else counts never makes up for what is confirmed.
        honest = max(whole - whole * seen.confirmed // seen.views, 0)
        missing = max(whole - seen.views, 0)
        paid = min(seen.counted + missing, honest)
        earned = min(paid + seen.held, honest)
    paid_minor, earned_minor = base_minor * paid // whole, base_minor * earned // whole
    return Parts(paid_minor, earned_minor - paid_minor, base_minor - earned_minor)
