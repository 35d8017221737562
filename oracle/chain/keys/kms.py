"""Keys that never leave their device: an HSM or a cloud KMS behind the `Signer` protocol."""

from typing import Any, Protocol

from eth_utils.crypto import keccak

from oracle.chain.errors import SigningFailed
from oracle.chain.keys.signer import CURVE_ORDER, recover, require_digest

SECP256K1_OID = bytes.fromhex("06052b8104000a")  # 1.3.132.0.10, DER
UNCOMPRESSED = 0x04


class DeviceKey(Protocol):
    """What a device offers: its public key, and ECDSA over a digest, both in DER."""

    def public_key_der(self) -> bytes:
        """SubjectPublicKeyInfo of the key."""
        ...

    def sign_digest_der(self, digest: bytes) -> bytes:
        """ECDSA signature of 32 bytes, a SEQUENCE of two INTEGERs."""
        ...


class AwsKmsKey:
    """A key of AWS KMS (ECC_SECG_P256K1, sign and verify), given a boto3 KMS client."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def public_key_der(self) -> bytes:
        return bytes(self._client.get_public_key(KeyId=self._key_id)["PublicKey"])

    def sign_digest_der(self, digest: bytes) -> bytes:
        answer = self._client.sign(
            KeyId=self._key_id,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        return bytes(answer["Signature"])


class DeviceSigner:
    """Makes Ethereum signatures of a device's: low s, and the v that recovers to its address."""

    def __init__(self, key: DeviceKey) -> None:
        """Raises: SigningFailed if the device does not answer or its key is on another curve."""
        self._key = key
        self._address = address_of(self._ask(key.public_key_der))

    @property
    def address(self) -> bytes:
        return self._address

    def sign_digest(self, digest: bytes) -> bytes:
        require_digest(digest)
        r, s = parse_signature(self._ask(lambda: self._key.sign_digest_der(digest)))
        # Devices give either of the two valid s; only the lower one is accepted on chain (EIP-2).
        s = min(s, CURVE_ORDER - s)
        for v in (27, 28):
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
            if _recovers_to(digest, signature, self._address):
                return signature
        raise SigningFailed(
            "The device's signature belongs to another key than its public key says."
        )

    def _ask(self, question: Any) -> bytes:
        try:
            return bytes(question())
        except Exception as exc:  # each vendor's client raises kinds of its own
            raise SigningFailed(
                f"The key device did not answer: {type(exc).__name__}: {exc}"
            ) from exc


def address_of(public_key_der: bytes) -> bytes:
    """The Ethereum address (20 bytes) of a SubjectPublicKeyInfo with an uncompressed secp256k1
    point.

    Raises: SigningFailed for another curve or form.
    """
    point = public_key_der[-65:]
    if SECP256K1_OID not in public_key_der or len(point) != 65 or point[0] != UNCOMPRESSED:
        raise SigningFailed("The device's key is no uncompressed secp256k1 key (ECC_SECG_P256K1).")
    return keccak(point[1:])[-20:]


def parse_signature(der: bytes) -> tuple[int, int]:
    """r and s of a DER ECDSA signature. Raises: SigningFailed if it is not exactly one."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2:
        raise SigningFailed("The device's signature is no DER sequence.")
    r, rest = _integer(der[2:])
    s, rest = _integer(rest)
    if rest or not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise SigningFailed("The device's signature has values out of range.")
    return r, s


def _integer(der: bytes) -> tuple[int, bytes]:
    if len(der) < 3 or der[0] != 0x02 or not 0 < der[1] <= 33 or len(der) < 2 + der[1]:
        raise SigningFailed("The device's signature is no pair of DER integers.")
    end = 2 + der[1]
    return int.from_bytes(der[2:end], "big", signed=True), der[end:]


def _recovers_to(digest: bytes, signature: bytes, address: bytes) -> bool:
    try:
        return recover(digest, signature) == address
    except SigningFailed:
        return False
