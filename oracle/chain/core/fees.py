"""Fees for gas. Pure: the fee history and the limits are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from oracle.chain.core.transaction import Fee
from oracle.chain.errors import FeeCapReached

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class FeeLimits:
    """An operator's limits, in wei per unit of gas."""

    max_fee_cap_wei: int = 500 * GWEI
    min_tip_wei: int = GWEI // 10
    max_tip_wei: int = 50 * GWEI


def suggest(next_base_fee_wei: int, rewards_wei: Sequence[int], limits: FeeLimits) -> Fee:
    """Return the fee for a new transaction: the usual tip, and room for the base fee to double.

    Args:
        next_base_fee_wei: Base fee of the coming block.
        rewards_wei: Tips that were paid in recent blocks (one percentile a block); may be empty.
    Raises: FeeCapReached when even the coming block costs more than the cap.
    """
    usual = median_low(rewards_wei) if rewards_wei else 0
    tip = min(max(usual, limits.min_tip_wei), limits.max_tip_wei)
    if next_base_fee_wei + tip > limits.max_fee_cap_wei:
        raise FeeCapReached(
            f"The next block asks {next_base_fee_wei} wei and a tip of {tip}; the cap is"
            f" {limits.max_fee_cap_wei}."
        )
    # The base fee rises 12.5 % a block at most: twice lasts for six full blocks.
    return Fee(max_fee_wei=min(2 * next_base_fee_wei + tip, limits.max_fee_cap_wei), tip_wei=tip)


def replacement(previous: Fee, now: Fee, limits: FeeLimits) -> Fee:
    """Return the fee that may replace `previous` in a node's pool: both parts 12.5 % higher.

    Nodes require 10 %, some 12.5 %. Never below what a new transaction would offer now.
    Raises: FeeCapReached when the cap leaves no room for a replacement.
    """
    tip = max(_raised(previous.tip_wei), now.tip_wei)
    max_fee = max(_raised(previous.max_fee_wei), now.max_fee_wei, tip)
    if max_fee > limits.max_fee_cap_wei:
        raise FeeCapReached(
            f"A replacement needs {max_fee} wei per gas; the cap is {limits.max_fee_cap_wei}."
        )
    return Fee(max_fee_wei=max_fee, tip_wei=tip)


def cancelling(previous: Fee, now: Fee, limits: FeeLimits) -> Fee:
    """Return the fee of what is to take the place of a transaction and do nothing.

    At the cap it is what a new transaction would offer: a pool that still holds the other one
    refuses that, and one that does not, as nobody could pay for it, takes it.
    """
    try:
        return replacement(previous, now, limits)
    except FeeCapReached:
        return now


def _raised(wei: int) -> int:
    return max(-(-wei * 9 // 8), wei + 1)
