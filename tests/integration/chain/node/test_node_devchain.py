"""The node on the embedded chain, whose Anvil is killed again and again in the middle of the
work.
"""

import os
import random
import signal
import threading
import time
from typing import Any

import psutil
from eth_account.signers.local import LocalAccount
from integration.chain.chain_world import World, make_world, wait_for

from oracle.chain.contracts import verify
from oracle.chain.contracts.verify import RequestStatus
from oracle.chain.devnet import DevChain
from oracle.chain.errors import ChainError
from storage.chain import node_status
from storage.database import Database

KILLS = 4


class DevAnvil:
    """The embedded chain where the tests expect a bare Anvil."""

    def __init__(self, chain: DevChain) -> None:
        self.chain = chain
        self.url = chain.rpc_url

    def account(self) -> LocalAccount:
        self.chain.fund(self.chain.deployer.address)
        return self.chain.deployer

    def call(self, method: str, *params: Any) -> None:
        assert method == "anvil_setBalance"
        self.chain.fund(str(params[0]))


def test_kills_of_the_embedded_chain_lose_nothing_that_it_keeps(
    devchain: DevChain, database_dsn: str
) -> None:
    db = Database(database_dsn, max_size=4)
    db.open()
    world = make_world(DevAnvil(devchain), db)  # type: ignore[arg-type]
    stop = threading.Event()
    runner = threading.Thread(
        target=world.node(poll_interval_s=0.05, confirmations=1).run, args=(stop,)
    )
    runner.start()
    rng = random.Random(7)
    asked: list[bytes] = []
    try:
        for _ in range(KILLS):
            asked.append(world.request())
            time.sleep(rng.uniform(0.0, 0.6))
            kill_anvil(devchain)
            wait_for(lambda: answers(world), timeout_s=30)
        asked.append(world.request())
        wait_for(lambda: all_answered(world, asked), timeout_s=60)
    finally:
        stop.set()
        runner.join()
        with db.transaction() as conn:
            status = node_status.get(conn)
        db.close()
    assert not status.latched, status.latch_reason


def all_answered(world: World, asked: list[bytes]) -> bool:
    """A kill may take a request with it, as a reorg would; each that the chain kept has one
    answer, final.
    """
    kept = {
        id_
        for id_ in asked
        if verify.read_request(world.client, id_).status is not RequestStatus.NONE
    }
    answered = world.fulfilments()
    assert len(answered) == len(set(answered)) and set(answered) <= kept
    final = {row.request_id for row in world.outbox() if row.status == "final"}
    return set(answered) == kept == final and asked[-1] in kept


def answers(world: World) -> bool:
    try:
        world.client.check()  # Anvil answers a moment before its saved chain is loaded
    except ChainError:
        return False
    return True


def kill_anvil(chain: DevChain) -> None:
    port = int(chain.rpc_url.rsplit(":", 1)[1])
    for child in psutil.Process().children(recursive=True):
        if any(
            c.status == psutil.CONN_LISTEN and c.laddr.port == port
            for c in child.net_connections("tcp")
        ):
            os.kill(child.pid, signal.SIGKILL)
            return
    raise AssertionError(f"Nothing listens on {port}.")
