"""The embedded chain: what is final survives everything."""

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from eth_account import Account
from support.waiting import wait_for

from oracle.chain.devnet import AnvilMissing, DevChain, DevChainBusy, DevChainStateUnusable
from oracle.chain.devnet.anvil import PAST_STATES, find_anvil
from oracle.chain.devnet.jsonrpc import JsonRpc, json_rpc
from oracle.chain.errors import ChainError

USER = [sys.executable, str(Path(__file__).with_name("devnet_user.py"))]
GWEI = 10**9
NOBODY = "0x" + "42" * 20


def pay(chain: DevChain, rpc: JsonRpc, wei: int = 1) -> str:
    """Send one transaction of the oracle's. Returns: its hash."""
    key = chain.oracle_key
    transaction = {
        "to": Account.from_key("0x" + "11" * 32).address,
        "value": wei,
        "nonce": rpc.number("eth_getTransactionCount", key.address, "pending"),
        "gas": 21_000,
        "maxFeePerGas": 100 * GWEI,
        "maxPriorityFeePerGas": GWEI,
        "chainId": chain.chain_id,
    }
    raw = key.sign_transaction(transaction).raw_transaction
    return str(rpc.call("eth_sendRawTransaction", "0x" + raw.hex().removeprefix("0x")))


def mined(rpc: JsonRpc, transaction: str) -> dict[str, Any]:
    return dict(wait_for(lambda: rpc.call("eth_getTransactionReceipt", transaction)))


def final(rpc: JsonRpc, transaction: str) -> dict[str, Any]:
    receipt = mined(rpc, transaction)
    wait_for(lambda: rpc.block_number("finalized") >= int(receipt["blockNumber"], 16))
    return receipt


def anvil_pid(chain_url: str) -> int | None:
    port = int(chain_url.rsplit(":", 1)[1])
    listening = (
        c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr
    )
    return next((c.pid for c in listening if c.laddr.port == port), None)


def kill_anvil(chain_url: str) -> int:
    pid = anvil_pid(chain_url)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


def wait_for_another_anvil(chain: DevChain, before: int) -> None:
    """Wait until the chain serves again, all loaded: on a busy machine that takes a minute."""
    wait_for(
        lambda: chain.is_running() and anvil_pid(chain.rpc_url) not in (None, before), timeout_s=180
    )


def test_a_transaction_is_mined_at_once_and_final_in_seconds(devchain: DevChain) -> None:
    with json_rpc(devchain.rpc_url) as rpc:
        began = time.monotonic()
        receipt = final(rpc, pay(devchain, rpc))
        assert receipt["status"] == "0x1"
        assert time.monotonic() - began < 10


def test_an_idle_chain_does_not_grow(devchain: DevChain) -> None:
    with json_rpc(devchain.rpc_url) as rpc:
        final(rpc, pay(devchain, rpc))
        height = rpc.number("eth_blockNumber")
        time.sleep(1.5)  # three of the producer's pauses
        assert rpc.number("eth_blockNumber") == height


