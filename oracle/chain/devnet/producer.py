"""When to make a block.

With transactions waiting: at once. Without: only until the last block with transactions is final,
so that finality comes in about a second and an idle chain does not grow. Before a block is built on
one with transactions, that one is on disk: what is final is never lost, and a kill -9 costs at most
the head, as a reorganisation would.
"""

import time
from dataclasses import dataclass
from enum import Enum, auto

from oracle.chain.devnet.jsonrpc import JsonRpc
from oracle.chain.devnet.state import StateFile

# Empty blocks lie behind a block until it is final: Anvil finalizes two epochs behind the head.
EPOCHS_TO_FINALITY = 2
FINALITY_BLOCK_S = 0.5


class Step(Enum):
    """What the producer does next."""

    SAVE = auto()
    MINE = auto()
    WAIT = auto()


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What the producer knows before a step; heights are block numbers."""

    pending: int  # transactions ready for a block
    head: int
    last_full: int  # highest block with transactions
    saved: int  # head of the last snapshot
    since_block_s: float
    # the waiting transactions did not fit into the last block (their fee is too low)
    last_try_was_empty: bool


def next_step(seen: Sighting, blocks_to_finality: int) -> Step:
    """Choose the next step of the producer."""
    if seen.last_full > seen.saved:
        return Step.SAVE
    if seen.pending and (not seen.last_try_was_empty or seen.since_block_s >= FINALITY_BLOCK_S):
        return Step.MINE
    if seen.head - seen.last_full < blocks_to_finality:
        return Step.MINE if seen.since_block_s >= FINALITY_BLOCK_S else Step.WAIT
    return Step.SAVE if seen.head > seen.saved else Step.WAIT


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
        if head != self._head:  # somebody mined or reorganised by RPC
            self._saved = min(self._saved, head - 1)
            self._head = self._last_full = head
        step = next_step(self._look(), self._blocks_to_finality)
        if step is Step.MINE:
            self._mine()
        elif step is Step.SAVE:
            self.save()
        return step

    def save(self) -> None:
        """Put the whole chain on disk."""
        self._state.save(self._rpc)
        self._saved = self._head

    def _look(self) -> Sighting:
        return Sighting(
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
    """Carry finality past the head of a chain that was just loaded.

    Anvil then knows the state of its head and of later blocks only; calls at an older finalized
    block would fail.
    """
    for _ in range(EPOCHS_TO_FINALITY * slots_in_an_epoch):
        rpc.call("evm_mine")
