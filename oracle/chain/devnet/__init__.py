"""A development chain for one machine: Anvil with durable state, and blocks only when needed."""

from oracle.chain.devnet.chain import DevChain
from oracle.chain.devnet.errors import (
    AnvilMissing,
    DevChainBusy,
    DevChainError,
    DevChainFailed,
    DevChainStateUnusable,
)

__all__ = [
    "AnvilMissing",
    "DevChain",
    "DevChainBusy",
    "DevChainError",
    "DevChainFailed",
    "DevChainStateUnusable",
]
