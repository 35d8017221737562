"""The head of the public record on chain: a transaction that carries it, and changes nothing.

It calls a function that only reads, with the head behind its arguments, where Solidity looks no
further. So it needs no storage and no contract of its own, and whoever has the transaction can read
it.
"""

from oracle.chain.contracts.payments import ContractCall
from oracle.chain.core.abis import contract

TAG = b"creativity-oracle/record/1"
SEQ_BYTES = 8


def anchor(seq: int, head: bytes) -> ContractCall:
    """The call that carries number and hash (32 bytes) of the last step."""
    data = contract("PostRegistry").call_data("policy")
    return ContractCall("post_registry", data + TAG + seq.to_bytes(SEQ_BYTES, "big") + head)


def read_anchor(call_data: bytes) -> tuple[int, bytes] | None:
    """Number and hash that a transaction's bytes carry, None where they carry none."""
    tail = TAG + bytes(SEQ_BYTES + 32)
    at = len(call_data) - len(tail)
    if at < 0 or call_data[at : at + len(TAG)] != TAG:
        return None
    seq = int.from_bytes(call_data[at + len(TAG) : -32], "big")
    return seq, call_data[-32:]
