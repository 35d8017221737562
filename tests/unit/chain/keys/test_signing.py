"""Transactions and signatures: byte for byte what eth-account makes, and nothing malleable."""

import pytest
from eth_account import Account

from oracle.chain.core.transaction import Fee, Transaction
from oracle.chain.errors import SigningFailed
from oracle.chain.keys.signer import CURVE_ORDER, LocalSigner, recover

KEY = bytes(range(1, 33))
DIGEST = bytes(range(32))


def test_a_signed_transaction_is_the_one_of_eth_account() -> None:
    ours = Transaction(
        chain_id=31_337,
        nonce=5,
        fee=Fee(10**10, 10**9),
        gas=100_000,
        to=b"\x11" * 20,
        data=b"data",
        value_wei=3,
    ).sign(LocalSigner(KEY))
    theirs = Account.from_key(KEY).sign_transaction(
        {
            "type": 2,
            "chainId": 31_337,
            "nonce": 5,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9,
            "gas": 100_000,
            "to": "0x" + "11" * 20,
            "data": b"data",
            "value": 3,
        }
    )
    assert (ours.raw, ours.tx_hash) == (bytes(theirs.raw_transaction), bytes(theirs.hash))


def test_a_signature_recovers_to_its_signer() -> None:
    signer = LocalSigner(KEY)
    assert recover(DIGEST, signer.sign_digest(DIGEST)) == signer.address


def test_a_signer_does_not_show_its_key() -> None:
    assert KEY.hex() not in repr(LocalSigner(KEY))


@pytest.mark.parametrize("digest", [bytes(31), bytes(33), "00" * 32])
def test_only_a_digest_is_signed(digest: bytes) -> None:
    with pytest.raises(SigningFailed):
        LocalSigner(KEY).sign_digest(digest)


def test_malformed_and_malleable_signatures_are_refused() -> None:
    signature = LocalSigner(KEY).sign_digest(DIGEST)
    s = int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - signature[64]])
    for bad in (signature[:64], signature[:64] + b"\x00", twin, bytes(64) + b"\x1b"):
        with pytest.raises(SigningFailed):
            recover(DIGEST, bad)


class Stranger:
    """Says it holds one key and signs with another."""

    address = LocalSigner(KEY).address

    def sign_digest(self, digest: bytes) -> bytes:
        return LocalSigner(bytes(range(2, 34))).sign_digest(digest)


def test_a_signer_that_signs_with_another_key_is_caught() -> None:
    with pytest.raises(SigningFailed):
        Transaction(chain_id=1, nonce=0, fee=Fee(1, 1), gas=21_000, to=bytes(20), data=b"").sign(
            Stranger()
        )
