"""The report an oracle signs, and its EIP-712 digest. Pure: no network, no clock.

Signing libraries pad short byte strings and read text as bytes without an error, so every field is
checked here for type, length and range before anything is hashed.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Self, TypeVar

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.chain.errors import InvalidReport

DOMAIN_NAME = "CreativityOracle"
DOMAIN_VERSION = "1"
ZERO_HASH = bytes(32)
ZERO_ADDRESS = bytes(20)

HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
E = TypeVar("E", bound=IntEnum)


class MediaType(IntEnum):
    """A media type as the contracts number it."""

    IMAGE = 1
    VIDEO = 2
    AUDIO = 3

    @property
    def label(self) -> str:
        """Name used off chain: image, video or audio."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> "MediaType":
        """Return the member for `image`, `video` or `audio`. Raises: InvalidReport otherwise."""
        for member in cls:
            if member.label == label:
                return member
        raise InvalidReport(f"{label!r} is no media type; use image, video or audio.")


class Outcome(IntEnum):
    """A conclusion of the oracle as the contracts number it."""

    NONE = 0
    ORIGINAL = 1
    DERIVATIVE = 2
    SELF_DUPLICATE = 3
    LICENSED = 4
    NEEDS_REVIEW = 5
    FAILED = 6
    SHARED_SOURCE = 7


class FailureReason(IntEnum):
    """Why an analysis failed, as the contracts number it."""

    NONE = 0
    NOT_FOUND = 1
    UNREACHABLE = 2
    TOO_LARGE = 3
    UNSUPPORTED = 4
    UNDECODABLE = 5
    OTHER_CONTENT = 6
    TIMED_OUT = 7


# Solidity type of each field, in the order of the struct; TYPE is built from it.
SOLIDITY_TYPES = {
    "request_id": "bytes32",
    "post_id": "bytes32",
    "content_hash": "bytes32",
    "media_type": "uint8",
    "outcome": "uint8",
    "similarity_bps": "uint16",
    "creator": "address",
    "original_creator": "address",
    "original_post_id": "bytes32",
    "evidence_hash": "bytes32",
    "model_digest": "bytes32",
    "index_snapshot": "bytes32",
    "config_version": "uint64",
    "reason": "uint8",
    "observed_at": "uint64",
    "valid_until": "uint64",
    "signer_epoch": "uint64",
    "transmitter": "address",
}


def camel_case(name: str) -> str:
    """`post_id` -> `postId`, the name of the field in Solidity."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


TYPE = (
    f"PoCReport({','.join(f'{kind} {camel_case(name)}' for name, kind in SOLIDITY_TYPES.items())})"
)
TYPE_HASH = keccak(text=TYPE)
BATCH_TYPE_HASH = keccak(
    text="ReportBatch(bytes32 root,uint256 count,uint64 validUntil,uint64 signerEpoch)"
)
COMMITMENT_BYTES = 28
DOMAIN_TYPE_HASH = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDraft:
    """A report before the node adds times and the epoch of the signers.

    Hashes are bytes of length 32 (sha256 of the media, keccak ids), addresses bytes of length 20,
    similarity basis points 0..10000. An absent original is the zero address and the zero id.
    Raises: InvalidReport when a field has a wrong type, length or range.
    """

    request_id: bytes
    post_id: bytes
    content_hash: bytes
    media_type: MediaType
    outcome: Outcome
    similarity_bps: int
    creator: bytes
    original_creator: bytes
    original_post_id: bytes
    evidence_hash: bytes
    model_digest: bytes
    index_snapshot: bytes
    config_version: int
    reason: FailureReason = FailureReason.NONE

    def __post_init__(self) -> None:
        for one in fields(self):
            _check(one.name, SOLIDITY_TYPES[one.name], getattr(self, one.name))
        # A plain 2 from JSON becomes the enum; a code outside the enum is refused.
        object.__setattr__(self, "media_type", _member(MediaType, self.media_type))
        object.__setattr__(self, "outcome", _member(Outcome, self.outcome))
        object.__setattr__(self, "reason", _member(FailureReason, self.reason))
        if self.reason and self.outcome is not Outcome.FAILED:
            raise InvalidReport("Only a failure has a reason.")
        if self.outcome is Outcome.NONE:
            raise InvalidReport("A report needs an outcome.")
        if self.similarity_bps > 10_000:
            raise InvalidReport(f"similarity_bps is {self.similarity_bps}, more than 10000.")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: field names as here, bytes as 0x-hex, numbers as numbers."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Parse what `to_dict` returned.

        Raises: InvalidReport, also for missing and for extra fields.
        """
        names = {one.name for one in fields(cls)}
        if set(data) != names:
            raise InvalidReport(
                f"Fields of the report do not fit: missing {sorted(names - set(data))},"
                f" unknown {sorted(set(data) - names)}."
            )
        values: dict[str, Any] = {
            name: _parsed(name, SOLIDITY_TYPES[name], data[name]) for name in names
        }
        return cls(**values)

    def complete(
        self,
        *,
        observed_at: int,
        valid_until: int,
        signer_epoch: int,
        transmitter: bytes = ZERO_ADDRESS,
    ) -> "PoCReport":
        """Return the signable report. Times are Unix seconds of the chain's clock.

        Args: transmitter: Account (20 bytes) that has the request's fee. Zero: whoever delivers it
            first.
        """
        values = {one.name: getattr(self, one.name) for one in fields(ReportDraft)}
        return PoCReport(
            **values,
            observed_at=observed_at,
            valid_until=valid_until,
            signer_epoch=signer_epoch,
            transmitter=transmitter,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoCReport(ReportDraft):
    """A complete report: the struct `PoCReport` of the contracts, field for field."""

    observed_at: int
    valid_until: int
    signer_epoch: int
    transmitter: bytes = ZERO_ADDRESS

    def draft(self) -> ReportDraft:
        """What was concluded, whenever and by whom it was signed (`ReportHash.draft`)."""
        return ReportDraft(**{one.name: getattr(self, one.name) for one in fields(ReportDraft)})

    def as_tuple(self) -> tuple[Any, ...]:
        """Return the values in the order of the Solidity struct, as eth_abi takes them."""
        return tuple(_abi_value(name, getattr(self, name)) for name in SOLIDITY_TYPES)


def domain_separator(chain_id: int, hub: bytes) -> bytes:
    """Return the EIP-712 domain separator (32 bytes) of the hub at this address on this chain."""
    _check("chain_id", "uint64", chain_id)
    _check("hub", "address", hub)
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                DOMAIN_TYPE_HASH,
                keccak(text=DOMAIN_NAME),
                keccak(text=DOMAIN_VERSION),
                chain_id,
                "0x" + hub.hex(),
            ],
        )
    )


