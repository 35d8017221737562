"""A chain of our own for one machine: Anvil with a state that survives, and blocks only when
needed.
"""

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
