"""The chain on disk.

Anvil's own `--state FILE --state-interval N` truncates the file and writes it in place, without
fsync (seen with strace on 1.7.1): a kill in that moment leaves half a chain. Here a snapshot
replaces the last one whole or not at all.
"""

import os
from pathlib import Path

from oracle.chain.devnet.errors import DevChainFailed, DevChainStateUnusable
from oracle.chain.devnet.jsonrpc import JsonRpc
from oracle.chain.errors import RpcRefused


class StateFile:
    """One snapshot (Anvil's gzipped JSON): blocks, transactions, receipts with logs, head state."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        return self.path.exists()

    def save(self, rpc: JsonRpc) -> None:
        """Replace the snapshot by the current chain; it is durable when this returns.

        Raises: DevChainFailed.
        """
        snapshot = bytes.fromhex(str(rpc.call("anvil_dumpState")).removeprefix("0x"))
        draft = self.path.with_suffix(".new")
        try:
            with draft.open("wb") as file:
                file.write(snapshot)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as exc:
            raise DevChainFailed(f"The chain cannot be saved to {self.path}: {exc}") from exc

    def load(self, rpc: JsonRpc) -> None:
        """Load the snapshot into a fresh node. Raises: DevChainStateUnusable."""
        try:
            loaded = rpc.call("anvil_loadState", "0x" + self.path.read_bytes().hex())
        except RpcRefused as exc:
            raise DevChainStateUnusable(
                f"Anvil cannot load {self.path} ({exc.reason}). It may come from a newer Anvil; to"
                " begin a new chain, move the file away and deploy the contracts again."
            ) from exc
        if loaded is not True:
            raise DevChainStateUnusable(f"Anvil did not accept {self.path}.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