def digest(report: PoCReport, chain_id: int, hub: bytes) -> bytes:
    """Return what a signer signs (32 bytes): EIP-712 over the report, for one hub on one chain.

    Equal to `PoCHub.hashReport(report)`. Source: EIP-712.
    """
    return keccak(b"\x19\x01" + domain_separator(chain_id, hub) + struct_hash(report))


def struct_hash(report: PoCReport) -> bytes:
    """Return EIP-712's `hashStruct` of the report (32 bytes), which is the same on every chain."""
    return keccak(encode(["bytes32", *SOLIDITY_TYPES.values()], [TYPE_HASH, *report.as_tuple()]))


def commitment(report: PoCReport) -> bytes:
    """Return what the PostRegistry keeps of the report that a result is of (28 bytes)."""
    return struct_hash(report)[:COMMITMENT_BYTES]


def batch_root(reports: Sequence[PoCReport]) -> bytes:
    """Return the root (32 bytes) of a tree over at least one report: `ReportTree.rootOf`.

    It is OpenZeppelin's `SimpleMerkleTree`, unsorted, over the leaves of its `StandardMerkleTree`.
    """
    # The array of the tree from its end: two nodes after each other are siblings, and their parent
    # comes after all that are there.
    nodes = deque(keccak(keccak(struct_hash(report))) for report in reports)
    while len(nodes) > 1:
        pair = sorted((nodes.popleft(), nodes.popleft()))
        nodes.append(keccak(b"".join(pair)))
    return nodes[0]


def batch_digest(
    reports: Sequence[PoCReport], valid_until: int, signer_epoch: int, chain_id: int, hub: bytes
) -> bytes:
    """Return what a signer signs for a whole batch (32 bytes): `PoCHub.hashBatch` of its root.

    Args: valid_until: Unix seconds; not after any of the reports', so that no report lasts longer
        under this signature than under one of its own.
    """
    body = encode(
        ["bytes32", "bytes32", "uint256", "uint64", "uint64"],
        [BATCH_TYPE_HASH, batch_root(reports), len(reports), valid_until, signer_epoch],
    )
    return keccak(b"\x19\x01" + domain_separator(chain_id, hub) + keccak(body))


def _check(name: str, kind: str, value: object) -> None:
    if kind.startswith("uint"):
        bits = int(kind[4:])
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
            raise InvalidReport(f"{name} must be a whole number that fits {kind}, not {value!r}.")
        return
    length = 20 if kind == "address" else 32
    if not isinstance(value, bytes) or len(value) != length:
        raise InvalidReport(f"{name} must be exactly {length} bytes, not {value!r}.")


def _member(enum: type[E], value: int) -> E:
    try:
        return enum(value)
    except ValueError as exc:
        raise InvalidReport(f"{value} is no {enum.__name__}.") from exc


def _plain(value: object) -> object:
    return ("0x") + value.hex() if isinstance(value, bytes) else int(value)  # type: ignore[call-overload]


def _parsed(name: str, kind: str, value: object) -> object:
    if kind.startswith("uint"):
        return value
    if not isinstance(value, str) or not HEX.fullmatch(value):
        raise InvalidReport(f"{name} must be 0x-prefixed hex, not {value!r}.")
    return bytes.fromhex(value[2:])


def _abi_value(name: str, value: Any) -> Any:
    if SOLIDITY_TYPES[name] == "address":
        return "0x" + value.hex()
    return int(value) if isinstance(value, int) else value
