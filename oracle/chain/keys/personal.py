"""Who signed a text that a wallet showed (EIP-191, `personal_sign`)."""

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from oracle.chain.errors import InvalidSignature


def digest_of(message: str) -> bytes:
    """The 32 bytes that a wallet signs of a text that it showed."""
    signed = encode_defunct(text=message)
    return keccak(b"\x19" + signed.version + signed.header + signed.body)


def signer_of(message: str, signature: bytes) -> bytes:
    """The 20-byte address whose key signed this text.

    Raises: InvalidSignature if these are not 65 bytes of a signature.
    """
    if len(signature) != 65:
        raise InvalidSignature(f"A signature has 65 bytes, not {len(signature)}.")
    try:
        address = Account.recover_message(encode_defunct(text=message), signature=signature)
    except Exception as exc:  # eth_keys raises several kinds
        raise InvalidSignature from exc
    return bytes.fromhex(str(address)[2:])
