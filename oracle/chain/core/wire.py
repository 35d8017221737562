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
class SentTransaction:
    """What a transaction does; `to` is empty where it creates a contract."""

    tx_hash: bytes
    to: bytes
    data: bytes
    value_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event log."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The receipt of a mined transaction."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    logs: tuple[Log, ...]


def number(value: object) -> int:
    """Parse a JSON-RPC quantity. Raises: EndpointInconsistent for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise EndpointInconsistent(f"Expected a quantity, got {value!r}.")
    return int(value, 16)


def blob(value: object) -> bytes:
    """Parse JSON-RPC bytes. Raises: EndpointInconsistent for anything else."""
    try:
        if isinstance(value, str) and value.startswith("0x"):
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise EndpointInconsistent(f"Expected bytes, got {value!r}.")


def hexed(value: bytes) -> str:
    """Format bytes as 0x-prefixed hex."""
    return "0x" + value.hex()


def address_bytes(text: str) -> bytes:
    """Parse a 0x address of a deployment to 20 bytes."""
    return blob(text)


def block_id(block: BlockId) -> object:
    """Format a block for JSON-RPC. Calls at a hash use the object form of EIP-1898 elsewhere."""
    if isinstance(block, bytes):
        return hexed(block)
    return hex(block) if isinstance(block, int) else block


def parse_header(data: dict[str, Any]) -> Header:
    """Parse a block header. Raises: EndpointInconsistent for missing or malformed fields."""
    try:
        return Header(
            number=number(data["number"]),
            hash=blob(data["hash"]),
            parent_hash=blob(data["parentHash"]),
            timestamp=number(data["timestamp"]),
            logs_bloom=blob(data["logsBloom"]),
            base_fee_wei=number(data.get("baseFeePerGas") or "0x0"),
        )
    except KeyError as exc:
        raise EndpointInconsistent(f"A block without {exc}.") from exc


def parse_log(data: dict[str, Any]) -> Log:
    """Parse a log. Raises: EndpointInconsistent for missing or malformed fields."""
    try:
        return Log(
            address=blob(data["address"]),
            topics=tuple(blob(topic) for topic in data["topics"]),
            data=blob(data["data"]),
            block_number=number(data["blockNumber"]),
            block_hash=blob(data["blockHash"]),
            tx_hash=blob(data["transactionHash"]),
            log_index=number(data["logIndex"]),
        )
    except KeyError as exc:
        raise EndpointInconsistent(f"A log without {exc}.") from exc


def parse_transaction(data: dict[str, Any]) -> SentTransaction:
    """Parse a transaction. Raises: EndpointInconsistent for missing or malformed fields."""
    try:
        return SentTransaction(
            tx_hash=blob(data["hash"]),
            to=blob(data["to"]) if data["to"] else b"",
            data=blob(data["input"]),
            value_wei=number(data["value"]),
        )
    except KeyError as exc:
        raise EndpointInconsistent(f"A transaction without {exc}.") from exc


def parse_receipt(data: dict[str, Any]) -> Receipt:
    """Parse a receipt. Raises: EndpointInconsistent for missing or malformed fields."""
    try:
        return Receipt(
            tx_hash=blob(data["transactionHash"]),
            block_number=number(data["blockNumber"]),
            block_hash=blob(data["blockHash"]),
            succeeded=number(data["status"]) == 1,
            gas_used=number(data["gasUsed"]),
            logs=tuple(parse_log(log) for log in data["logs"]),
        )
    except KeyError as exc:
        raise EndpointInconsistent(f"A receipt without {exc}.") from exc
