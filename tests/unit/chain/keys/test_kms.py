"""A fake HSM: DER in every shape devices give it, and the faults they have."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.errors import SigningFailed
from oracle.chain.keys.kms import AwsKmsKey, DeviceSigner, address_of, parse_signature
from oracle.chain.keys.signer import CURVE_ORDER, LocalSigner, account_from_file, recover

KEY = bytes(range(1, 33))
DIGEST = bytes(range(32))
SPKI_PREFIX = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200")


def der_integer(value: int) -> bytes:
    # one zero byte where the top bit is set
    body = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes([0x02, len(body)]) + body


def der(r: int, s: int) -> bytes:
    body = der_integer(r) + der_integer(s)
    return bytes([0x30, len(body)]) + body


class FakeHsm:
    """Signs with a real key, gives the upper s when told to, and can break."""

    def __init__(
        self, key: bytes = KEY, *, upper_s: bool = False, answer: bytes | Exception | None = None
    ) -> None:
        self._key = PrivateKey(key)
        self._upper_s = upper_s
        self._answer = answer

    def public_key_der(self) -> bytes:
        return SPKI_PREFIX + b"\x04" + self._key.public_key.to_bytes()

    def sign_digest_der(self, digest: bytes) -> bytes:
        if isinstance(self._answer, Exception):
            raise self._answer
        if self._answer is not None:
            return self._answer
        signature = self._key.sign_msg_hash(digest)
        lower = min(signature.s, CURVE_ORDER - signature.s)
        return der(signature.r, CURVE_ORDER - lower if self._upper_s else lower)


@given(st.binary(min_size=32, max_size=32), st.integers(1, CURVE_ORDER - 1), st.booleans())
def test_a_device_signs_as_a_local_key_does(digest: bytes, key: int, upper_s: bool) -> None:
    secret = key.to_bytes(32, "big")
    device, local = DeviceSigner(FakeHsm(secret, upper_s=upper_s)), LocalSigner(secret)
    assert device.address == local.address
    assert device.sign_digest(digest) == local.sign_digest(digest)
    assert recover(digest, device.sign_digest(digest)) == device.address


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x30\x06\x02\x01\x01\x02\x01",
        der(0, 1),
        der(1, CURVE_ORDER),
        der(1, 1) + b"\x00",
        b"\x30\x06\x02\x01\xff\x02\x01\x01",
        der(5, 7),
        TimeoutError("device busy"),
    ],
)
def test_a_device_that_answers_wrongly_never_signs(answer: bytes | Exception) -> None:
    with pytest.raises(SigningFailed):
        DeviceSigner(FakeHsm(answer=answer)).sign_digest(DIGEST)


def test_a_key_on_another_curve_is_refused() -> None:
    p256 = (
        FakeHsm()
        .public_key_der()
        .replace(bytes.fromhex("06052b8104000a"), bytes.fromhex("06052b81040022"))
    )
    with pytest.raises(SigningFailed, match="secp256k1"):
        address_of(p256)


def test_the_aws_form_passes_the_digest_as_a_digest() -> None:
    asked: list[dict[str, object]] = []

    class Client:
        def get_public_key(self, **_request: object) -> dict[str, bytes]:
            return {"PublicKey": FakeHsm().public_key_der()}

        def sign(self, **request: object) -> dict[str, bytes]:
            asked.append(request)
            return {"Signature": FakeHsm().sign_digest_der(DIGEST)}

    signer = DeviceSigner(AwsKmsKey(Client(), "key-1"))
    assert recover(DIGEST, signer.sign_digest(DIGEST)) == LocalSigner(KEY).address
    assert asked[0]["MessageType"] == "DIGEST" and asked[0]["SigningAlgorithm"] == "ECDSA_SHA_256"


def test_long_integers_in_der_are_refused() -> None:
    with pytest.raises(SigningFailed):
        parse_signature(b"\x30\x26\x02\x22" + bytes(34) + b"\x02\x00")


def test_keys_come_from_hex_files_and_keystores(tmp_path: Path) -> None:
    plain, keystore = tmp_path / "key", tmp_path / "keystore.json"
    plain.write_text("0x" + KEY.hex() + "\n")
    keystore.write_text(json.dumps(Account.encrypt(KEY, "secret", kdf="pbkdf2", iterations=10)))
    assert bytes(account_from_file(plain).key) == bytes(account_from_file(keystore, "secret").key)
    assert LocalSigner(bytes(account_from_file(plain).key)).address == LocalSigner(KEY).address
    with pytest.raises(SigningFailed):
        account_from_file(keystore, "wrong")
    with pytest.raises(SigningFailed, match="cannot be read"):
        account_from_file(tmp_path / "absent")
    plain.write_text("not a key")
    with pytest.raises(SigningFailed) as caught:
        account_from_file(plain)
    assert "not a key" not in str(caught.value)