def test_a_restart_keeps_blocks_receipts_balances_and_keys(tmp_path: Path) -> None:
    with DevChain(tmp_path) as chain, json_rpc(chain.rpc_url) as rpc:
        key, receipt = chain.oracle_key.key, final(rpc, pay(chain, rpc, wei=7))
        chain.fund(NOBODY, 5)
    with DevChain(tmp_path) as chain, json_rpc(chain.rpc_url) as rpc:
        assert chain.oracle_key.key == key
        assert rpc.call("eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
        block = rpc.call("eth_getBlockByNumber", receipt["blockNumber"], False)
        assert block["hash"] == receipt["blockHash"]
        assert rpc.number("eth_getBalance", NOBODY, "latest") == 5
        # Asked for at the finalized block, as the node does; Anvil does not know older states after
        # a restart.
        assert rpc.number("eth_getTransactionCount", chain.oracle_key.address, "finalized") == 1
        assert rpc.block_number("finalized") >= int(receipt["blockNumber"], 16)


def test_a_killed_node_is_back_on_the_same_port_with_the_same_chain(devchain: DevChain) -> None:
    with json_rpc(devchain.rpc_url) as rpc:
        receipt = final(rpc, pay(devchain, rpc))
    url, before = devchain.rpc_url, kill_anvil(devchain.rpc_url)
    wait_for_another_anvil(devchain, before)
    assert devchain.rpc_url == url
    with json_rpc(url) as rpc:
        assert rpc.call("eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
        assert final(rpc, pay(devchain, rpc))["status"] == "0x1"


def test_what_was_final_is_never_lost_however_often_the_node_is_killed(tmp_path: Path) -> None:
    rng = random.Random(7)
    seen_final: dict[str, str] = {}  # transaction: block hash
    seen_mined: dict[str, str] = {}
    with DevChain(tmp_path) as chain:
        for _ in range(6):
            end = time.monotonic() + rng.uniform(0.1, 1.2)
            with json_rpc(chain.rpc_url) as rpc:
                # a busy machine may need longer than the round for one
                enough = len(seen_final) + 1
                while (now := time.monotonic()) < end or (
                    len(seen_final) < enough and now < end + 30
                ):
                    transaction = pay(chain, rpc)
                    seen_mined[transaction] = mined(rpc, transaction)["blockHash"]
                    finalized = rpc.block_number("finalized")
                    for known in seen_mined:
                        receipt = rpc.call("eth_getTransactionReceipt", known)
                        if receipt and int(receipt["blockNumber"], 16) <= finalized:
                            seen_final.setdefault(known, receipt["blockHash"])
            before = kill_anvil(chain.rpc_url)
            wait_for_another_anvil(chain, before)
            with json_rpc(chain.rpc_url) as rpc:
                for known, block_hash in seen_final.items():
                    assert rpc.call("eth_getTransactionReceipt", known)["blockHash"] == block_hash
                seen_mined = {
                    t: h for t, h in seen_mined.items() if rpc.call("eth_getTransactionReceipt", t)
                }
    assert len(seen_final) >= 6  # else nothing was tested


def test_what_was_saved_on_demand_survives_a_kill_though_no_block_was_made(
    devchain: DevChain,
) -> None:
    devchain.fund(NOBODY, 5)
    before = kill_anvil(devchain.rpc_url)
    wait_for_another_anvil(devchain, before)
    with json_rpc(devchain.rpc_url) as rpc:
        assert rpc.number("eth_getBalance", NOBODY, "latest") == 5


def test_a_kill_of_its_process_takes_the_node_along(tmp_path: Path) -> None:
    user = subprocess.Popen(
        [*USER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    lines = iter(user.stdout.readline, "")
    url = next(line.strip() for line in lines if line.startswith("http"))
    node = anvil_pid(url)
    assert node is not None
    user.kill()
    user.communicate()
    wait_for(
        lambda: not psutil.pid_exists(node) or psutil.Process(node).status() == psutil.STATUS_ZOMBIE
    )
    with DevChain(tmp_path):  # and the folder is free again
        pass


def test_one_folder_has_one_chain_at_a_time(devchain: DevChain, tmp_path: Path) -> None:
    with pytest.raises(DevChainBusy):
        DevChain(tmp_path / "chain").start()
    assert devchain.is_running()


def test_keys_are_our_own_and_private(tmp_path: Path) -> None:
    chains = [DevChain(tmp_path / name) for name in ("one", "two")]
    addresses = {key.address for chain in chains for key in (chain.deployer, chain.oracle_key)}
    assert len(addresses) == 4
    assert stat.S_IMODE((tmp_path / "one" / "keys.json").stat().st_mode) == 0o600
    with chains[0] as chain, json_rpc(chain.rpc_url) as rpc:
        assert rpc.call("eth_accounts") == []  # nobody may send without a key
        assert rpc.number("eth_getBalance", chain.account("anybody").address, "latest") > 0
        assert rpc.number("eth_chainId") == chain.chain_id == 31_337


def test_a_state_that_cannot_be_loaded_is_reported_and_left_alone(tmp_path: Path) -> None:
    with DevChain(tmp_path):
        pass
    [state] = tmp_path.glob("state-*")
    state.write_bytes(state.read_bytes()[:-100])
    broken = state.read_bytes()
    with pytest.raises(DevChainStateUnusable, match="move the file away"):
        DevChain(tmp_path).start()
    assert state.read_bytes() == broken


def test_past_states_are_kept_in_memory_and_only_as_many_as_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anvil's own way is to write each state beyond 500 to the user's home."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    with DevChain(tmp_path / "chain") as chain, json_rpc(chain.rpc_url) as rpc:
        receipt = final(rpc, pay(chain, rpc))
        rpc.call("anvil_mine", hex(1_000))
        head = rpc.number("eth_blockNumber")
        balances = [
            rpc.number("eth_getBalance", receipt["to"], hex(head - back))
            for back in (0, PAST_STATES - 2)
        ]
        assert balances == [1, 1]
        with pytest.raises(ChainError, match=r"(?i)state|block"):
            rpc.call("eth_getBalance", receipt["to"], hex(head - PAST_STATES - 2))
        assert rpc.call("eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
        assert (
            rpc.call("eth_getBlockByNumber", receipt["blockNumber"], False)["hash"]
            == receipt["blockHash"]
        )
    assert sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) == 0


def test_a_missing_anvil_is_reported_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(AnvilMissing, match="npm ci --prefix contracts"):
        DevChain(tmp_path, anvil=tmp_path / "nowhere").start()


def test_the_program_is_found_in_the_npm_package() -> None:
    assert find_anvil().name == "anvil"
    assert find_anvil().stat().st_size > 10_000_000  # the binary, not the script that starts it
