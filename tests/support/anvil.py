"""A bare Anvil with its well-known accounts, for tests that mine, revert and reorganise."""

import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from oracle.chain.devnet.anvil import KEEP_STATES_IN_MEMORY, find_anvil, wait_until_up
from oracle.chain.devnet.jsonrpc import JsonRpc
from oracle.processes import die_with_parent

FIRST_PORT, PORTS_OF_A_WORKER, WORKERS_WITH_PORTS = 16_000, 1_000, 16
# A snapshot is lost with its block: a test may replace some that are older than its own.
DEEPEST_REORG = 8
MNEMONIC = "test test test test test test test test test test test junk"
CHAIN_ID = 31_337


@dataclass(frozen=True)
class AnvilNode:
    """A running node: every transaction gets a block of its own at once, unless automine is off."""

    url: str
    process: "subprocess.Popen[bytes]"
    rpc: JsonRpc
    chain_id: int = CHAIN_ID

    def account(self, index: int = 0) -> LocalAccount:
        """One of the ten accounts with 10 000 ether."""
        Account.enable_unaudited_hdwallet_features()
        return Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")

    def call(self, method: str, *params: object) -> Any:
        return self.rpc.call(method, *params)

    def receipt(self, transaction_hash: str, *, timeout_s: float = 10.0) -> dict[str, Any]:
        """The receipt, as soon as there is one: automine makes its block just after the send has
        returned.
        """
        deadline = time.monotonic() + timeout_s
        while (receipt := self.call("eth_getTransactionReceipt", transaction_hash)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{transaction_hash} was not mined in {timeout_s} s")
            time.sleep(0.01)
        return dict(receipt)

    def mine(self, blocks: int = 1) -> int:
        """Add blocks. Returns: the new height."""
        for _ in range(blocks):
            self.call("evm_mine")
        return self.height()

    def reorg(self, depth: int) -> int:
        """Replace the last `depth` blocks by as many empty ones. Returns: the height, unchanged."""
        self.call("anvil_reorg", depth, [])
        return self.height()

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """What happens in the block has not happened afterwards: blocks, balances, nonces, code,
        and the clock.
        """
        snapshot = self.call("evm_snapshot")
        self.call("anvil_mine", DEEPEST_REORG)
        try:
            yield
        finally:
            self.set_automine(False)  # nothing of this is mined into the next one
            self.call("anvil_dropAllTransactions")
            if not self.call("evm_revert", snapshot):
                raise RuntimeError(f"Anvil has no snapshot {snapshot} any more.")
            self.call("anvil_dropAllTransactions")  # what the revert put back
            self.set_automine(True)
            self.call("evm_setTime", int(time.time()))

    def set_automine(self, on: bool) -> None:
        self.call("evm_setAutomine", on)

    def height(self) -> int:
        return self.rpc.number("eth_blockNumber")

    def finalized(self) -> int:
        return self.rpc.block_number("finalized")

    def block_hash(self, number: int) -> str:
        return str(self.call("eth_getBlockByNumber", hex(number), False)["hash"])


@contextmanager
def running_anvil(
    log: Path, *options: str, slots_in_an_epoch: int = 1, chain_id: int = CHAIN_ID
) -> Iterator[AnvilNode]:
    """A node on a free port for the length of a block; extra options go to anvil's command line."""
    port = free_port()
    argv = [str(find_anvil()), f"--port={port}", f"--chain-id={chain_id}", "--silent", *options]
    argv += [
        f"--slots-in-an-epoch={slots_in_an_epoch}",
        "--no-request-size-limit",
        KEEP_STATES_IN_MEMORY,
    ]
    argv += [f"--cache-path={log.parent}"]  # a reorganisation leaves an empty folder there
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, preexec_fn=die_with_parent())  # noqa: PLW1509
    rpc = JsonRpc(f"http://127.0.0.1:{port}")
    try:
        wait_until_up(process, rpc, log)
        yield AnvilNode(f"http://127.0.0.1:{port}", process, rpc, chain_id)
    finally:
        rpc.close()
        process.kill()
        process.wait()


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on right now, below those that the system hands out
    itself.

    Each worker of pytest-xdist has ports of its own: another one's server may not have bound its
    port yet.
    """
    worker = (
        int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_WITH_PORTS
    )
    while True:
        port = FIRST_PORT + worker * PORTS_OF_A_WORKER + random.randrange(PORTS_OF_A_WORKER)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
