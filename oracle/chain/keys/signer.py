"""Who signs: a small protocol, and the local key.

Other key holders (an HSM, a cloud KMS) fit behind it.
"""

from binascii import Error as BinasciiError
from pathlib import Path
from typing import Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import PublicKey, Signature
from eth_keys.exceptions import BadSignature
from eth_typing import Hash32
from eth_utils.exceptions import ValidationError

from oracle.chain.errors import SigningFailed

# secp256k1 group order; signatures with s above half of it are malleable and refused on chain
# (EIP-2).
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Signer(Protocol):
    """Holds one secp256k1 key."""

    @property
    def address(self) -> bytes:
        """The key's Ethereum address, 20 bytes."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign 32 bytes as they are: 65 bytes r ‖ s ‖ v, s in the lower half, v 27 or 28.

        Raises: SigningFailed when the key holder does not answer or answers wrongly.
        """
        ...


class LocalSigner:
    """A private key in this process's memory."""

    def __init__(self, private_key: bytes | str) -> None:
        self._account: LocalAccount = Account.from_key(private_key)

    def __repr__(self) -> str:
        return f"LocalSigner(0x{self.address.hex()})"  # never the key

    @property
    def address(self) -> bytes:
        return bytes.fromhex(self._account.address[2:])

    def sign_digest(self, digest: bytes) -> bytes:
        require_digest(digest)
        return bytes(self._account.unsafe_sign_hash(Hash32(digest)).signature)


def account_from_file(path: Path, password: str | None = None) -> LocalAccount:
    """The key in a file: a keystore of geth's kind (JSON, with its password), or the key in hex.

    Raises: SigningFailed if the file holds neither, or the password is wrong. Its text never gets
        into the message.
    """
    try:
        text = path.read_text().strip()
        if text.startswith("{"):
            text = bytes(Account.decrypt(text, password or "")).hex()
        account: LocalAccount = Account.from_key(text)
        return account
    except OSError as exc:
        raise SigningFailed(f"The key file {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, TypeError, KeyError, BinasciiError, ValidationError):
        raise SigningFailed(
            f"The key file {path} holds no key in hex and no keystore this password opens."
        ) from None


def recover(digest: bytes, signature: bytes) -> bytes:
    """The address (20 bytes) whose key made this 65-byte signature.

    Raises: SigningFailed for a malformed or malleable (high-s) signature.
    """
    require_digest(digest)
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise SigningFailed("A signature is 65 bytes, r, s and a v of 27 or 28.")
    if int.from_bytes(signature[32:64], "big") > CURVE_ORDER // 2:
        raise SigningFailed(
            "The signature's s is in the upper half; such signatures can be altered."
        )
    try:
        raw = Signature(signature[:64] + bytes([signature[64] - 27]))
        key: PublicKey = raw.recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as exc:
        raise SigningFailed(f"The signature belongs to no key: {exc}") from exc
    return key.to_canonical_address()


def require_digest(digest: bytes) -> None:
    """Raise SigningFailed unless this is a 32-byte digest."""
    if not isinstance(digest, bytes) or len(digest) != 32:
        raise SigningFailed("Only a digest of exactly 32 bytes is signed.")
