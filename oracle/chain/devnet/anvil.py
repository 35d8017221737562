"""Find and start the anvil program."""

import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from oracle.chain.devnet.errors import AnvilMissing, DevChainError, DevChainFailed
from oracle.chain.devnet.jsonrpc import JsonRpc
from oracle.processes import die_with_parent

# The npm package @foundry-rs/anvil is a script that starts one of these. The binary is started
# directly: this saves a Node process, which would not pass a SIGKILL on.
NPM_PLATFORMS = {
    ("linux", "x86_64"): "linux-amd64",
    ("linux", "aarch64"): "linux-arm64",
    ("darwin", "arm64"): "darwin-arm64",
    ("darwin", "x86_64"): "darwin-amd64",
}
NODE_MODULES = Path(__file__).resolve().parents[3] / "contracts" / "node_modules"
START_TIMEOUT_S = 60.0
# How many states of past blocks to keep, for calls at a block: many times the two blocks to
# finality, and no more, as each is a copy of all that the contracts store. Anvil's default writes
# them whole below the user's home, where a killed node leaves them: 5.9 GB after 3 000 requests.
# Blocks, receipts and logs are kept in any case.
PAST_STATES = 32
KEEP_STATES_IN_MEMORY = f"--prune-history={PAST_STATES}"


def find_anvil(explicit: Path | None = None, node_modules: Path = NODE_MODULES) -> Path:
    """Return the binary: the given path, the npm package's, or PATH's. Raises: AnvilMissing."""
    if explicit is not None:
        if not explicit.is_file():
            raise AnvilMissing(
                f"There is no anvil at {explicit}. Install it with: npm ci --prefix contracts"
            )
        return explicit
    system = NPM_PLATFORMS.get((sys.platform, platform.machine()))
    packaged = node_modules / "@foundry-rs" / f"anvil-{system}" / "bin" / "anvil"
    if packaged.is_file():
        return packaged
    on_path = shutil.which("anvil")
    if on_path is None:
        raise AnvilMissing
    return Path(on_path)


@dataclass(frozen=True)
class AnvilOptions:
    """How a node is started."""

    binary: Path
    port: int
    chain_id: int
    slots_in_an_epoch: int = 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def argv(self) -> list[str]:
        return [
            str(self.binary),
            "--host=127.0.0.1",
            f"--port={self.port}",
            f"--chain-id={self.chain_id}",
            f"--slots-in-an-epoch={self.slots_in_an_epoch}",
            "--no-mining",  # blocks are made by BlockProducer
            KEEP_STATES_IN_MEMORY,
            "--accounts=0",  # no well-known keys
            "--no-cors",  # no web page may call it
            "--no-request-size-limit",  # loading a state takes one large request
            "--silent",  # otherwise it prints a line for every call
        ]


def start_anvil(options: AnvilOptions, log: Path) -> "subprocess.Popen[bytes]":
    """Start a node and wait until it answers; it dies with the calling thread.

    Raises: DevChainFailed.
    """
    with log.open("wb") as output:
        node = subprocess.Popen(
            options.argv(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a Ctrl-C in the terminal is for our parent
            preexec_fn=die_with_parent(),  # noqa: PLW1509 (it makes two system calls, no more)
        )
    rpc = JsonRpc(options.url)
    try:
        wait_until_up(node, rpc, log)
        # Another server may have been listening on the port all along.
        if node.poll() is not None or rpc.number("eth_chainId") != options.chain_id:
            raise DevChainFailed(f"Port {options.port} is taken by another server.")
    except DevChainError:
        node.kill()
        node.wait()
        raise
    finally:
        rpc.close()
    return node


def wait_until_up(node: "subprocess.Popen[bytes]", rpc: JsonRpc, log: Path) -> None:
    """Wait until the node answers. Raises: DevChainFailed if it ends or does not answer in time."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _answers(rpc):
        if node.poll() is not None or time.monotonic() > deadline:
            raise DevChainFailed(
                f"Anvil did not start. It said: {log.read_text(errors='replace')[-2000:]}"
            )
        time.sleep(0.02)


def _answers(rpc: JsonRpc) -> bool:
    try:
        rpc.call("eth_chainId")
    except DevChainFailed:
        return False
    return True
