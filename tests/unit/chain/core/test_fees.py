"""What is offered for gas, and what may replace it."""

import pytest

from oracle.chain.core.fees import GWEI, FeeLimits, cancelling, replacement, suggest
from oracle.chain.core.transaction import Fee
from oracle.chain.errors import FeeCapReached

LIMITS = FeeLimits(max_fee_cap_wei=100 * GWEI, min_tip_wei=GWEI, max_tip_wei=5 * GWEI)


@pytest.mark.parametrize(
    ("base", "rewards", "expected"),
    [
        (10 * GWEI, [], Fee(21 * GWEI, GWEI)),
        (10 * GWEI, [2 * GWEI, 3 * GWEI, 90 * GWEI], Fee(23 * GWEI, 3 * GWEI)),
        (10 * GWEI, [90 * GWEI], Fee(25 * GWEI, 5 * GWEI)),
        (10 * GWEI, [1], Fee(21 * GWEI, GWEI)),
        (80 * GWEI, [], Fee(100 * GWEI, GWEI)),
    ],
)
def test_suggest(base: int, rewards: list[int], expected: Fee) -> None:
    assert suggest(base, rewards, LIMITS) == expected


def test_a_base_fee_above_the_cap_waits() -> None:
    with pytest.raises(FeeCapReached):
        suggest(100 * GWEI, [], LIMITS)


@pytest.mark.parametrize(
    ("previous", "now", "expected"),
    [
        (Fee(8 * GWEI, 8), Fee(1, 1), Fee(9 * GWEI, 9)),
        # one wei more where 12.5 % of it rounds to nothing
        (Fee(8 * GWEI, 1), Fee(1, 1), Fee(9 * GWEI, 2)),
        (Fee(8 * GWEI, GWEI), Fee(20 * GWEI, 2 * GWEI), Fee(20 * GWEI, 2 * GWEI)),
    ],
)
def test_replacement(previous: Fee, now: Fee, expected: Fee) -> None:
    assert replacement(previous, now, LIMITS) == expected


def test_a_replacement_above_the_cap_is_not_made() -> None:
    with pytest.raises(FeeCapReached):
        replacement(Fee(99 * GWEI, GWEI), Fee(1, 1), LIMITS)


@pytest.mark.parametrize(
    ("previous", "now", "expected"),
    [
        (Fee(8 * GWEI, 8), Fee(1, 1), Fee(9 * GWEI, 9)),
        # The cap leaves no room above what is to be cancelled: what a new one offers.
        (Fee(99 * GWEI, GWEI), Fee(3 * GWEI, GWEI), Fee(3 * GWEI, GWEI)),
        (Fee(80 * GWEI, 100 * GWEI), Fee(3 * GWEI, GWEI), Fee(3 * GWEI, GWEI)),
    ],
)
def test_what_cancels_at_the_cap_offers_what_a_new_one_would(
    previous: Fee, now: Fee, expected: Fee
) -> None:
    assert cancelling(previous, now, LIMITS) == expected
