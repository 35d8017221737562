"""The scheduler's part in a ruling as a process that kills itself (SIGKILL) at the n-th point.

Points are the commits of its transactions and the sender's failpoints. It drives the chain's clock
over the delay of the correction, too. Usage: python ruling_process.py DSN RPC_URL DEPLOYMENT_FILE
KEYS_JSON KILL_AT; 0 never kills, and the number of points is printed at the end.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from oracle.chain.core.deployment import Deployment
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.chain.sender.calls import CallSender
from oracle.tasks.chain_cases import ChainCases
from storage.database import Connection, Database

ROUNDS = 14
DELAY_S = 3 * 86_400 + 60


class Points:
    """Counts what is passed, and dies at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.passed, self._kill_at = 0, kill_at

    def __call__(self, _name: str = "") -> None:
        self.passed += 1
        if self.passed == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class KillingDatabase(Database):
    """Every commit is a point."""

    points: Points

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as conn:
            yield conn
        self.points()


def main() -> None:
    dsn, rpc_url, deployment_file, keys, kill_at = sys.argv[1:]
    db, plain = KillingDatabase(dsn, max_size=2), Database(dsn, max_size=1)
    db.points = points = Points(int(kill_at))
    db.open()
    plain.open()
    deployment = Deployment.from_json(Path(deployment_file).read_text())
    client = ChainClient(Endpoint(rpc_url), deployment)
    cases = ChainCases(db, client, may_claim=True, deadlines_every_s=0)
    signers = {role: LocalSigner(key) for role, key in json.loads(keys).items()}
    timeouts = RetryTimeouts(timedelta(0), timedelta(hours=1))
    sender = CallSender(db, client, signers, timeouts=timeouts, failpoint=points)
    waited = False
    for _ in range(ROUNDS):
        with plain.transaction() as conn:
            conn.execute("update rulings set next_try_at = '-infinity'")
            conn.execute("update chain_calls set next_try_at = '-infinity'")
            proposed = conn.execute("select correction_id from rulings").fetchone()
        if proposed and proposed[0] and not waited:
            client.endpoint.request("evm_increaseTime", DELAY_S)
            waited = True
        cases.tick(datetime.fromtimestamp(client.head().timestamp, UTC))
        sender.step()
        for _ in range(4):
            client.endpoint.request("evm_mine")
        sender.step()
    print(points.passed)


main()
