"""Bonus, payout and fees against the shared vectors."""

import json
from pathlib import Path

import pytest

from oracle.rules import payout
from oracle.rules.decision import RuleError, Verdict
from oracle.rules.payout import Grade

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rules.json").read_text())


@pytest.mark.parametrize("row", VECTORS["bonus"])
def test_bonus(row: dict[str, object]) -> None:
    grade, verdict, base = Grade(row["grade"]), Verdict(row["outcome"]), int(str(row["basePay"]))
    assert payout.bonus_bps(grade, verdict) == row["bonusBps"]
    paid = payout.payout(base, grade, verdict, 0)
    assert paid.base_pay + paid.bonus == row["total"]


@pytest.mark.parametrize("row", VECTORS["payout"])
def test_payout_takes_the_redirect_from_base_and_bonus(row: dict[str, object]) -> None:
    paid = payout.payout(
        int(str(row["basePay"])),
        Grade(row["grade"]),
        Verdict(row["outcome"]),
        int(str(row["redirectBps"])),
    )
    assert (paid.shares.to_original, paid.shares.to_poster) == (row["toOriginal"], row["toPoster"])


@pytest.mark.parametrize("row", VECTORS["trade"])
def test_trade_fees(row: dict[str, int]) -> None:
    fees = payout.trade_fees(row["amount"], row["redirectBps"])
    assert (fees.creator.to_original, fees.creator.to_poster) == (
        row["toOriginal"],
        row["toPoster"],
    )
    assert (fees.platform, fees.ecosystem) == (row["platformFee"], row["ecosystemFee"])


def test_comment_and_repost_tips_share_before_the_redirect() -> None:
    comment = payout.split_tip(1_000, payout.COMMENTER_SHARE_BPS, 6_000)
    assert (comment.to_guest, comment.shares.to_original, comment.shares.to_poster) == (
        800,
        120,
        80,
    )
    repost = payout.split_tip(1_000, payout.REPOSTER_SHARE_BPS, 6_000)
    assert (repost.to_guest, repost.shares.to_original, repost.shares.to_poster) == (500, 300, 200)


@pytest.mark.parametrize("amount", [-1, -(10**18)])
def test_negative_amounts_are_refused(amount: int) -> None:
    with pytest.raises(payout.NegativeAmount):
        payout.redirect(amount, 5_000)
    with pytest.raises(RuleError):
        payout.payout(amount, Grade.A, Verdict.ORIGINAL, 0)
