"""Ethereum's 2048-bit log bloom, which proves that a block has no log of an address. Pure."""

from eth_utils.crypto import keccak


def may_contain(bloom: bytes, item: bytes) -> bool:
    """Return False only if no log of the block has this item (an address or a topic).

    Args:
        bloom: 256 bytes, as `logsBloom` of a block header.
    Source: Ethereum Yellow Paper, section 4.3.1 (the function M3:2048).
    """
    digest = keccak(item)
    for at in (0, 2, 4):
        bit = int.from_bytes(digest[at : at + 2], "big") & 2047
        if not bloom[255 - bit // 8] >> (bit % 8) & 1:
            return False
    return True
