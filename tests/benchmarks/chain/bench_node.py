"""How fast the node answers, what a result costs, and how soon it is back after kill -9.

Run: python tests/benchmarks/chain/bench_node.py [--requests 200] [--kills 10] Real Postgres, real
Anvil (a block for each transaction), each node a thread of this process for the rates and a process
of its own for the kills. Analysis takes no time here: it is the chain path alone.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[3]))

from integration.chain.chain_world import World, fresh_hash, make_world
from integration.chain.quorum_world import Quorum
from support.answers import answers_on_chain
from support.anvil import AnvilNode, running_anvil
from support.databases import FAST_SETTINGS, cloned_database, make_template

from oracle.chain.core.wire import hexed
from oracle.chain.node.node import ChainNode
from oracle.chain.sender.submitter import BatchLimits
from storage.database import Database
from storage.embedded import EmbeddedPostgres


class Bench:
    """The servers, and fresh databases on them."""

    def __init__(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(EmbeddedPostgres(folder / "postgres", settings=FAST_SETTINGS))
        self.dsn = server.dsn
        self.template = make_template(server.dsn)
        self.anvil: AnvilNode = stack.enter_context(running_anvil(folder / "anvil.log"))

    @contextmanager
    def databases(self, count: int) -> Iterator[list[Database]]:
        with ExitStack() as stack:
            opened = []
            for _ in range(count):
                db = Database(
                    stack.enter_context(cloned_database(self.dsn, self.template)), max_size=6
                )
                db.open()
                stack.callback(db.close)
                opened.append(db)
            yield opened


def one_node(bench: Bench, requests: int, batches: BatchLimits) -> tuple[float, list[int]]:
    """(requests a second, gas of each transaction by result) of a burst."""
    with bench.databases(1) as (db,):
        world = make_world(bench.anvil, db)
        node = world.node(poll_interval_s=0.01, batches=batches)
        asked = [world.request(content_hash=fresh_hash()) for _ in range(requests)]
        seconds = answered_in(world, [node], len(asked))
        return requests / seconds, gas_of_results(world)


def alone(bench: Bench, samples: int) -> list[int]:
    """Blocks from event to inclusion for requests that come one by one."""
    with bench.databases(1) as (db,):
        world = make_world(bench.anvil, db)
        node = world.node(confirmations=1)
        for _ in range(samples):
            world.request(content_hash=fresh_hash())
            world.drive(node)
        return blocks_waited(world)


def four_nodes(bench: Bench, requests: int) -> float:
    """Requests a second of four nodes that sign three of four."""
    with bench.databases(4) as databases:
        quorum = Quorum(bench.anvil, databases)
        asked = [quorum.request() for _ in range(requests)]
        quorum.start(0, 1, 2, 3, turn_s=5.0)
        try:
            nodes = [member.node for member in quorum.members if member.node is not None]
            return requests / answered_in(quorum.members[0].world, nodes, len(asked))
        finally:
            quorum.close()


def answered_in(world: World, nodes: list[ChainNode], count: int) -> float:
    """Seconds until every request has its answer in a block."""
    stop = threading.Event()
    threads = [threading.Thread(target=node.run, args=(stop,)) for node in nodes]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    while len(world.fulfilments()) < count:
        time.sleep(0.05)
    seconds = time.monotonic() - started
    stop.set()
    for thread in threads:
        thread.join()
    assert len(set(world.fulfilments())) == len(world.fulfilments()) == count
    return seconds


def gas_of_results(world: World) -> list[int]:
    by_tx: dict[bytes, int] = {}
    for _, entry in answers_on_chain(world.client, world.deployment.block_number):
        by_tx[entry.tx_hash] = by_tx.get(entry.tx_hash, 0) + 1
    receipts = world.client.find_receipts(list(by_tx))
    return [r.gas_used // by_tx[r.tx_hash] for r in receipts if r is not None]


def blocks_waited(world: World) -> list[int]:
    with world.db.transaction() as conn:
        rows = conn.execute(
            "select outbox.block_number - inbox.block_number from outbox join inbox using"
            " (request_id) where outbox.block_number is not null"
        ).fetchall()
    return [row[0] for row in rows]


def recovery(bench: Bench, kills: int) -> list[float]:
    """Seconds from the start of a new process to the answer of the request its predecessor died
    over.
    """
    script = Path(__file__).parents[2] / "integration" / "chain" / "node" / "node_process.py"
    times = []
    with bench.databases(1) as (db,), tempfile.TemporaryDirectory() as folder:
        world = make_world(bench.anvil, db)
        deployment = Path(folder) / "deployment.json"
        deployment.write_text(world.deployment.to_json())
        key = hexed(world.signer._account.key)
        argv = [sys.executable, str(script), db.dsn, bench.anvil.url, str(deployment), key]
        for kill in range(kills):
            answered = len(world.fulfilments())
            world.request(content_hash=fresh_hash())
            bench.anvil.mine(2)
            # After the signed bytes are stored and before they are sent.
            subprocess.run([*argv, "6"], check=False, capture_output=True, timeout=60)
            started = time.monotonic()
            process = subprocess.Popen(
                [*argv, "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while len(world.fulfilments()) == answered and time.monotonic() - started < 60:
                time.sleep(0.01)
            times.append(time.monotonic() - started)
            bench.anvil.mine(3)
            time.sleep(0.2)
            process.kill()
            process.wait()
            assert len(world.fulfilments()) == kill + 1
    return times


def spread(values: list[int] | list[float]) -> str:
    return (
        f"min {min(values):.2f}, median {statistics.median(values):.2f}, max {max(values):.2f}"
        f" (n = {len(values)})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with ExitStack() as stack:
        bench = Bench(stack)
        print(
            f"{os.cpu_count()} cores; bursts of {options.requests} requests with a callback of 200"
            " 000 gas"
        )
        rate, gas = one_node(bench, options.requests, BatchLimits(largest=1))
        print(
            f"1 node, one result a transaction: {rate:.1f} requests/s; gas a result {spread(gas)}"
        )
        rate, gas = one_node(bench, options.requests, BatchLimits())
        print(
            f"1 node, batches of up to 16:      {rate:.1f} requests/s; gas a result {spread(gas)}"
        )
        print(
            "blocks from event to inclusion, requests one by one, 1 confirmation:"
            f" {spread(alone(bench, 20))}"
        )
        print(
            f"4 nodes, 3 signatures:            {four_nodes(bench, options.requests):.1f}"
            " requests/s"
        )
        print(
            "from process start to the answer, after kill -9:"
            f" {spread(recovery(bench, options.kills))} s"
        )


if __name__ == "__main__":
    main()
