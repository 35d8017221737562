"""The sender of the paymaster's calls as a process of its own that kills itself (SIGKILL) at the
n-th point it passes.

Usage: python sender_process.py DSN RPC_URL DEPLOYMENT_FILE KEY_HEX KILL_AT; 0 never kills.
"""

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from oracle.chain.core.deployment import Deployment
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.chain.sender.calls import CallSender
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
    sender = CallSender(
        db,
        ChainClient(Endpoint(rpc_url), Deployment.from_json(Path(deployment_file).read_text())),
        {"paymaster": LocalSigner(key)},
        timeouts=RetryTimeouts(timedelta(seconds=0.2), timedelta(minutes=5)),
        failpoint=failpoint,
    )
    while True:
        sender.step()
        time.sleep(0.02)


main()
