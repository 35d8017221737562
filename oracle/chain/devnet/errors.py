"""Errors of the development chain."""

from oracle.chain.errors import ChainError


class DevChainError(ChainError):
    """The embedded chain failed."""

    code = "devnet_error"


class AnvilMissing(DevChainError):
    """The program anvil was not found. Install it with: npm ci --prefix contracts"""

    code = "devnet_anvil_missing"


class DevChainBusy(DevChainError):
    """Another process runs a chain on this folder."""

    code = "devnet_busy"
    retryable = True


class DevChainFailed(DevChainError):
    """Anvil did not start; its log says why."""

    code = "devnet_failed"
    retryable = True


class DevChainStateUnusable(DevChainError):
    """The saved state of the embedded chain cannot be used; it was left untouched."""

    code = "devnet_state_unusable"
