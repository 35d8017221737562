"""The development chain as one object."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from eth_account.signers.local import LocalAccount

from oracle.chain.devnet.anvil import AnvilOptions, find_anvil, start_anvil
from oracle.chain.devnet.errors import (
    DevChainBusy,
    DevChainError,
    DevChainFailed,
    DevChainStateUnusable,
)
from oracle.chain.devnet.jsonrpc import JsonRpc, json_rpc
from oracle.chain.devnet.keys import KeyRing
from oracle.chain.devnet.producer import BlockProducer, Step, finalize_head
from oracle.chain.devnet.state import StateFile
from oracle.chain.devnet.tickets import Tickets
from oracle.chain.errors import RpcRefused
from storage.embedded.file_lock import FileLock

log = structlog.get_logger(__name__)

DEFAULT_CHAIN_ID = 31_337
POLL_S = 0.1
PATIENCE_S = 300.0  # with a process that runs and does not answer
FUNDS_WEI = 10_000 * 10**18
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.1, 5.0


class DevChain:
    """Anvil on 127.0.0.1 with accounts of its own and a state that survives restarts and crashes.

    One thread owns the node: it starts it, makes its blocks, saves its state, and restarts it on
    the same port with the saved state when it dies. The node dies with that thread, and so with
    this process.

    Args:
        data_dir: Folder for state, keys and log; made if absent. One process at a time.
        anvil: The program; found in contracts/node_modules or on PATH if not given.
        port: 0 picks a free one at every start().
        chain_id: Each id has a state of its own in the folder.
        slots_in_an_epoch: A block is final once twice as many blocks follow it.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        anvil: Path | None = None,
        port: int = 0,
        chain_id: int = DEFAULT_CHAIN_ID,
        slots_in_an_epoch: int = 1,
    ) -> None:
        self._folder = data_dir.absolute()
        self._anvil = anvil
        self._port = port
        self._chain_id = chain_id
        self._slots = slots_in_an_epoch
        self._lock = FileLock(self._folder / "chain.lock")
        self._state = StateFile(self._folder / f"state-{chain_id}.json.gz")
        self._keys = KeyRing(self._folder / "keys.json")
        self._stop = threading.Event()
        self._saves = Tickets()
        self._thread: threading.Thread | None = None
        self._node: subprocess.Popen[bytes] | None = None
        self._failure: DevChainError | None = None
        self._options: AnvilOptions | None = None

    @property
    def rpc_url(self) -> str:
        """URL of the node. Raises: DevChainError before start()."""
        if self._options is None:
            raise DevChainError("The embedded chain has not been started.")
        return self._options.url

    @property
    def chain_id(self) -> int:
        return self._chain_id

    @property
    def deployer(self) -> LocalAccount:
        """Account that deploys and governs the contracts."""
        return self.account("deployer")

    @property
    def oracle_key(self) -> LocalAccount:
        """Account that signs reports and sends the oracle's transactions."""
        return self.account("oracle")

    def account(self, name: str) -> LocalAccount:
        """Return the account of this name: random at first, then always the same.

        It is funded if the chain runs.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = self._keys.account(name)
        if self.is_running():
            self.fund(account.address)
        return account

    def fund(self, address: str, wei: int = FUNDS_WEI) -> None:
        """Set an address to this balance, unless it has at least half of it."""
        with json_rpc(self.rpc_url) as rpc:
            raised = _top_up(rpc, address, wei)
        if raised:
            self.save()  # no block is made that would trigger it

    def save(self, timeout_s: float = 60.0) -> None:
        """Wait until all that was mined before this call is on disk. Raises: DevChainFailed."""
        if not self._saves.request_and_wait(timeout_s):
            raise DevChainFailed(f"The chain was not saved within {timeout_s:.0f} s.")

    def start(self) -> str:
        """Start the chain from its saved state. Returns: its RPC URL.

        Raises: AnvilMissing, DevChainBusy, DevChainFailed, DevChainStateUnusable.
        """
        if self._thread is not None:
            return self.rpc_url
        binary = find_anvil(self._anvil)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._lock.try_acquire():
            raise DevChainBusy(
                f"Another process runs the chain in {self._folder}; stop it, or use its RPC URL."
            )
        options = AnvilOptions(binary, self._port or _free_port(), self._chain_id, self._slots)
        self._options = options
        self._stop.clear()
        self._failure = None
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(options, ready.set), name="devnet", daemon=True
        )
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self.stop()
            raise self._failure
        log.info(
            "devnet.started",
            rpc_url=self.rpc_url,
            chain_id=self._chain_id,
            folder=str(self._folder),
        )
        return self.rpc_url

    def stop(self) -> None:
        """Save the chain and stop it, if it runs."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._lock.release()

    def is_running(self) -> bool:
        """Tell whether the node is up."""
        return self._thread is not None and self._node is not None and self._node.poll() is None

    def _run(self, options: AnvilOptions, ready: Callable[[], None]) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                self._serve_once(options, ready)
                failures = 0
                self._stop.wait(FIRST_BACKOFF_S)
            except DevChainError as exc:
                failures += 1
                self._failure = exc
                ready()
                log.error("devnet.failed", error=str(exc), code=exc.code, failures=failures)
                if isinstance(exc, DevChainStateUnusable):
                    return
                self._stop.wait(min(FIRST_BACKOFF_S * 2**failures, MAX_BACKOFF_S))

    def _serve_once(self, options: AnvilOptions, ready: Callable[[], None]) -> None:
        """Run one node until it dies or `stop` is called.

        Raises: DevChainError if it did not get ready.
        """
        node = start_anvil(options, self._folder / "anvil.log")
        try:
            with json_rpc(options.url) as rpc:
                if self._state.exists():
                    self._state.load(rpc)
                finalize_head(rpc, options.slots_in_an_epoch)
                for name in ("deployer", "oracle"):
                    _top_up(rpc, self._keys.account(name).address)
                self._state.save(rpc)
                self._node = node
                self._failure = None
                ready()
                self._produce(rpc)
        finally:
            self._node = None
            node.kill()  # everything that matters is saved
            node.wait()

    def _produce(self, rpc: JsonRpc) -> None:
        try:
            producer = BlockProducer(rpc, self._state, self._slots)
            answered_at = time.monotonic()
            while not self._stop.is_set():
                try:
                    self._produce_once(producer)
                    answered_at = time.monotonic()
                except DevChainFailed as exc:
                    # A node that is slow is not dead: to start it anew would take it longer still.
                    if not self.is_running() or time.monotonic() - answered_at > PATIENCE_S:
                        raise
                    log.warning("devnet.slow", error=str(exc))
                    self._stop.wait(FIRST_BACKOFF_S)
            producer.save()
        except (DevChainFailed, RpcRefused) as exc:
            log.error("devnet.died", error=str(exc), next="starting it again with the saved chain")

    def _produce_once(self, producer: BlockProducer) -> None:
        if (request := self._saves.waiting()) is not None:
            producer.save()
            self._saves.serve(request)
        if producer.step() is Step.WAIT:
            self._stop.wait(POLL_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _top_up(rpc: JsonRpc, address: str, wei: int = FUNDS_WEI) -> bool:
    if rpc.number("eth_getBalance", address, "latest") >= wei // 2:
        return False
    rpc.call("anvil_setBalance", address, hex(wei))
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
