"""Where keys come from, and what is never said about them."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from oracle.chain.errors import SigningFailed
from oracle.chain.keys.signer import LocalSigner, account_from_file

KEY = bytes(range(1, 33))


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
