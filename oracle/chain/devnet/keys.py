"""Accounts of the development chain: random, stored in its folder, readable by their owner only.

Anvil's well-known keys are not used: with a published key anyone could sign for the oracle.
"""

import json
import os
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount


class KeyRing:
    """Named accounts in one file of mode 0600; a name gets a random key at its first use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def accounts(self) -> dict[str, LocalAccount]:
        """All accounts that are there, by name."""
        return {name: Account.from_key(secret) for name, secret in self._read().items()}

    def account(self, name: str) -> LocalAccount:
        secrets = self._read()
        if name not in secrets:
            secrets[name] = "0x" + Account.create().key.hex().removeprefix("0x")
            self._write(secrets)
        return Account.from_key(secrets[name])  # type: ignore[no-any-return]

    def _read(self) -> dict[str, str]:
        return dict(json.loads(self._path.read_text())) if self._path.exists() else {}

    def _write(self, secrets: dict[str, str]) -> None:
        draft = self._path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(secrets, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
