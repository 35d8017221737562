"""An oracle on servers of its own, as a child process, for the demo and the end-to-end tests."""

import functools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2

from oracle.bringup import WEI_PER_CENT
from oracle.chain.core.deployment import Deployment
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.errors import ConfigurationError
from oracle.payouts.onchain import PayoutAsset
from oracle.tasks.reconciliation import Reconciler
from storage.database import Database

START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 120.0
REQUEST_TIMEOUT_S = 60.0
ADMIN_TOKEN = secrets.token_hex()  # of the servers that this process starts


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A running oracle: its API, the chain it writes to, its database and its root process."""

    folder: Path
    api: httpx2.Client
    chain: ChainClient
    rpc_url: str
    dsn: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def running_oracle(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Run `oracle up` with its data in a folder, and stop it as Ctrl-C does.

    Its output is in oracle.log in that folder. Raises: ConfigurationError if it does not start.
    """
    port = _free_port()
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "CHAIN_RPC_URL", "BLOBS_URL")
    }
    env |= {
        "ORACLE_DATA_DIR": str(folder),
        "ORACLE_HTTP__PORT": str(port),
        "ORACLE_FETCH__ALLOW_PRIVATE": "true",
        "ORACLE_HTTP__ADMIN_TOKEN": ADMIN_TOKEN,
        "ORACLE_CLIP__FETCH": "false",  # 600 MB, and on another day other candidates
    }
    env |= settings or {}
    log = folder / "oracle.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "oracle", "up"], env=env, stdout=output, stderr=output
        )
    api = httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", timeout=REQUEST_TIMEOUT_S, trust_env=False
    )
    try:
        _wait_until_ready(process, api, log)
        public = json.loads((folder / "running.json").read_text())
        deployment = Deployment.from_json(Path(public["deployment"]).read_text())
        yield Stage(
            folder=folder,
            api=api,
            chain=ChainClient(Endpoint(public["rpc"]), deployment),
            rpc_url=public["rpc"],
            dsn=public["database"],
            process=process,
        )
    finally:
        api.close()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(timeout=STOP_TIMEOUT_S)


def _wait_until_ready(process: "subprocess.Popen[bytes]", api: httpx2.Client, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if api.get("/readyz").status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.3)
    raise ConfigurationError(
        f"The oracle did not start; its last words:\n{log.read_text()[-3000:]}"
    )


def differences(stage: Stage) -> list[str]:
    """What ledger and contract disagree on at the last final block, in words."""
    db = Database(stage.dsn)
    db.open()
    try:
        asset = PayoutAsset(units_per_cent=WEI_PER_CENT)
        found = Reconciler(db, stage.chain, asset).run(datetime.now(UTC))
    finally:
        db.close()
    return [f"{each.subject}: {each.detail}" for each in found]


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[str]:
    """Serve files on this machine, for requests of contracts to point at. Yields: the base URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
