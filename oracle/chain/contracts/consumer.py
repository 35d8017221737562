"""What a contract's side does: ask the oracle through the example consumer, and read what came
back.
"""

from typing import Any

from oracle.chain.contracts.account import Account
from oracle.chain.core.abis import contract
from oracle.chain.core.report import ZERO_HASH, MediaType
from oracle.chain.core.reverts import ContractReverted, decode_revert
from oracle.chain.core.wire import Receipt, hexed
from oracle.chain.errors import BlockUnknown
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import REQUESTED, ChainClient


def transact(
    client: ChainClient,
    account: Signer,
    to: bytes,
    data: bytes,
    *,
    value_wei: int = 0,
    timeout_s: float = 60.0,
) -> Receipt:
    """Send one transaction and wait until it is mined; not for the oracle's own keys.

    Raises: ContractReverted (before or after sending), ChainTimeout, ChainError.
    """
    sender = Account(client.web3, account, fee_limits=client.fee_limits)
    tx_hash = sender.send(to, data, value_wei=value_wei)
    sender.wait(tx_hash, timeout_s)
    receipt = client.find_receipt(bytes(tx_hash))
    if receipt is None:
        raise BlockUnknown(f"The block of 0x{tx_hash.hex()} is gone.")
    if not receipt.succeeded:
        raise ContractReverted(decode_revert(b""))
    return receipt


def request_verification(
    client: ChainClient,
    account: Signer,
    consumer: bytes,
    *,
    name: bytes,
    media_type: MediaType,
    creator: bytes,
    uri: str,
    content_hash: bytes = ZERO_HASH,
    value_wei: int | None = None,
) -> bytes:
    """Have the example consumer (20-byte address) ask for a post to be verified. Returns the
    request id.

    Args:
        name: The asking account's own name for the post (32 bytes); `post_id_of` says what
            everybody else calls it.
        value_wei: What the request costs. None: what the hub asks for now, the callback's gas
            included.
    Raises: ContractReverted, ChainError.
    """
    data = contract("ExampleConsumer").call_data(
        "verify", name, content_hash, int(media_type), hexed(creator), uri
    )
    if value_wei is None:
        gas = client.read("ExampleConsumer", hexed(consumer), "CALLBACK_GAS")
        value_wei = int(client.hub_read("feeFor", gas))
    receipt = transact(client, account, consumer, data, value_wei=value_wei)
    topic = client.hub_abi.topic(REQUESTED)
    (entry,) = [e for e in receipt.logs if e.address == client.hub and e.topics[0] == topic]
    return entry.topics[1]


def post_id_of(client: ChainClient, consumer: bytes, author: bytes, name: bytes) -> bytes:
    """Id of the post that an account has the example consumer ask about under this name."""
    return bytes(client.read("ExampleConsumer", hexed(consumer), "postIdOf", hexed(author), name))


def received_result(client: ChainClient, consumer: bytes, post_id: bytes) -> dict[str, Any]:
    """What the consumer was called back with, by field name; outcome 0 where nothing came yet."""
    return client.read_struct("ExampleConsumer", hexed(consumer), "resultOf", post_id)
