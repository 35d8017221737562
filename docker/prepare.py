"""Make what the oracle of compose.yaml needs, once: keys, their funds, the contracts, the bucket.

Every step looks first whether it was done, so that a restart changes nothing.
"""

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from oracle.chain.devnet.jsonrpc import json_rpc
from oracle.chain.devnet.keys import KeyRing
from oracle.chain.keys.accounts import load_account
from oracle.errors import ConfigurationError
from oracle.settings import Settings
from oracle.wiring import SCHEDULER_ROLES, People, deploy_contracts
from storage.blobs import BlobStoreUnavailable
from storage.blobs.gcs import new_client

FUNDS_WEI = 1_000 * 10**18
PATIENCE_S = 60.0


def make_key(file: Path) -> None:
    """A random key that only its owner may read."""
    if file.exists():
        return
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write("0x" + secrets.token_hex(32))
    draft.replace(file)
    print(f"made a key in {file}")


def fund(rpc_url: str, address: str) -> None:
    """Give an account money, which only a development chain does."""
    with json_rpc(rpc_url) as rpc:
        if rpc.number("eth_getBalance", address, "latest") < FUNDS_WEI // 2:
            rpc.call("anvil_setBalance", address, hex(FUNDS_WEI))
            print(f"funded {address}")


def deploy(settings: Settings, file: Path, officers: Mapping[str, str]) -> None:
    """Put the contracts on the chain and note where they are."""
    if file.exists():
        return
    draft = file.with_suffix(".new")
    draft.write_text(deploy_contracts(settings, People(officers=officers)).to_json())
    draft.replace(file)
    print(f"deployed the contracts; addresses in {file}")


def make_bucket(url: str) -> None:
    """Create the bucket of a gs:// URL, waiting for a service that is only starting."""
    if urlsplit(url).scheme != "gs":
        return
    name = urlsplit(url).netloc
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            client = new_client()
            if client.lookup_bucket(name, timeout=5, retry=None) is None:
                client.create_bucket(name)
                print(f"made the bucket {name}")
            return
        except (OSError, BlobStoreUnavailable):  # refused connections of requests are OSErrors
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def main() -> None:
    settings = Settings()
    key_file, deployment, rpc_url, role_keys = (
        settings.chain.key_file,
        settings.chain.deployment,
        settings.chain_rpc_url,
        settings.chain.role_keys_file,
    )
    if key_file is None or deployment is None or rpc_url is None or role_keys is None:
        raise ConfigurationError(
            "Set CHAIN_RPC_URL, ORACLE_CHAIN__KEY_FILE, ORACLE_CHAIN__ROLE_KEYS_FILE and"
            " ORACLE_CHAIN__DEPLOYMENT."
        )
    make_key(key_file)
    ring = KeyRing(role_keys)
    officers = {role: ring.account(role).address for role in SCHEDULER_ROLES}
    for address in (load_account(key_file.read_text().strip()).address, *officers.values()):
        fund(rpc_url, address)
    deploy(settings, deployment, officers)
    make_bucket(settings.blobs)
    print("ready")


if __name__ == "__main__":
    main()
