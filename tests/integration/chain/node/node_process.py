"""A chain node as a process of its own that kills itself (SIGKILL) at the n-th point it passes.

Usage: python node_process.py DSN RPC_URL DEPLOYMENT_FILE KEY_HEX KILL_AT; 0 never kills.
"""

import os
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from integration.chain.chain_world import accept

from oracle.chain.core.deployment import Deployment
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.node.node import ChainNode
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from storage.database import Database


def main() -> None:
    dsn, rpc_url, deployment_file, key, kill_at = sys.argv[1:]
    passed = 0

    def failpoint(_name: str) -> None:
        nonlocal passed
        passed += 1
        if passed == int(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)

    db = Database(dsn, max_size=2)
    db.open()
    deployment = Deployment.from_json(Path(deployment_file).read_text())
    node = ChainNode(
        db,
        ChainClient(Endpoint(rpc_url), deployment),
        LocalSigner(key),
        on_request=lambda conn, request: accept(conn, request, decide=True),
        confirmations=1,
        poll_interval_s=0.02,
        timeouts=RetryTimeouts(
            resend_after=timedelta(seconds=0.2), bump_after=timedelta(minutes=5)
        ),
        failpoint=failpoint,
    )
    node.run(threading.Event())


main()
