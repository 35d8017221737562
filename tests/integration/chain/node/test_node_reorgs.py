"""Blocks that vanish: at depth 1, at the confirmation depth, and past finality."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from integration.chain.chain_world import World, wait_for
from integration.chain.faulty_rpc import Call, drop, faulty_rpc, on_method

from oracle.chain.contracts import verify
from oracle.chain.contracts.consumer import transact
from oracle.chain.contracts.verify import RequestStatus
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.core.wire import hexed
from oracle.chain.errors import FinalityBreached, WrongChain
from oracle.chain.node.node import ChainNode, clear_latch
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from storage.chain import node_status, requests


def attempts(world: World) -> list[tuple[bytes, int, bool]]:
    with world.db.transaction() as conn:
        return conn.execute(
            "select tx_hash, sends, cancelling from chain_attempts order by signed_at"
        ).fetchall()


def step_until_included(world: World, node: ChainNode) -> None:
    wait_for(lambda: node.step() and world.outbox()[0].status == "included")


def reorg_depth(world: World) -> int:
    with world.db.transaction() as conn:
        return node_status.get(conn).last_reorg_depth


def test_an_answer_that_a_reorg_takes_out_is_sent_again_with_the_same_bytes(world: World) -> None:
    node = world.node()
    asked = world.request()
    step_until_included(world, node)
    mined_in = world.outbox()[0].block_number
    assert mined_in == world.anvil.height()
    world.anvil.reorg(1)
    node.step()
    assert reorg_depth(world) == 1
    world.drive(node)
    ((_, sends, cancelling),) = attempts(world)
    assert (sends, cancelling) == (2, False)
    assert world.fulfilments() == [asked]
    assert world.outbox()[0].block_number != mined_in


def test_a_request_that_vanishes_before_its_confirmations_is_never_answered(world: World) -> None:
    node = world.node(confirmations=2)
    world.anvil.mine(2)
    asked = world.request()
    node.step()
    world.anvil.mine()
    node.step()
    world.anvil.reorg(2)
    world.anvil.mine(4)
    node.step()
    with world.db.transaction() as conn:
        assert requests.find(conn, asked) is None
        assert requests.counts(conn).orphaned == 1
    assert attempts(world) == []
    assert verify.read_request(world.client, asked).status is RequestStatus.NONE
    assert (world.outbox()[0].status, world.outbox()[0].error_code) == ("refused", "request_gone")


def test_a_request_that_is_gone_for_good_is_closed_and_opened_when_it_comes_again(
    world: World,
) -> None:
    node = world.node(confirmations=2)
    world.anvil.mine(2)
    post_id = bytes([9]) * 32
    asked = world.request(name=post_id)
    node.step()
    world.anvil.reorg(1)
    node.step()
    assert world.outbox()[0].status == "pending", "its block is not final: it may still come again"
    world.anvil.mine(4)
    node.step()
    (row,) = world.outbox()
    assert (row.status, row.error_code) == ("refused", "request_gone")
    assert "as soon as the request comes again" in (row.error_detail or "")
    node.close()
    later = world.node(confirmations=2)
    assert world.request(name=post_id) == asked
    world.drive(later)
    assert world.outbox()[0].status == "final"
    assert world.fulfilments() == [asked]
    assert len(world.seen) == 1


def test_an_answer_that_reverts_as_its_request_is_gone_costs_gas_and_nothing_else(
    world: World,
) -> None:
    """Its signed bytes are everybody's: after a reorg they may be mined before the request is.

    The hub refuses what nobody asked, so that the revert has no effect, and the answer goes again.
    """
    node = world.node()
    world.anvil.mine(2)
    post_id = bytes([9]) * 32
    asked = world.request(name=post_id)
    step_until_included(world, node)
    (answer,) = sent_bytes(world)
    world.anvil.reorg(2)
    world.anvil.call("eth_sendRawTransaction", hexed(answer))
    world.anvil.mine()
    assert world.request(name=post_id) == asked
    node.step()
    assert world.fulfilments() == []

    def settled() -> bool:
        world.run_now()
        return world.settled()

    world.drive(node, until=settled)
    with world.db.transaction() as conn:
        statuses = conn.execute("select status from chain_transactions order by nonce").fetchall()
    assert statuses == [("reverted",), ("final",)]
    assert world.fulfilments() == [asked]


def sent_bytes(world: World) -> list[bytes]:
    with world.db.transaction() as conn:
        return [bytes(row[0]) for row in conn.execute("select raw from chain_attempts").fetchall()]


def test_a_nonce_that_another_had_spent_on_a_chain_that_is_set_back_is_free_again(
    world: World,
) -> None:
    """The chain loses its last blocks for good, finality or not: what the stranger spent is
    unspent, and blocks every later nonce until it is spent on nothing.
    """

    def use_the_key(name: str) -> None:
        if name == "after_store" and not used:
            used.append(name)
            transact(world.client, world.signer, world.asker.address, b"")

    before = world.anvil.call("evm_snapshot")
    used: list[str] = []
    world.attest()
    node = world.node(failpoint=use_the_key)
    for _ in range(12):
        node.step()
        world.anvil.mine()
        world.run_now()
    assert world.outbox()[0].status == "final"
    with world.db.transaction() as conn:
        nonces = conn.execute("select nonce, status from chain_transactions order by nonce")
        assert nonces.fetchall() == [(0, "void"), (1, "final")]
    world.anvil.call("evm_revert", before)
    world.anvil.mine(20)
    with pytest.raises(FinalityBreached):
        node.step()
    assert clear_latch(world.db)
    world.attest()
    world.run_now()
    world.drive(node)
    assert len(world.fulfilments()) == 2
    assert {row.status for row in world.outbox()} == {"final"}


def test_a_chain_that_was_made_anew_under_the_same_contracts_is_refused(world: World) -> None:
    """Id, addresses and code are the same, as on a development chain that is deployed to again."""
    other = replace(world.deployment, block_hash=hexed(bytes(32)))
    client = ChainClient(Endpoint(world.anvil.url), other)
    with pytest.raises(WrongChain, match=r"made anew.*empty database"):
        world.node(client=client).run(threading.Event())


def test_a_chain_that_comes_back_as_another_one_after_an_outage_is_refused(world: World) -> None:
    stop = threading.Event()
    with faulty_rpc(world.anvil.url) as proxy:
        client = ChainClient(Endpoint(proxy.url), world.deployment)
        runner = threading.Thread(
            target=world.node(client=client, poll_interval_s=0.02).run, args=(stop,)
        )
        runner.start()
        try:
            wait_for(lambda: status(world).head_number is not None)
            proxy.fault = drop
            wait_for(lambda: status(world).error_code == "chain_unavailable")
            first = hex(world.deployment.block_number)

            def another_block(call: Call, forward: Callable[[Call], Any]) -> Any:
                answer = forward(call)
                if call["params"][0] == first:
                    answer["result"]["hash"] = hexed(bytes([7]) * 32)
                return answer

            proxy.fault = on_method("eth_getBlockByNumber", another_block)
            wait_for(lambda: status(world).error_code == "wrong_chain")
            world.attest()
            world.anvil.mine()
            assert world.outbox()[0].status == "pending"
            proxy.fault = None
            wait_for(lambda: world.anvil.mine() > 0 and world.settled())
        finally:
            stop.set()
            runner.join()


def status(world: World) -> node_status.NodeStatus:
    with world.db.transaction() as conn:
        return node_status.get(conn)


def test_a_request_that_comes_back_is_answered_without_a_second_analysis(world: World) -> None:
    node = world.node(confirmations=2)
    world.anvil.mine(2)
    post_id = bytes([9]) * 32
    asked = world.request(name=post_id)
    node.step()
    world.anvil.reorg(1)
    node.step()
    assert world.request(name=post_id) == asked
    world.drive(node)
    assert [seen.request_id for seen in world.seen] == [asked]
    assert world.fulfilments() == [asked]


def test_a_request_with_another_uri_is_another_request(world: World) -> None:
    """The id binds the URI: what comes back after a reorg with another one cannot have the first
    one's answer.
    """
    node = world.node(confirmations=2)
    world.anvil.mine(2)
    post_id = bytes([9]) * 32
    asked = world.request(uri="https://example.org/mine.jpg", name=post_id)
    node.step()
    world.anvil.reorg(1)
    node.step()
    other = world.request(uri="https://example.org/other.jpg", name=post_id)
    assert other != asked
    world.drive(node, until=lambda: second_is_final(world))
    assert world.outbox()[0].error_code == "request_gone"
    assert world.fulfilments() == [other]


def test_an_answer_on_its_way_is_not_that_of_a_request_with_another_uri(world: World) -> None:
    node = world.node(timeouts=RetryTimeouts(resend_after=timedelta(0), bump_after=timedelta(0)))
    world.anvil.mine(2)
    post_id = bytes([9]) * 32
    asked = world.request(uri="https://example.org/mine.jpg", name=post_id)
    step_until_included(world, node)
    world.anvil.reorg(2)
    other = world.request(uri="https://example.org/other.jpg", name=post_id)
    assert other != asked
    node.step()
    world.run_now()
    world.drive(node, until=lambda: second_is_final(world))
    assert world.outbox()[0].status != "final"
    assert world.fulfilments() == [other]


def second_is_final(world: World) -> bool:
    return [row.status for row in world.outbox()[1:]] == ["final"]


def test_request_and_answer_gone_together_free_the_nonce_and_lose_nothing(world: World) -> None:
    """The answer would revert, and its nonce would hold up every later decision: it is spent on
    nothing.
    """
    node = world.node(timeouts=RetryTimeouts(resend_after=timedelta(0), bump_after=timedelta(0)))
    world.anvil.mine(2)
    post_id = bytes([9]) * 32
    asked = world.request(name=post_id)
    step_until_included(world, node)
    world.anvil.reorg(2)
    node.step()
    world.attest()
    world.drive(node, until=lambda: world.outbox()[1].status == "final")
    assert [cancelling for _, _, cancelling in attempts(world)] == [False, True, False]
    assert world.outbox()[0].status == "pending"
    assert world.request(name=post_id) == asked
    world.run_now()
    world.drive(node)
    assert sorted(world.fulfilments()) == sorted([asked, world.outbox()[1].request_id])


def test_a_breach_of_finality_latches_until_an_operator_clears_it(world: World) -> None:
    node = world.node()
    asked = world.request()
    world.drive(node)
    final_block = world.outbox()[0].block_number
    assert final_block is not None
    world.anvil.reorg(world.anvil.height() - final_block + 1)
    with pytest.raises(FinalityBreached):
        node.step()
    node.close()

    later = world.node()
    world.attest()
    assert later.step() is False
    assert world.outbox()[1].status == "pending"
    with world.db.transaction() as conn:
        status = node_status.get(conn)
    assert status.latched and "was final" in str(status.latch_reason)

    assert clear_latch(world.db) is True
    assert clear_latch(world.db) is False
    world.drive(later)
    with world.db.transaction() as conn:
        assert not node_status.get(conn).latched
    assert sorted(world.fulfilments()) == sorted([asked, world.outbox()[1].request_id])
    assert {row.status for row in world.outbox()} == {"final"}


def test_reorgs_at_every_depth_up_to_finality_lose_nothing(world: World) -> None:
    node = world.node()
    asked = []
    for depth in (1, 2, 1, 2):
        asked.append(world.request())
        node.step()
        world.anvil.mine(depth - 1)
        node.step()
        world.anvil.reorg(depth)
        node.step()
        node.step()
    # What the reorgs took from the asker is gone for good; the hub's own count says what is left.
    world.anvil.mine(3)
    for _ in range(10):
        world.run_now()
        node.step()
        world.anvil.mine()
    on_chain = [
        id_
        for id_ in asked
        if verify.read_request(world.client, id_).status is not RequestStatus.NONE
    ]
    assert sorted(set(world.fulfilments())) == sorted(world.fulfilments())
    assert set(world.fulfilments()) == set(on_chain)
