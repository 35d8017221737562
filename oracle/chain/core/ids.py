"""Identifiers that the oracle and the contracts derive in the same way. Pure."""

import re
from uuid import UUID

from eth_abi.abi import encode
from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.crypto import keccak

from oracle.chain.errors import InvalidAddress

ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}")


def attestation_id(chain_id: int, hub: bytes, post_id: bytes, content_hash: bytes) -> bytes:
    """Return the request id (32 bytes) of a report without a request on chain.

    There is one for each post and content; it equals `PoCHub.attestationId(postId, contentHash)`.

    Args:
        hub: 20 bytes.
        post_id, content_hash: 32 bytes each.
    """
    _exact(hub, 20)
    _exact(post_id, 32)
    _exact(content_hash, 32)
    return keccak(
        encode(
            ["uint256", "address", "bytes32", "bytes32", "bytes32"],
            [chain_id, "0x" + hub.hex(), b"attestation", post_id, content_hash],
        )
    )


def request_id(
    chain_id: int,
    hub: bytes,
    requester: bytes,
    seq: int,
    post_id: bytes,
    content_hash: bytes,
    media_type: int,
    creator: bytes,
    min_signatures: int,
    uri: bytes,
) -> bytes:
    """Return the id (32 bytes) that the hub gives a request.

    It is recomputed for each event, so that a forged one shows. It binds everything that decides
    what is analysed, for whom, and by how many signers. `uri` is the bytes that were sent, which
    need not be UTF-8.
    """
    types = [
        "uint256",
        "address",
        "address",
        "uint64",
        "bytes32",
        "bytes32",
        "uint8",
        "address",
        "uint8",
        "bytes32",
    ]
    addresses = ("0x" + account.hex() for account in (hub, requester, creator))
    hub_text, requester_text, creator_text = addresses
    values = [
        chain_id,
        hub_text,
        requester_text,
        seq,
        post_id,
        content_hash,
        media_type,
        creator_text,
    ]
    return keccak(encode(types, [*values, min_signatures, keccak(uri)]))


def post_id_in(chain_id: int, hub: bytes, namespace: bytes, name: bytes) -> bytes:
    """The id (32 bytes) of a post that a platform or contract asked about, by its own name for it.

    Args: namespace: A platform's id (32 bytes), or the asking contract (20 bytes).
    Equal to `PoCHub.postIdOf(namespace, name)`.
    """
    _exact(hub, 20)
    _exact(name, 32)
    space = namespace.rjust(32, b"\x00")
    _exact(space, 32)
    types = ["uint256", "address", "string", "bytes32", "bytes32"]
    return keccak(encode(types, [chain_id, "0x" + hub.hex(), "post", space, name]))


def escrow_account(handle: str) -> bytes:
    """Return the escrow account (20 bytes) of a creator without a wallet; it has no key."""
    return keccak(text=f"creativity-oracle/account:{handle}")[-20:]


def unnamed_account(post_id: bytes) -> bytes:
    """Return the account (20 bytes) of a post that names no creator: one a post, without a key."""
    _exact(post_id, 32)
    return keccak(b"creativity-oracle/unnamed:" + post_id)[-20:]


def post_id_of(work_id: UUID) -> bytes:
    """Return the post id (32 bytes) of a work that was uploaded, not posted by a contract."""
    return keccak(text=f"creativity-oracle/post:{work_id}")


def parse_account(text: str) -> bytes | None:
    """Return the 20 bytes of a 0x address, or None where the text is no address (a handle).

    Raises: InvalidAddress when it looks like an address but its mixed-case checksum (EIP-55) is
        wrong: one mistyped character would pay another account.
    """
    if not ADDRESS.fullmatch(text):
        return None
    body = text[2:]
    one_case = body in (body.lower(), body.upper())
    if not one_case and not is_checksum_address("0x" + body):
        raise InvalidAddress(f"The checksum of {text} is wrong; copy the address again.")
    return bytes.fromhex(body)


def checksummed(account: bytes) -> str:
    """Return an address as people write it, with the checksum of EIP-55."""
    _exact(account, 20)
    return str(to_checksum_address(account))


def _exact(value: bytes, length: int) -> None:
    if len(value) != length:
        raise InvalidAddress(f"Expected exactly {length} bytes, not {len(value)}.")
