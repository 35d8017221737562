"""Every decision about a transaction after it was signed.

Pure: the clock and the facts are arguments.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Step(Enum):
    """What to do next with one transaction."""

    WAIT = "wait"
    SEND = "send"  # the stored bytes, again if need be
    BUMP_FEE = "bump_fee"  # sign the same call at a higher fee, store, send
    CANCEL = "cancel"  # sign one that does nothing in its place, store, send
    INCLUDE = "include"  # note the block it is in
    REOPEN = "reopen"  # its block is gone
    FINALIZE = "finalize"
    FAIL = "fail"  # it reverted, in a finalized block
    VOID = "void"  # the nonce is spent for good and the call was not made


class Refusal(Enum):
    """Why the endpoint did not take a transaction."""

    FEE = "fee"  # too low for the next block, for the pool, or to replace what is in it
    OTHER = "other"  # funds, say: a higher fee would not help


class Wish(Enum):
    """Whether what a transaction carries is wanted still."""

    SEND = "send"
    HOLD = "hold"  # not as the chain is now: a reorg has taken what it answers
    DROP = "drop"  # given up


@dataclass(frozen=True, slots=True)
class PendingTx:
    """What we know of a transaction: times of the newest attempt, and the block we believe it is
    in.

    `refusal` is what the endpoint said to the last sending of the newest attempt; None where it
    took it. `open_since` is when the transaction was stored, or last lost its block.
    """

    nonce: int
    first_sent_at: datetime | None
    last_sent_at: datetime | None
    included_in: bytes | None = None  # block hash
    refusal: Refusal | None = None
    wish: Wish = Wish.SEND
    open_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReceiptSeen:
    """Where one of its attempts was mined."""

    block_number: int
    block_hash: bytes
    reverted: bool
    cancelling: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """What the chain says of it now.

    `account_nonce` is the next nonce at the head, `final_nonce` the next nonce at the finalized
    block; `in_pool` whether the endpoint knows the newest attempt as waiting.
    """

    now: datetime
    finalized_block: int
    account_nonce: int
    final_nonce: int
    receipt: ReceiptSeen | None = None
    in_pool: bool = False


@dataclass(frozen=True, slots=True)
class RetryTimeouts:
    """How long to wait before the same bytes go out again, and before the fee is raised."""

    resend_after: timedelta = timedelta(seconds=15)
    bump_after: timedelta = timedelta(seconds=60)


def next_step(tx: PendingTx, seen: ChainView, timeouts: RetryTimeouts) -> Step:
    """Choose the next step for one transaction that is signed and stored."""
    if seen.receipt is not None:
        return _with_receipt(tx, seen.receipt, seen.finalized_block)
    if tx.included_in is not None:
        return Step.REOPEN
    if seen.final_nonce > tx.nonce:
        return Step.VOID  # another transaction spent our nonce, and no reorg can undo it
    if seen.account_nonce > tx.nonce:
        # spent at the head: a receipt that lags, or another transaction that may vanish
        return Step.WAIT
    if tx.wish is not Wish.SEND:
        return _unwanted(tx, seen.now, timeouts)
    if tx.first_sent_at is None or tx.last_sent_at is None:
        return Step.SEND
    if seen.now - tx.last_sent_at < timeouts.resend_after:
        return Step.WAIT  # whatever comes next comes no faster than this, at the cap of the fee too
    if not seen.in_pool and tx.refusal is not None:
        # The same bytes would be refused again, and hold up every later nonce.
        return Step.BUMP_FEE if tx.refusal is Refusal.FEE else Step.SEND
    # Only the lowest open nonce can be mined next: a higher fee on a later one would buy nothing.
    # Out of the pool again and again means the same as waiting in it: others offer more.
    if seen.now - tx.first_sent_at >= timeouts.bump_after and seen.account_nonce == tx.nonce:
        return Step.BUMP_FEE
    return Step.WAIT if seen.in_pool else Step.SEND


def _unwanted(tx: PendingTx, now: datetime, timeouts: RetryTimeouts) -> Step:
    """Its nonce holds up the later ones.

    What was signed may have been sent: only the nonce itself ends it.
    """
    held = tx.open_since is None or now - tx.open_since < timeouts.bump_after
    return Step.WAIT if tx.wish is Wish.HOLD and held else Step.CANCEL


def _with_receipt(tx: PendingTx, receipt: ReceiptSeen, finalized_block: int) -> Step:
    if receipt.block_hash != tx.included_in:
        return Step.INCLUDE
    if receipt.block_number > finalized_block:
        return Step.WAIT  # a reorg can still undo it, even a revert
    if receipt.cancelling:
        return Step.VOID
    return Step.FAIL if receipt.reverted else Step.FINALIZE


# What nodes say of a fee that is too low; the words differ by client.
LOW_FEE_WORDS = (
    "underpriced",  # geth, Erigon, Besu and Anvil of a replacement; geth of a full pool
    "fee too low",
    "feetoolow",  # Nethermind: FeeTooLow, FeeTooLowToCompete
    "gas price too low",
    "gas price below",  # Besu: below the configured minimum
    "less than block base fee",  # geth, Anvil: "max fee per gas less than block base fee"
    "below the base fee",
    "below base fee",
)


def refusal_of(reason: str) -> Refusal:
    """What an endpoint's refusal of signed bytes is about."""
    text = reason.lower()
    return Refusal.FEE if any(words in text for words in LOW_FEE_WORDS) else Refusal.OTHER


def next_nonce(account_nonce: int, taken: set[int]) -> int:
    """The nonce for a new transaction: the lowest one that is neither mined nor ours already.

    A hole below nonces in flight is filled first, since nothing above it can be mined.
    """
    nonce = account_nonce
    while nonce in taken:
        nonce += 1
    return nonce


def missing_nonces(account_nonce: int, taken: set[int]) -> list[int]:
    """Nonces that no transaction holds and that block later ones of ours, ascending."""
    return [
        nonce
        for nonce in range(account_nonce, max(taken, default=account_nonce))
        if nonce not in taken
    ]


def backoff(
    tries: int,
    *,
    first: timedelta = timedelta(seconds=2),
    longest: timedelta = timedelta(minutes=5),
) -> timedelta:
    """How long to wait after so many failures: doubling, bounded."""
    factor = 1 << min(tries, 20)
    return min(first * factor, longest)
