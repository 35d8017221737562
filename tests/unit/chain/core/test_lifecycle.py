"""Each hard case of a transaction's life is a row."""

from datetime import UTC, datetime, timedelta

import pytest

from oracle.chain.core.lifecycle import (
    ChainView,
    PendingTx,
    ReceiptSeen,
    Refusal,
    RetryTimeouts,
    Step,
    Wish,
    backoff,
    missing_nonces,
    next_nonce,
    next_step,
    refusal_of,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TIMEOUTS = RetryTimeouts(resend_after=timedelta(seconds=15), bump_after=timedelta(seconds=60))
BLOCK = b"\x01" * 32
OTHER = b"\x02" * 32


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def sent(first: float, last: float, refusal: Refusal | None = None) -> PendingTx:
    return PendingTx(5, ago(first), ago(last), refusal=refusal)


def seen(
    nonce: int = 5, final_nonce: int = 0, receipt: ReceiptSeen | None = None, in_pool: bool = False
) -> ChainView:
    return ChainView(
        now=NOW,
        finalized_block=100,
        account_nonce=nonce,
        final_nonce=final_nonce,
        receipt=receipt,
        in_pool=in_pool,
    )


def unwanted(wish: Wish, open_for_s: float, *, sent: bool = True) -> PendingTx:
    at = ago(30) if sent else None
    return PendingTx(5, at, at, wish=wish, open_since=ago(open_for_s))


UNSENT = PendingTx(5, None, None)
INCLUDED = PendingTx(5, ago(30), ago(30), BLOCK)

DROPPED = PendingTx(5, ago(30), ago(30), BLOCK, wish=Wish.DROP, open_since=ago(30))

CASES = {
    "given up in the pool": (unwanted(Wish.DROP, 0), seen(in_pool=True), Step.CANCEL),
    "given up before it was sent": (unwanted(Wish.DROP, 0, sent=False), seen(), Step.CANCEL),
    "given up behind a lower nonce": (unwanted(Wish.DROP, 0), seen(nonce=4), Step.CANCEL),
    "given up, and in a block all the same": (
        DROPPED,
        seen(receipt=ReceiptSeen(101, BLOCK, False)),
        Step.WAIT,
    ),
    "given up, and final all the same": (
        DROPPED,
        seen(receipt=ReceiptSeen(100, BLOCK, False)),
        Step.FINALIZE,
    ),
    "given up, and its block is gone": (DROPPED, seen(), Step.REOPEN),
    "given up, and its nonce is spent at the head": (
        unwanted(Wish.DROP, 90),
        seen(nonce=6),
        Step.WAIT,
    ),
    "given up, and its nonce is spent for good": (unwanted(Wish.DROP, 90), seen(6, 6), Step.VOID),
    "held by a reorg": (unwanted(Wish.HOLD, 59), seen(in_pool=True), Step.WAIT),
    "held by a reorg, not sent": (unwanted(Wish.HOLD, 59, sent=False), seen(), Step.WAIT),
    "held for long: its nonce blocks the others": (
        unwanted(Wish.HOLD, 60),
        seen(in_pool=True),
        Step.CANCEL,
    ),
    "stored, never sent": (UNSENT, seen(), Step.SEND),
    "stored, never sent, and nonces below are open": (UNSENT, seen(nonce=3), Step.SEND),
    "sent a moment ago, not seen yet": (sent(1, 1), seen(), Step.WAIT),
    "sent, lost from the pool": (sent(20, 20), seen(), Step.SEND),
    "sent again lately": (sent(50, 5), seen(), Step.WAIT),
    "lost from the pool for long: others offer more": (sent(61, 20), seen(), Step.BUMP_FEE),
    "lost from the pool for long, and raised lately": (sent(5, 5), seen(), Step.WAIT),
    "lost for long behind a lower nonce": (sent(61, 20), seen(nonce=4), Step.SEND),
    "refused for its fee": (sent(15, 15, Refusal.FEE), seen(), Step.BUMP_FEE),
    "refused for its fee a moment ago": (sent(1, 1, Refusal.FEE), seen(), Step.WAIT),
    "refused for its fee behind a lower nonce": (
        sent(15, 15, Refusal.FEE),
        seen(nonce=4),
        Step.BUMP_FEE,
    ),
    "refused by one endpoint, in the pool of another": (
        sent(30, 30, Refusal.FEE),
        seen(in_pool=True),
        Step.WAIT,
    ),
    "refused for want of funds": (sent(90, 20, Refusal.OTHER), seen(), Step.SEND),
    "at the cap of the fee it goes out no faster": (sent(90, 5), seen(in_pool=True), Step.WAIT),
    "waiting in the pool": (sent(30, 30), seen(in_pool=True), Step.WAIT),
    "stuck in the pool": (sent(61, 61), seen(in_pool=True), Step.BUMP_FEE),
    "stuck behind a lower nonce": (sent(61, 61), seen(nonce=4, in_pool=True), Step.WAIT),
    "mined just now": (sent(2, 2), seen(receipt=ReceiptSeen(105, BLOCK, False)), Step.INCLUDE),
    "mined before the record of the send": (
        UNSENT,
        seen(receipt=ReceiptSeen(105, BLOCK, False)),
        Step.INCLUDE,
    ),
    "included, not final": (INCLUDED, seen(receipt=ReceiptSeen(101, BLOCK, False)), Step.WAIT),
    "reverted, not final": (INCLUDED, seen(receipt=ReceiptSeen(101, BLOCK, True)), Step.WAIT),
    "final": (INCLUDED, seen(receipt=ReceiptSeen(100, BLOCK, False)), Step.FINALIZE),
    "reverted and final": (INCLUDED, seen(receipt=ReceiptSeen(100, BLOCK, True)), Step.FAIL),
    "a cancelling one, final": (
        INCLUDED,
        seen(receipt=ReceiptSeen(100, BLOCK, False, cancelling=True)),
        Step.VOID,
    ),
    "moved to another block by a reorg": (
        INCLUDED,
        seen(receipt=ReceiptSeen(99, OTHER, False)),
        Step.INCLUDE,
    ),
    "taken out by a reorg": (INCLUDED, seen(), Step.REOPEN),
    "nonce spent, not final": (sent(90, 90), seen(nonce=6, final_nonce=5), Step.WAIT),
    "nonce spent for good by another": (sent(90, 90), seen(nonce=6, final_nonce=6), Step.VOID),
    "receipt wins over a spent nonce": (
        INCLUDED,
        seen(6, 6, ReceiptSeen(100, BLOCK, False)),
        Step.FINALIZE,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_next_step(case: str) -> None:
    tx, sighting, expected = CASES[case]
    assert next_step(tx, sighting, TIMEOUTS) is expected


@pytest.mark.parametrize(
    "reason",
    [
        "max fee per gas less than block base fee",  # Anvil
        # geth
        "err: max fee per gas less than block base fee: address 0xa, maxFeePerGas: 1, baseFee: 2",
        "transaction underpriced: gas tip cap 1, minimum needed 2",
        "replacement transaction underpriced",
        "FeeTooLow, MaxFeePerGas too low",
        "Gas price below configured minimum gas price",
    ],
)
def test_what_endpoints_say_of_a_low_fee_is_understood(reason: str) -> None:
    assert refusal_of(reason) is Refusal.FEE


@pytest.mark.parametrize(
    "reason",
    ["insufficient funds for gas * price + value", "nonce too low", "intrinsic gas too low"],
)
def test_another_refusal_raises_no_fee(reason: str) -> None:
    assert refusal_of(reason) is Refusal.OTHER


def test_nonces_fill_holes_first() -> None:
    assert next_nonce(4, set()) == 4
    assert next_nonce(4, {4, 5}) == 6
    assert next_nonce(4, {5, 6}) == 4
    assert next_nonce(4, {1, 2, 3}) == 4


def test_only_holes_below_a_nonce_of_ours_block_anything() -> None:
    assert missing_nonces(4, set()) == []
    assert missing_nonces(4, {4, 5}) == []
    assert missing_nonces(4, {6, 8}) == [4, 5, 7]


def test_backoff_doubles_and_ends() -> None:
    assert [backoff(n).total_seconds() for n in (0, 1, 2, 3)] == [2, 4, 8, 16]
    assert backoff(500) == timedelta(minutes=5)
