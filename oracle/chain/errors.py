"""Errors of the chain package.

Each carries a stable `code`; `retryable` says whether waiting can help.
"""


class ChainError(Exception):
    """The chain could not be used."""

    code = "chain_error"
    retryable = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class ChainUnavailable(ChainError):
    """No endpoint of the chain answers.

    Check CHAIN_RPC_URL; the node keeps trying and loses nothing.
    """

    code = "chain_unavailable"
    retryable = True


class ChainTimeout(ChainUnavailable):
    """The endpoint did not answer in time; what was sent may or may not have arrived."""

    code = "chain_timeout"


class RpcRefused(ChainError):
    """The endpoint answered a call with a JSON-RPC error."""

    code = "rpc_refused"
    retryable = True

    def __init__(self, method: str, rpc_code: int, message: str, data: bytes = b"") -> None:
        super().__init__(f"{method} was refused by the endpoint ({rpc_code}): {message}")
        self.method = method
        self.rpc_code = rpc_code
        self.reason = message
        self.data = data


class BlockUnknown(ChainError):
    """The endpoint does not know this block (orphaned, pruned, or not there yet)."""

    code = "block_unknown"
    retryable = True


class EndpointInconsistent(ChainError):
    """An endpoint contradicts itself or another endpoint; its answer is not used."""

    code = "endpoint_inconsistent"
    retryable = True


class WrongChain(ChainError):
    """The endpoint serves another chain than the one this oracle is bound to."""

    code = "wrong_chain"


class NotDeployed(ChainError):
    """There is no contract at the configured address.

    Deploy the contracts or correct the address.
    """

    code = "not_deployed"


class FinalityBreached(ChainError):
    """A finalized block was replaced. The node stands still until an operator clears the latch."""

    code = "finality_breached"


class KeyUsedElsewhere(ChainError):
    """Something else signs with this node's key: a second node, or one on an older database."""

    code = "key_used_elsewhere"


class FeeCapReached(ChainError):
    """The chain asks more for gas than the configured cap allows; the transaction waits."""

    code = "fee_cap_reached"
    retryable = True


class InvalidReport(ChainError):
    """A report has a missing, extra, mistyped or out-of-range field; it is never signed."""

    code = "invalid_report"


class InvalidAddress(ChainError):
    """This is not an address, or its mixed-case checksum is wrong."""

    code = "invalid_address"


class SigningFailed(ChainError):
    """The signer did not give a signature that recovers to its own address."""

    code = "signing_failed"
    retryable = True


class InvalidSignInMessage(ChainError):
    """This is no sign-in message of EIP-4361."""

    code = "invalid_sign_in_message"


class InvalidSignature(ChainError):
    """These bytes are no signature."""

    code = "invalid_signature"
