"""JSON-RPC values as typed facts: quantities, bytes, headers, logs, receipts. Strict and pure."""

from dataclasses import dataclass
from typing import Any

from oracle.chain.errors import EndpointInconsistent

BlockId = int | bytes | str  # a height, a 32-byte hash, or a tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A block header. Hashes 32 bytes, bloom 256 bytes, time in Unix seconds, fee in wei."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    logs_bloom: bytes
    base_fee_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event as the chain keeps it."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A mined transaction."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    logs: tuple[Log, ...]


def number(value: object) -> int:
    """A JSON-RPC quantity. Raises: EndpointInconsistent for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise EndpointInconsistent(f"Expected a quantity, got {value!r}.")
    return int(value, 16)


def blob(value: object) -> bytes:
    """JSON-RPC bytes. Raises: EndpointInconsistent for anything else."""
    try:
        if isinstance(value, str) and value.startswith("0x"):
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise EndpointInconsistent(f"Expected bytes, got {value!r}.")


def hexed(value: bytes) -> str:
    """0x-prefixed hex."""
    return "0x" + value.hex()


def address_bytes(text: str) -> bytes:
    """The 20 bytes of a 0x address of a deployment."""
    return blob(text)


def block_id(block: BlockId) -> object:
    """A block in JSON-RPC terms. Calls at a hash take the object form of EIP-1898 elsewhere."""
    if isinstance(block, bytes):
        return hexed(block)
    return hex(block) if isinstance(block, int) else block


def parse_header(found: dict[str, Any]) -> Header:
    """Raises: EndpointInconsistent where a field is missing or malformed."""
    try:
        return Header(
            number=number(found["number"]),
            hash=blob(found["hash"]),
            parent_hash=blob(found["parentHash"]),
            timestamp=number(found["timestamp"]),
            logs_bloom=blob(found["logsBloom"]),
            base_fee_wei=number(found.get("baseFeePerGas") or "0x0"),
        )
    except KeyError as exc:
        raise EndpointInconsistent(f"A block without {exc}.") from exc


def parse_log(found: dict[str, Any]) -> Log:
    """Raises: EndpointInconsistent where a field is missing or malformed."""
    try:
        return Log(
            address=blob(found["address"]),
            topics=tuple(blob(topic) for topic in found["topics"]),
            data=blob(found["data"]),
            block_number=number(found["blockNumber"]),
            block_hash=blob(found["blockHash"]),
            tx_hash=blob(found["transactionHash"]),
            log_index=number(found["logIndex"]),
        )
    except KeyError as exc:
        raise EndpointInconsistent(f"A log without {exc}.") from exc


def parse_receipt(found: dict[str, Any]) -> Receipt:
    """Raises: EndpointInconsistent where a field is missing or malformed."""
    try:
        return Receipt(
            tx_hash=blob(found["transactionHash"]),
            block_number=number(found["blockNumber"]),
            block_hash=blob(found["blockHash"]),
            succeeded=number(found["status"]) == 1,
            gas_used=number(found["gasUsed"]),
            logs=tuple(parse_log(log) for log in found["logs"]),
        )
    except KeyError as exc:
        raise EndpointInconsistent(f"A receipt without {exc}.") from exc
