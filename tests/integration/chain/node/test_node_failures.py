"""Endpoints that fail, and a node cut off between any two effects: nothing lost, nothing twice."""

import os
import threading
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from integration.chain.chain_world import World, wait_for
from integration.chain.faulty_rpc import (
    FaultyRpc,
    accept_then_drop,
    constant,
    drop,
    faulty_rpc,
    on_method,
    refusal,
)

from oracle.chain.contracts.consumer import transact
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.core.wire import hexed
from oracle.chain.errors import ChainUnavailable, WrongChain
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.node.node import ChainNode
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from storage.chain import node_status
from storage.errors import ForeignDeployment

POINTS = (
    "inbox_uncommitted",
    "inbox_committed",
    "signed",
    "before_store",
    "after_store",
    "before_send",
    "after_send",
    "included",
    "settled",
)


class Cut(Exception):
    """The process ends here."""


@pytest.fixture
def proxy(world: World) -> Iterator[FaultyRpc]:
    with faulty_rpc(world.anvil.url) as endpoint:
        yield endpoint


def client_of(world: World, proxy: FaultyRpc) -> ChainClient:
    return ChainClient(Endpoint(proxy.url, timeout_s=2.0), world.deployment)


def attempt_count(world: World) -> int:
    with world.db.transaction() as conn:
        row = conn.execute("select count(*) from chain_attempts").fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("point", POINTS)
def test_a_node_cut_off_at_any_point_is_continued_by_the_next(world: World, point: str) -> None:
    cuts: list[str] = []

    def cut(name: str) -> None:
        if name == point and not cuts:
            cuts.append(name)
            raise Cut

    asked = world.request()
    world.attest()
    first = world.node(failpoint=cut)
    for _ in range(8):
        try:
            first.step()
        except Cut:
            break
        world.anvil.mine()
    assert cuts == [point]
    first.close()
    world.drive(world.node())
    assert asked in world.fulfilments()
    assert sorted(world.fulfilments()) == sorted(row.request_id for row in world.outbox())
    assert attempt_count(world) == 2


def test_an_answer_lost_after_the_endpoint_took_the_transaction_is_no_second_transaction(
    world: World, proxy: FaultyRpc
) -> None:
    node = world.node(client=client_of(world, proxy))
    world.attest()
    proxy.fault = on_method("eth_sendRawTransaction", accept_then_drop)
    with pytest.raises(ChainUnavailable):
        node.step()
    assert world.outbox()[0].status == "sent"
    proxy.fault = None
    world.drive(node)
    assert attempt_count(world) == 1
    assert len(world.fulfilments()) == 1


def test_a_transaction_that_never_left_is_sent_later_with_the_same_bytes(
    world: World, proxy: FaultyRpc
) -> None:
    node = world.node(client=client_of(world, proxy))
    world.attest()
    proxy.fault = on_method("eth_sendRawTransaction", drop)
    with pytest.raises(ChainUnavailable):
        node.step()
    proxy.fault = None
    world.drive(node)
    assert attempt_count(world) == 1
    assert len(world.fulfilments()) == 1


def test_an_endpoint_that_is_down_mid_flight_costs_only_time(
    world: World, proxy: FaultyRpc
) -> None:
    stop = threading.Event()
    node = world.node(client=client_of(world, proxy), poll_interval_s=0.02)
    asked = world.request()
    runner = threading.Thread(target=node.run, args=(stop,))
    runner.start()
    try:
        wait_for(lambda: bool(world.outbox()) and world.outbox()[0].status == "included")
        proxy.fault = drop
        wait_for(lambda: status_code(world) == "chain_unavailable")
        world.anvil.mine(4)
        proxy.fault = None
        wait_for(world.settled)
        wait_for(lambda: status_code(world) is None)
    finally:
        stop.set()
        runner.join()
    assert world.fulfilments() == [asked]


def status_code(world: World) -> str | None:
    with world.db.transaction() as conn:
        return node_status.get(conn).error_code


