"""Wallets that are contracts (EIP-1271): a contract says itself whether a signature is its own."""

from eth_abi.abi import encode

from oracle.chain.core.reverts import ContractReverted
from oracle.chain.rpc.client import ChainClient

# isValidSignature(bytes32,bytes), which is also what it answers where it is.
MAGIC = bytes.fromhex("1626ba7e")


def has_signed(client: ChainClient, wallet: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether a contract says that it signed this digest (32 bytes).

    False for an account without code, and for a contract that answers anything else.
    Raises: ChainError.
    """
    data = MAGIC + encode(["bytes32", "bytes"], [digest, signature])
    try:
        return client.call_raw(wallet, data) == MAGIC.ljust(32, b"\0")
    except ContractReverted:
        return False
