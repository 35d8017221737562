"""New heads wake the node; nothing depends on them."""

import threading
import time

import pytest
from integration.chain.chain_world import World, wait_for
from support.anvil import AnvilNode, free_port

from oracle.chain.rpc.new_heads import HeadWatcher


@pytest.fixture
def heads(anvil: AnvilNode):  # type: ignore[no-untyped-def]
    watcher = HeadWatcher(anvil.url.replace("http", "ws"))
    yield watcher
    watcher.close()


def test_every_new_head_sets_the_event(anvil: AnvilNode, heads: HeadWatcher) -> None:
    assert heads.woken.wait(10), "the answer to the subscription"
    for _ in range(3):
        time.sleep(0.2)
        heads.woken.clear()
        anvil.mine()
        assert heads.woken.wait(5)


def test_a_sleeping_node_answers_as_soon_as_a_block_comes(world: World, heads: HeadWatcher) -> None:
    node = world.node(poll_interval_s=600.0, heads=heads)
    stop = threading.Event()
    thread = threading.Thread(target=node.run, args=(stop,))
    thread.start()
    try:
        time.sleep(1.0)
        asked = world.request()
        wait_for(lambda: world.anvil.mine() and world.fulfilments() == [asked])
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_an_endpoint_that_is_away_costs_nothing() -> None:
    watcher = HeadWatcher(f"ws://127.0.0.1:{free_port()}")
    assert not watcher.woken.wait(0.5)
    started = time.monotonic()
    watcher.close()
    assert time.monotonic() - started < 3