def test_another_chain_is_refused_at_the_start(world: World, proxy: FaultyRpc) -> None:
    proxy.fault = on_method("eth_chainId", constant("0x1"))
    with pytest.raises(WrongChain, match="serves chain 1"):
        world.node(client=client_of(world, proxy)).run(threading.Event())


def test_a_database_of_another_hub_is_refused(world: World) -> None:
    with world.db.transaction() as conn:
        conn.execute(
            "insert into deployment (chain_id, hub, addresses) values (1, %s, '{}')",
            (bytes([1]) * 20,),
        )
    with pytest.raises(ForeignDeployment):
        world.node().run(threading.Event())


def test_logs_that_an_endpoint_hides_are_found_by_the_hubs_own_count(
    world: World, proxy: FaultyRpc
) -> None:
    asked = world.request()
    world.anvil.mine(4)
    node = world.node(client=client_of(world, proxy))
    proxy.fault = on_method("eth_getLogs", constant([]))
    node.step()
    assert world.seen == []
    proxy.fault = None
    world.anvil.mine()
    world.drive(node)
    assert world.fulfilments() == [asked]


def test_one_report_whose_gas_is_not_told_holds_up_no_other_of_its_batch(
    world: World, proxy: FaultyRpc
) -> None:
    for _ in range(5):
        world.attest()
    third = world.outbox()[2].request_id.hex()

    def refuse_third(call, forward):  # type: ignore[no-untyped-def]
        if third in call["params"][0]["data"]:
            return refusal(-32000, "gas required exceeds allowance")(call, forward)
        return forward(call)

    node = world.node(client=client_of(world, proxy))
    proxy.fault = on_method("eth_estimateGas", refuse_third)
    node.step()
    rows = world.outbox()
    assert [row.status for row in rows] == ["sent", "sent", "pending", "sent", "sent"]
    assert (rows[2].error_code, rows[2].error_detail) == (
        "rpc_refused",
        "gas required exceeds allowance",
    )
    proxy.fault = None
    world.run_now()
    world.drive(node)
    assert len(world.fulfilments()) == 5


def test_ranges_are_halved_until_the_endpoint_takes_them(world: World, proxy: FaultyRpc) -> None:
    asked = world.request()
    world.anvil.mine(40)

    def at_most_five(call, forward):  # type: ignore[no-untyped-def]
        query = call["params"][0]
        if "fromBlock" in query and int(query["toBlock"], 16) - int(query["fromBlock"], 16) >= 5:
            return refusal(-32005, "query exceeds limit")(call, forward)
        return forward(call)

    proxy.fault = on_method("eth_getLogs", at_most_five)
    world.drive(world.node(client=client_of(world, proxy)))
    assert world.fulfilments() == [asked]


def test_the_fee_is_raised_for_a_transaction_that_nobody_mines(world: World) -> None:
    world.anvil.set_automine(False)
    try:
        node = world.node(timeouts=RetryTimeouts(timedelta(0), timedelta(0)))
        world.attest()
        node.step()
        node.step()
        with world.db.transaction() as conn:
            fees = conn.execute(
                "select max_fee_wei, tip_wei from chain_attempts order by signed_at"
            ).fetchall()
        assert len(fees) == 2
        assert all(
            later * 8 >= earlier * 9 for earlier, later in zip(fees[0], fees[1], strict=True)
        )
        world.drive(node)
    finally:
        world.anvil.set_automine(True)
    assert len(world.fulfilments()) == 1


