"""Which part of a week's base pay is for views that count. Pure; amounts in cents."""

from dataclasses import dataclass


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


def divide(base_minor: int, paid_views: int | None, seen: Seen) -> Parts:
    """Divide a week's base pay by what its views are.

    A platform that pays by views says how many it pays for: those that do not count are not paid.
    Of any other amount nobody knows which views it is for: only what a person confirmed as fraud
    goes back, as its share of all views of the week, and only what an alert holds waits.

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
        paid = min(seen.counted, whole)
        earned = min(paid + seen.held, whole)
    paid_minor, earned_minor = base_minor * paid // whole, base_minor * earned // whole
    return Parts(paid_minor, earned_minor - paid_minor, base_minor - earned_minor)
