"""Which part of a week is paid, waits and is not earned, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.payouts.counted import Parts, Seen, divide


@pytest.mark.parametrize(
    ("paid_views", "seen", "parts"),
    [
        # by views: those that do not count are not paid
        (1_000, Seen(views=1_000, counted=1_000, confirmed=0, held=0), Parts(10_000, 0, 0)),
        (1_000, Seen(views=1_000, counted=400, confirmed=0, held=0), Parts(4_000, 0, 6_000)),
        (1_000, Seen(views=1_000, counted=400, confirmed=0, held=250), Parts(4_000, 2_500, 3_500)),
        # the platform left robots out itself
        (400, Seen(views=1_000, counted=400, confirmed=0, held=0), Parts(10_000, 0, 0)),
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
