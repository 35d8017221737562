"""Bonus, payout and splits: pure integer rules in minor units (cents, wei), one floor a result.

Mirrored in Solidity like `oracle.rules.decision`; dust always stays with the post's owner, so that
the accused is never over-charged and the parts always sum to the whole.
"""

from dataclasses import dataclass
from enum import StrEnum

from oracle.rules.decision import BPS, RuleError, Verdict

GRADE_BONUS_BPS = {"A": 2_000, "B": 1_000}
CREATOR_FEE_BPS = 100
PLATFORM_FEE_BPS = 25
ECOSYSTEM_FEE_BPS = 25
COMMENTER_SHARE_BPS = 8_000
REPOSTER_SHARE_BPS = 5_000


class Grade(StrEnum):
    """Engagement grade of a post."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    F = "F"


class NegativeAmount(RuleError):
    """An amount of money is zero or more."""


def bonus_bps(grade: Grade, verdict: Verdict) -> int:
    """The bonus in basis points of base pay; what is not original earns half of it."""
    full = GRADE_BONUS_BPS.get(grade, 0)
    halved = verdict in (Verdict.DERIVATIVE, Verdict.SELF_DUPLICATE)
    return full // 2 if halved else full


@dataclass(frozen=True)
class Shares:
    """One amount divided between the original's creator and the post's owner; they sum to the
    amount.
    """

    to_original: int
    to_poster: int


def redirect(amount: int, redirect_bps: int) -> Shares:
    """Divide an amount in minor units by a redirect in basis points.

    Raises: NegativeAmount, RuleError.
    """
    _check_amount(amount)
    if not 0 <= redirect_bps <= BPS:
        raise RuleError(f"redirect {redirect_bps} is not in [0, 10000]")
    to_original = amount * redirect_bps // BPS
    return Shares(to_original, amount - to_original)


@dataclass(frozen=True)
class Payout:
    """What a post earns and where it goes, in minor units."""

    base_pay: int
    bonus: int
    shares: Shares


def payout(base_pay: int, grade: Grade, verdict: Verdict, redirect_bps: int) -> Payout:
    """Bonus first, then the redirect from all that the post earns.

    Raises: NegativeAmount, RuleError.
    """
    _check_amount(base_pay)
    bonus = base_pay * bonus_bps(grade, verdict) // BPS
    return Payout(base_pay, bonus, redirect(base_pay + bonus, redirect_bps))


@dataclass(frozen=True)
class TipSplit:
    """A tip on a comment or a repost: the guest's part, and the post owner's part after its
    redirect.
    """

    to_guest: int
    shares: Shares


def split_tip(amount: int, guest_share_bps: int, redirect_bps: int) -> TipSplit:
    """Divide a tip between a guest (commenter, reposter; 0 for a direct tip) and the post's
    owner.
    """
    _check_amount(amount)
    to_guest = amount * guest_share_bps // BPS
    return TipSplit(to_guest, redirect(amount - to_guest, redirect_bps))


@dataclass(frozen=True)
class TradeFees:
    """Fees of one token trade, each floored by itself, in the traded token's minor units."""

    creator: Shares
    platform: int
    ecosystem: int


def trade_fees(amount: int, redirect_bps: int) -> TradeFees:
    """Fees of a trade of `amount`; the redirect touches the creator's fee only."""
    _check_amount(amount)
    return TradeFees(
        creator=redirect(amount * CREATOR_FEE_BPS // BPS, redirect_bps),
        platform=amount * PLATFORM_FEE_BPS // BPS,
        ecosystem=amount * ECOSYSTEM_FEE_BPS // BPS,
    )


def _check_amount(amount: int) -> None:
    if amount < 0:
        raise NegativeAmount(f"an amount cannot be {amount}")
