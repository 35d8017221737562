"""What compose.yaml runs before the oracle, against a real chain and a real bucket."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from support.anvil import AnvilNode
from support.gcs import emulator_client, running_gcs

from oracle import wiring
from oracle.chain.core.deployment import Deployment
from oracle.chain.core.wire import hexed
from oracle.chain.keys.accounts import load_account
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.settings import Settings
from storage.blobs.gcs import GcsBlobs

# As numbered in Roles.sol.
ROLES = {
    "arbiter": 4,
    "second_arbiter": 4,
    "fraud_officer": 5,
    "paymaster": 7,
    "registrar": 8,
    "claimant": 9,
}
PREPARE = Path(__file__).parents[2] / "docker" / "prepare.py"


def test_key_funds_contracts_and_bucket_are_made_once(anvil: AnvilNode, tmp_path: Path) -> None:
    with running_gcs(tmp_path / "gcs.log") as gcs_url:
        environment = {
            **os.environ,
            "CHAIN_RPC_URL": anvil.url,
            "BLOBS_URL": "gs://oracle-media",
            "STORAGE_EMULATOR_HOST": gcs_url,
            "ORACLE_CHAIN__CHAIN_ID": str(anvil.chain_id),
            "ORACLE_CHAIN__KEY_FILE": str(tmp_path / "key"),
            "ORACLE_CHAIN__ROLE_KEYS_FILE": str(tmp_path / "roles.json"),
            "ORACLE_CHAIN__DEPLOYMENT": str(tmp_path / "deployment.json"),
        }

        def prepare() -> str:
            done = subprocess.run(
                [sys.executable, str(PREPARE)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert "deployed the contracts" in prepare()
        key, deployment = (tmp_path / "key").read_text(), (tmp_path / "deployment.json").read_text()
        assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
        assert anvil.rpc.number("eth_getBalance", load_account(key).address, "latest") > 0
        assert len(anvil.call("eth_getCode", Deployment.from_json(deployment).hub, "latest")) > 100
        assert stat.S_IMODE((tmp_path / "roles.json").stat().st_mode) == 0o600
        settings = Settings(chain={"role_keys_file": tmp_path / "roles.json"})
        keys = wiring.load_role_keys(settings)
        client = ChainClient(Endpoint(anvil.url), Deployment.from_json(deployment))
        for holder, role in ROLES.items():
            assert may(client, role, hexed(keys[holder].address)), holder
            assert not may(client, role, load_account(key).address), "the signer checks itself"
        GcsBlobs("oracle-media", emulator_client(gcs_url)).put(tmp_path / "key", "trial")

        assert prepare() == "ready\n"  # nothing to do the second time
        assert (tmp_path / "key").read_text() == key
        assert (tmp_path / "deployment.json").read_text() == deployment


def may(client: ChainClient, role: int, account: str) -> bool:
    manager = client.deployment.access_manager
    holds, _ = client.read("AccessManager", manager, "hasRole", role, account)
    return bool(holds)
