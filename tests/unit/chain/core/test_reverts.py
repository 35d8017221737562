"""Custom errors by selector: what each means for a report."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.chain.core.abis import known_errors
from oracle.chain.core.reverts import PERMANENT, RECONCILE, RESIGN, Disposition, decode_revert


def data_of(signature: str, *values: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",") if "()" not in signature else []
    return keccak(text=signature)[:4] + encode(types, values)


@pytest.mark.parametrize(
    ("data", "name", "disposition"),
    [
        (
            data_of("MissingOriginalCreator(bytes32)", b"\x01" * 32),
            "MissingOriginalCreator",
            Disposition.PERMANENT,
        ),
        (data_of("InvalidMediaType(uint8)", 9), "InvalidMediaType", Disposition.PERMANENT),
        (
            data_of("SimilarityOutOfRange(uint256)", 10_001),
            "SimilarityOutOfRange",
            Disposition.PERMANENT,
        ),
        (data_of("StaleSignerEpoch(uint64,uint64)", 1, 2), "StaleSignerEpoch", Disposition.RESIGN),
        (
            data_of("ReportExpired(bytes32,uint256)", bytes(32), 5),
            "ReportExpired",
            Disposition.RESIGN,
        ),
        (
            data_of("RequestNotPending(bytes32,uint8)", bytes(32), 2),
            "RequestNotPending",
            Disposition.RECONCILE,
        ),
        (
            data_of("UnauthorizedOracle(address)", "0x" + "11" * 20),
            "UnauthorizedOracle",
            Disposition.RETRY,
        ),
        (data_of("PostDisputed(bytes32)", bytes(32)), "PostDisputed", Disposition.RETRY),
        (data_of("Error(string)", "words"), "Error", Disposition.RETRY),
        (data_of("Panic(uint256)", 0x99), "Panic", Disposition.RETRY),  # a code no library knows
        (b"\x12\x34\x56\x78rest", "Unknown", Disposition.RETRY),
        (b"", "Unknown", Disposition.RETRY),
        (
            data_of("MissingOriginalCreator(bytes32)", b"\x01" * 32)[:9],
            "MissingOriginalCreator",
            Disposition.PERMANENT,
        ),
        (keccak(text="Error(string)")[:4] + b"cut", "Error", Disposition.RETRY),
    ],
)
def test_decode_revert(data: bytes, name: str, disposition: Disposition) -> None:
    revert = decode_revert(data)
    assert (revert.name, revert.disposition) == (name, disposition)


def test_values_are_shown() -> None:
    assert (
        decode_revert(data_of("StaleSignerEpoch(uint64,uint64)", 1, 2)).text
        == "StaleSignerEpoch(1, 2)"
    )


def test_every_error_that_is_handled_by_name_exists_in_the_contracts() -> None:
    names = {entry["name"] for entry in known_errors().values()}
    assert names >= RESIGN | RECONCILE | PERMANENT
