"""EIP-1559 transactions, encoded here so that any `Signer` can sign them. Pure."""

from dataclasses import dataclass

import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

from oracle.chain.errors import SigningFailed
from oracle.chain.keys.signer import Signer, recover

TYPE_BYTE = b"\x02"


@dataclass(frozen=True, slots=True)
class Fee:
    """What a transaction offers for gas, in wei per unit of gas."""

    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """Signed bytes, ready to send; after any doubt the same bytes are sent again."""

    tx_hash: bytes
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """An unsigned dynamic-fee transaction.

    It always contains the chain id, so that other chains refuse it.
    """

    chain_id: int
    nonce: int
    fee: Fee
    gas: int
    to: bytes
    data: bytes
    value_wei: int = 0

    def signing_hash(self) -> bytes:
        """Return what the sender signs (32 bytes). Source: EIP-1559, EIP-2718."""
        encoded: bytes = rlp.encode(self._fields())
        return keccak(TYPE_BYTE + encoded)

    def sign(self, signer: Signer) -> SignedTransaction:
        """Return the signed bytes and their hash.

        Raises: SigningFailed if the signature is not the signer's.
        """
        digest = self.signing_hash()
        signature = signer.sign_digest(digest)
        if recover(digest, signature) != signer.address:
            raise SigningFailed
        r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
        raw = TYPE_BYTE + rlp.encode([*self._fields(), signature[64] - 27, r, s])
        return SignedTransaction(tx_hash=keccak(raw), raw=raw)

    def _fields(self) -> list[object]:
        return [
            self.chain_id,
            self.nonce,
            self.fee.tip_wei,
            self.fee.max_fee_wei,
            self.gas,
            self.to,
            self.value_wei,
            self.data,
            [],  # no access list
        ]
