"""When to make a block.

At once if transactions wait. Without transactions only until the last block with transactions is
final, so that finality comes in about a second and an idle chain does not grow. A block with
transactions is saved to disk before another is built on it: what is final is never lost, and a
kill -9 costs at most the head, as a reorg would.
"""

import time
from dataclasses import dataclass
from enum import Enum, auto

from oracle.chain.devnet.jsonrpc import JsonRpc
from oracle.chain.devnet.state import StateFile

# Anvil finalizes the block two epochs below the head, so empty blocks must follow a block.
EPOCHS_TO_FINALITY = 2
FINALITY_BLOCK_S = 0.5


class Step(Enum):
    """What the producer does next."""

    SAVE = auto()
    MINE = auto()
    WAIT = auto()


@dataclass(frozen=True, kw_only=True)
class ChainView:
    """The facts that a step is chosen by; heights are block numbers."""

    pending: int  # transactions ready for a block
    head: int
    last_full: int  # highest block with transactions
    saved: int  # head of the last snapshot
    since_block_s: float
    # the waiting transactions did not fit into the last block (their fee is too low)
    last_try_was_empty: bool


def next_step(view: ChainView, blocks_to_finality: int) -> Step:
    """Choose the next step of the producer."""
    if view.last_full > view.saved:
        return Step.SAVE
    if view.pending and (not view.last_try_was_empty or view.since_block_s >= FINALITY_BLOCK_S):
        return Step.MINE
    if view.head - view.last_full < blocks_to_finality:
        return Step.MINE if view.since_block_s >= FINALITY_BLOCK_S else Step.WAIT
    return Step.SAVE if view.head > view.saved else Step.WAIT


class BlockProducer:
    """Mines and saves one node's chain."""

    def __init__(self, rpc: JsonRpc, state: StateFile, slots_in_an_epoch: int) -> None:
        self._rpc = rpc
        self._state = state
        self._blocks_to_finality = EPOCHS_TO_FINALITY * slots_in_an_epoch
        self._head = rpc.number("eth_blockNumber")
        self._last_full = self._head - self._blocks_to_finality  # see finalize_head
        self._saved = self._head
        self._mined_at = 0.0
        self._last_try_was_empty = False

    def step(self) -> Step:
        """Do one step. Raises: DevChainFailed if the node is gone."""
        head = self._rpc.number("eth_blockNumber")
        if head != self._head:  # another client mined or reorganised by RPC
            self._saved = min(self._saved, head - 1)
            self._head = self._last_full = head
        step = next_step(self._look(), self._blocks_to_finality)
        if step is Step.MINE:
            self._mine()
        elif step is Step.SAVE:
            self.save()
        return step

    def save(self) -> None:
        """Save the whole chain to disk."""
        self._state.save(self._rpc)
        self._saved = self._head

    def _look(self) -> ChainView:
        return ChainView(
            pending=int(self._rpc.call("txpool_status")["pending"], 16),
            head=self._head,
            last_full=self._last_full,
            saved=self._saved,
            since_block_s=time.monotonic() - self._mined_at,
            last_try_was_empty=self._last_try_was_empty,
        )

    def _mine(self) -> None:
        self._rpc.call("evm_mine")
        self._mined_at = time.monotonic()
        block = self._rpc.call("eth_getBlockByNumber", "latest", False)
        self._head = int(block["number"], 16)
        self._last_try_was_empty = not block["transactions"]
        if block["transactions"]:
            self._last_full = self._head


def finalize_head(rpc: JsonRpc, slots_in_an_epoch: int) -> None:
    """Mine until the head of a freshly loaded chain is final.

    After loading, Anvil knows the state of its head and of later blocks only. Calls at an older
    finalized block would fail.
    """
    for _ in range(EPOCHS_TO_FINALITY * slots_in_an_epoch):
        rpc.call("evm_mine")
