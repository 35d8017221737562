"""Two endpoints of one chain: the one that fails, lags or lies is set aside and named."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_abi.abi import encode
from integration.chain.chain_world import World
from integration.chain.faulty_rpc import (
    Call,
    Fault,
    FaultyRpc,
    accept_then_drop,
    constant,
    drop,
    faulty_rpc,
    on_method,
)
from web3.exceptions import OffchainLookup

from oracle.chain.core.deployment import load_artifact
from oracle.chain.core.wire import hexed
from oracle.chain.errors import ChainError, ChainUnavailable
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.chain.rpc.endpoints import Standing


@pytest.fixture
def bad(world: World) -> Iterator[FaultyRpc]:
    with faulty_rpc(world.anvil.url) as endpoint:
        yield endpoint


def two(world: World, bad: FaultyRpc) -> ChainClient:
    """The faulty endpoint first, so that it is the one in use."""
    return ChainClient(
        [Endpoint(bad.url, timeout_s=2.0), Endpoint(world.anvil.url)], world.deployment
    )


def standing(client: ChainClient) -> Standing:
    return client.endpoint.health[0].standing


def deliver(world: World, client: ChainClient) -> None:
    """Drive one request to its end, through whatever the node raises and retries."""
    asked = world.request()
    node = world.node(client=client)
    for _ in range(40):
        try:
            node.step()
        except ChainError as exc:
            assert exc.retryable, exc
        if world.settled():
            break
        world.anvil.mine()
    assert world.fulfilments() == [asked]
    node.close()


def test_an_endpoint_that_is_down_is_passed_over(world: World, bad: FaultyRpc) -> None:
    client = two(world, bad)
    bad.fault = drop
    deliver(world, client)
    assert standing(client) is Standing.UNREACHABLE


def test_an_endpoint_that_dies_in_the_middle_is_replaced(world: World, bad: FaultyRpc) -> None:
    client = two(world, bad)
    bad.fault = on_method("eth_sendRawTransaction", accept_then_drop)
    deliver(world, client)


def test_an_endpoint_of_another_chain_is_named(world: World, bad: FaultyRpc) -> None:
    client = two(world, bad)
    bad.fault = on_method("eth_chainId", constant("0x1"))
    deliver(world, client)
    assert standing(client) is Standing.WRONG_CHAIN
    assert "chain 1" in client.endpoint.health[0].reason


def test_an_endpoint_that_lags_is_passed_over_and_comes_back(world: World, bad: FaultyRpc) -> None:
    client = two(world, bad)
    bad.fault = frozen_at(world.anvil.height())
    world.anvil.mine(8)
    deliver(world, client)
    assert standing(client) is Standing.BEHIND
    bad.fault = None
    client.look(None)
    assert standing(client) is Standing.ALIVE


def test_an_endpoint_that_lies_about_a_final_block_is_named(world: World, bad: FaultyRpc) -> None:
    client = two(world, bad)
    world.anvil.mine(3)
    bad.fault = on_method("eth_getBlockByNumber", forged_hash(world.anvil.finalized()))
    client.look(None)
    assert standing(client) is Standing.DISAGREES
    assert client.endpoint.name == Endpoint(world.anvil.url).name
    deliver(world, client)


def test_a_lie_about_what_was_final_is_no_breach(world: World, bad: FaultyRpc) -> None:
    client = two(world, bad)
    deliver(world, client)
    height = world.anvil.finalized()
    node = world.node(client=client)
    node.step()
    bad.fault = on_method("eth_getBlockByNumber", forged_hash(height))
    assert node.step() is True
    assert standing(client) is Standing.DISAGREES
    assert f"final block {height}" in client.endpoint.health[0].reason


def test_an_endpoint_that_hides_logs_loses_its_place(world: World, bad: FaultyRpc) -> None:
    client = two(world, bad)
    bad.fault = on_method("eth_getLogs", constant([]))
    world.anvil.mine(6)
    deliver(world, client)


def test_with_no_endpoint_left_the_node_says_so(world: World, bad: FaultyRpc) -> None:
    bad.fault = drop
    client = ChainClient(
        [Endpoint(bad.url, timeout_s=1.0), Endpoint("http://127.0.0.1:1")], world.deployment
    )
    with pytest.raises(ChainUnavailable, match="No endpoint is usable"):
        world.node(client=client).step()


def frozen_at(height: int) -> Fault:
    """Every block above this height is not there yet."""

    def fault(call: Call, forward: Callable[[Call], Any]) -> Any:
        if call["method"] == "eth_blockNumber":
            return constant(hex(height))(call, forward)
        if call["method"] == "eth_getBlockByNumber" and call["params"][0] in (
            "latest",
            "finalized",
        ):
            depth = 2 if call["params"][0] == "finalized" else 0
            call = call | {"params": [hex(height - depth), False]}
        return forward(call)

    return fault


def forged_hash(height: int) -> Fault:
    """One block has another hash than the chain gives it."""

    def fault(call: Call, forward: Callable[[Call], Any]) -> Any:
        answer = forward(call)
        block = answer.get("result")
        if block and int(block["number"], 16) == height:
            block["hash"] = "0x" + "66" * 32
        return answer

    return fault


def test_web3_speaks_through_the_endpoints_that_the_node_chooses(
    world: World, bad: FaultyRpc
) -> None:
    client = two(world, bad)
    bad.fault = drop
    client.look(None)
    assert client.web3.eth.chain_id == world.deployment.chain_id
    bad.fault = None
    away = ChainClient(Endpoint("http://127.0.0.1:1", timeout_s=1.0), world.deployment)
    with pytest.raises(ChainUnavailable):
        _ = away.web3.eth.chain_id


def test_a_contract_cannot_choose_what_is_fetched(world: World, bad: FaultyRpc) -> None:
    """EIP-3668: a call that reverts with a URL makes web3 fetch it, unless told not to."""
    sender = world.deployment.hub
    lookup = encode(
        ["address", "string[]", "bytes", "bytes4", "bytes"],
        [sender, [f"{bad.url}/{{data}}"], b"", b"\1" * 4, b""],
    )
    revert = {
        "code": 3,
        "message": "execution reverted",
        "data": hexed(bytes.fromhex("556f1830") + lookup),
    }
    bad.fault = on_method(
        "eth_call", lambda call, _: {"jsonrpc": "2.0", "id": call["id"], "error": revert}
    )
    w3 = ChainClient(Endpoint(bad.url), world.deployment).web3
    hub = w3.eth.contract(w3.to_checksum_address(sender), abi=load_artifact("PoCHub").abi)
    with pytest.raises(OffchainLookup):
        hub.functions.requestCount().call()
    assert bad.calls.count("eth_call") == 1