def test_a_fee_that_the_endpoint_refuses_as_too_low_is_raised_and_holds_up_nothing(
    world: World,
) -> None:
    """The base fee rises to 60 gwei between the signing and the sending; the cap is 500."""
    gwei = 10**9

    def rise(name: str) -> None:
        if name == "after_store" and not risen:
            risen.append(name)
            world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(60 * gwei))

    risen: list[str] = []
    world.attest()
    # Bumps of what waits in the pool are far off: only the refusal can raise the fee.
    node = world.node(failpoint=rise, timeouts=RetryTimeouts(timedelta(0), timedelta(minutes=5)))
    try:
        node.step()
        world.attest()  # behind it
        for _ in range(6):
            node.step()
        with world.db.transaction() as conn:
            sent = conn.execute(
                "select nonce, max_fee_wei, sends, last_error from chain_attempts a join"
                " chain_transactions t on t.id = transaction_id order by nonce, a.signed_at"
            ).fetchall()
        assert [(nonce, sends) for nonce, _, sends, _ in sent] == [(0, 1), (0, 1), (1, 1)]
        assert "base fee" in sent[0][3] and sent[0][1] < 60 * gwei < sent[1][1] <= 500 * gwei
        world.drive(node)
    finally:
        world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(gwei))
        world.anvil.mine()
    assert len(world.fulfilments()) == 2


def test_a_nonce_spent_by_a_stranger_is_given_up_and_the_decision_goes_again(world: World) -> None:
    """Somebody else uses the oracle's key: our transaction can never be mined."""

    def use_the_key(name: str) -> None:
        if name == "after_store" and not used:
            used.append(name)
            transact(world.client, world.signer, world.asker.address, b"")

    used: list[str] = []
    world.attest()
    node = world.node(failpoint=use_the_key)
    world.drive(node, until=lambda: bool(used))
    wait_for(lambda: step_and_retry(world, node))
    assert len(world.fulfilments()) == 1


def step_and_retry(world: World, node: ChainNode) -> bool:
    node.step()
    world.anvil.mine()
    world.run_now()
    return world.settled()


def test_a_missing_nonce_below_ours_is_filled(world: World) -> None:
    """A reorg undoes a stranger's transaction at nonce 0 and ours at nonce 1; only ours is sent
    again.
    """
    node = world.node()
    node.step()
    transact(world.client, world.signer, world.asker.address, b"")
    world.attest()
    wait_for(lambda: node.step() and world.outbox()[0].status == "included")
    world.anvil.reorg(2)
    world.drive(node)
    with world.db.transaction() as conn:
        spent = conn.execute(
            "select nonce, bool_or(cancelling) from chain_transactions t"
            " join chain_attempts a on a.transaction_id = t.id group by nonce order by nonce"
        ).fetchall()
    assert spent == [(0, True), (1, False)]
    assert len(world.fulfilments()) == 1


def test_connections_cut_by_the_database_are_replaced(world: World) -> None:
    stop = threading.Event()
    runner = threading.Thread(target=world.node(poll_interval_s=0.01).run, args=(stop,))
    runner.start()
    try:
        for _ in range(5):
            world.request()
            with psycopg.connect(world.db.dsn, autocommit=True) as admin:
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            world.anvil.mine(3)
        wait_for(lambda: len(world.outbox()) == 5)
        wait_for(lambda: world.anvil.mine() > 0 and world.settled())
    finally:
        stop.set()
        runner.join()
    assert len(world.fulfilments()) == len(set(world.fulfilments())) == 5


def test_a_second_node_on_one_database_stands_by(world: World) -> None:
    active, standby = world.node(), world.node()
    assert active.step() is True
    assert standby.step() is False
    active.close()
    assert standby.step() is True


def test_an_oracle_that_is_not_registered_waits_and_says_so(world: World) -> None:
    world.attest()
    registered, world.signer = world.signer, LocalSigner(os.urandom(32))
    world.anvil.call("anvil_setBalance", hexed(world.signer.address), hex(10**20))
    stranger = world.node()
    stranger.step()
    assert (world.outbox()[0].status, world.outbox()[0].error_code) == (
        "pending",
        "UnauthorizedOracle",
    )
    stranger.close()
    world.signer = registered
    world.run_now()
    world.drive(world.node())
    assert world.outbox()[0].status == "final"
