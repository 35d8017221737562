"""Identifiers: pinned values, and addresses that are checked before anybody is paid."""

from uuid import UUID

import pytest

from oracle.chain.core.ids import attestation_id, escrow_account, parse_account, post_id_of
from oracle.chain.errors import InvalidAddress

CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # from EIP-55


def test_ids_are_pinned() -> None:
    """Money and records hang on them: a change here would orphan both."""
    assert escrow_account("ada").hex() == "d94b154b4a5d6e5219339a798bc5b83a996c8c59"
    assert (
        post_id_of(UUID(int=7)).hex()
        == "e814185890346b0d7f7b4c5659451c9467c2d5b11cfc4022daec544e67d694e0"
    )
    assert (
        attestation_id(31_337, bytes(range(20)), b"\x01" * 32, b"\x02" * 32).hex()
        == "370f35100e1e9dbebce85c204855264c3dd7710e8be06579ffab2a15b9c95900"
    )


@pytest.mark.parametrize("text", [CHECKSUMMED, CHECKSUMMED.lower(), "0x" + CHECKSUMMED[2:].upper()])
def test_an_address_is_read_in_each_of_its_forms(text: str) -> None:
    account = parse_account(text)
    assert account is not None
    assert account.hex() == CHECKSUMMED[2:].lower()


def test_one_mistyped_letter_is_noticed() -> None:
    with pytest.raises(InvalidAddress):
        parse_account(CHECKSUMMED.replace("aA", "AA"))


@pytest.mark.parametrize(
    "text", ["ada", "0x12", CHECKSUMMED + "00", "0x" + "g" * 40, "0x" + " " * 40, ""]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_account(text) is None


@pytest.mark.parametrize(
    ("post_id", "content_hash"), [(bytes(31), bytes(32)), (bytes(32), bytes(33))]
)
def test_short_hashes_are_refused(post_id: bytes, content_hash: bytes) -> None:
    with pytest.raises(InvalidAddress):
        attestation_id(1, bytes(20), post_id, content_hash)
