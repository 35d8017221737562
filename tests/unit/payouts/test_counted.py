"""Which part of a week is paid, waits and is not earned, worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.payouts.counted import Parts, Seen, divide, divide_as_before, is_forgotten


@pytest.mark.parametrize(
    ("paid_views", "seen", "parts"),
    [
        # by views: those that do not count are not paid
        (1_000, Seen(views=1_000, counted=1_000, confirmed=0, held=0), Parts(10_000, 0, 0)),
        (1_000, Seen(views=1_000, counted=400, confirmed=0, held=0), Parts(4_000, 0, 6_000)),
        (1_000, Seen(views=1_000, counted=400, confirmed=0, held=250), Parts(4_000, 2_500, 3_500)),
        # the platform left robots out itself
        (400, Seen(views=1_000, counted=400, confirmed=0, held=0), Parts(10_000, 0, 0)),
        # events that never arrived are no sign
        (1_000, Seen(views=400, counted=400, confirmed=0, held=0), Parts(10_000, 0, 0)),
        (1_000, Seen(views=400, counted=300, confirmed=0, held=0), Parts(9_000, 0, 1_000)),
        (1_000, Seen(views=400, counted=300, confirmed=0, held=100), Parts(9_000, 1_000, 0)),
        # confirmed fraud is not made up for by repeats, nor taken off twice
        (1_000, Seen(views=2_000, counted=1_000, confirmed=500, held=0), Parts(7_500, 0, 2_500)),
        (1_000, Seen(views=400, counted=100, confirmed=300, held=0), Parts(2_500, 0, 7_500)),
        (1_000, Seen(views=1_000, counted=300, confirmed=300, held=0), Parts(3_000, 0, 7_000)),
        # not by views: an enemy's 300 requests take nothing
        (None, Seen(views=420, counted=120, confirmed=0, held=0), Parts(10_000, 0, 0)),
        (None, Seen(views=420, counted=20, confirmed=400, held=0), Parts(476, 0, 9_524)),
        (None, Seen(views=400, counted=100, confirmed=0, held=300), Parts(2_500, 7_500, 0)),
        # nothing is known of the week
        (1_000, Seen(views=0, counted=0, confirmed=0, held=0), Parts(10_000, 0, 0)),
    ],
)
def test_a_week_by_its_views(paid_views: int | None, seen: Seen, parts: Parts) -> None:
    assert divide(10_000, paid_views, seen) == parts


numbers = st.integers(0, 10**6)


@given(numbers, st.none() | st.integers(1, 10**6), numbers, numbers, numbers, numbers)
def test_no_cent_appears_or_vanishes(
    base: int, paid_views: int | None, views: int, counted: int, confirmed: int, held: int
) -> None:
    seen = Seen(views=views, counted=counted, confirmed=confirmed, held=held)
    parts = divide(base, paid_views, seen)
    assert parts.paid + parts.held + parts.lost == base
    assert min(parts.paid, parts.held, parts.lost) >= 0


def test_a_week_is_forgotten_with_its_first_day() -> None:
    monday = date(2026, 8, 3)
    ninety_days_on = datetime(2026, 11, 1, 23, 59, tzinfo=UTC)
    assert not is_forgotten(monday, ninety_days_on)
    assert is_forgotten(monday, ninety_days_on + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("paid", "parts"),
    [
        (None, Parts(10_000, 0, 0)),
        ({"announced_minor": 0, "lost_minor": 0}, Parts(10_000, 0, 0)),
        ({"announced_minor": 400, "lost_minor": 100}, Parts(7_500, 0, 2_500)),
    ],
)
def test_a_forgotten_week_is_divided_as_before(paid: dict[str, int] | None, parts: Parts) -> None:
    assert divide_as_before(10_000, paid) == parts
