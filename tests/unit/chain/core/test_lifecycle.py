"""Each hard case of a transaction's life is a row."""

from datetime import UTC, datetime, timedelta

import pytest

from oracle.chain.core.lifecycle import (
    Patience,
    PendingTx,
    ReceiptSeen,
    Sighting,
    Step,
    backoff,
    missing_nonces,
    next_nonce,
    next_step,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATIENCE = Patience(resend_after=timedelta(seconds=15), bump_after=timedelta(seconds=60))
BLOCK = b"\x01" * 32
OTHER = b"\x02" * 32


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def sent(first: float, last: float) -> PendingTx:
    return PendingTx(5, ago(first), ago(last))


def seen(
    nonce: int = 5, final_nonce: int = 0, receipt: ReceiptSeen | None = None, in_pool: bool = False
) -> Sighting:
    return Sighting(NOW, 100, nonce, final_nonce, receipt, in_pool)


UNSENT = PendingTx(5, None, None)
INCLUDED = PendingTx(5, ago(30), ago(30), BLOCK)

CASES = {
    "stored, never sent": (UNSENT, seen(), Step.SEND),
    "stored, never sent, and nonces below are open": (UNSENT, seen(nonce=3), Step.SEND),
    "sent a moment ago, not seen yet": (sent(1, 1), seen(), Step.WAIT),
    "sent, lost from the pool": (sent(20, 20), seen(), Step.SEND),
    "sent again lately": (sent(50, 5), seen(), Step.WAIT),
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
    "a filler, final": (
        INCLUDED,
        seen(receipt=ReceiptSeen(100, BLOCK, False, filler=True)),
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
    assert next_step(tx, sighting, PATIENCE) is expected


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
