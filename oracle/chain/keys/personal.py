"""Who signed a text that a wallet showed (EIP-191, `personal_sign`)."""

from eth_account import Account
from eth_account.messages import encode_defunct

from oracle.chain.errors import InvalidSignature


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
