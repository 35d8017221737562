"""Two nodes with one key and two databases: one stops, with the reason, and contradicts nothing."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from integration.chain.chain_world import World, make_world
from integration.chain.quorum_world import Member, Quorum, _Others, clock
from support.contracts import Contracts
from support.databases import cloned_database

from oracle.chain.contracts.consumer import transact
from oracle.chain.core.readiness import problems
from oracle.chain.core.report import domain_separator
from oracle.chain.core.wire import address_bytes
from oracle.chain.errors import KeyUsedElsewhere
from oracle.chain.node.node import ChainNode, clear_latch
from oracle.chain.quorum import namesakes
from oracle.chain.quorum.peers import QuorumSettings, seal
from storage.chain import node_status
from storage.database import Database
from storage.embedded import EmbeddedPostgres


@pytest.fixture
def another_database(
    postgres_server: EmbeddedPostgres, database_template: str
) -> Iterator[Database]:
    with cloned_database(postgres_server.dsn, database_template) as dsn:
        db = Database(dsn, max_size=4)
        db.open()
        yield db
        db.close()


@pytest.fixture
def second(world: World, contracts: Contracts, another_database: Database) -> World:
    """The same hub and the same key, with a database of its own."""
    return make_world(world.anvil, another_database, contracts.hub)


def why(world: World) -> str | None:
    """The sentence by which a node is stopped, as `/readyz` shows it."""
    with world.db.transaction() as conn:
        found = problems(node_status.get(conn), datetime.now(UTC))
    return next((one.detail for one in found if one.code == "key_used_elsewhere"), None)


def test_a_report_that_another_node_brought_stops_the_one_that_does_not_know_it(
    world: World, second: World
) -> None:
    first_node, second_node = world.node(), second.node(confirmations=2)
    first_node.step(), second_node.step()
    asked = world.request()
    second_node.step()
    first_node.step()
    world.drive(first_node)
    with pytest.raises(KeyUsedElsewhere):
        second_node.step()
    assert "a second node uses the key" in (why(second) or "")
    assert why(world) is None
    second.attest()
    assert second_node.step() is False
    assert [row.status for row in second.outbox()] == ["pending", "pending"]
    assert world.fulfilments() == [asked]


def test_a_nonce_that_both_have_signed_for_stops_the_one_that_lost_it(
    world: World, second: World
) -> None:
    first_node, second_node = world.node(), second.node()
    first_node.step(), second_node.step()
    world.anvil.set_automine(False)
    try:
        second.attest()
        second_node.step()
        second.anvil.call("anvil_dropAllTransactions")
        world.attest()
        first_node.step()
        world.anvil.mine()
    finally:
        world.anvil.set_automine(True)
    world.drive(first_node)
    with pytest.raises(KeyUsedElsewhere):
        for _ in range(10):
            second_node.step()
            world.anvil.mine()
    assert why(second) is not None and why(world) is None


def test_once_the_other_is_stopped_the_node_goes_on(world: World, second: World) -> None:
    first_node, second_node = world.node(), second.node()
    first_node.step(), second_node.step()
    world.attest()
    world.drive(first_node)
    with pytest.raises(KeyUsedElsewhere):
        second_node.step()
    first_node.close()
    assert clear_latch(second.db)
    second.attest()
    second.drive(second_node)
    assert why(second) is None
    assert len(second.fulfilments()) == 2


def test_what_a_person_sends_with_the_key_is_no_second_node(world: World) -> None:
    node = world.node()
    node.step()
    for _ in range(3):
        transact(world.client, world.signer, world.asker.address, b"")
    world.attest()
    world.drive(node)
    assert why(world) is None
    with world.db.transaction() as conn:
        assert node_status.get(conn).nonce_known == 3, "ours counts once it is settled"


def start_second(four: Quorum, index: int, db: Database) -> tuple[Member, ChainNode]:
    """Another node with a member's key, known to no peer by its address."""
    original = four.members[index].world
    world = World(
        four.anvil, db, four.deployment, original.client, original.signer, original.asker, b""
    )
    member = Member(world, 1_030, {})
    settings = QuorumSettings(
        peers=_Others(four.urls, original.signer.address), turn_s=0.2, timeout_s=2
    )
    return member, world.node(on_request=member.on_request, quorum=settings)


def test_peers_tell_a_second_node_of_the_first_before_it_says_anything(
    four: Quorum, another_database: Database
) -> None:
    four.start(0, 1, 2, 3)
    asked = [four.request()]
    four.drive(asked)
    _, second_node = start_second(four, 0, another_database)
    with pytest.raises(KeyUsedElsewhere, match="second node"):
        second_node.run(threading.Event())
    asked.append(four.request())
    four.drive(asked)
    for member in four.members:
        with member.world.db.transaction() as conn:
            assert conn.execute("select count(*) from equivocations").fetchone() == (0,)


def test_the_first_goes_on_when_it_hears_of_a_second(
    four: Quorum, another_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namesakes, "HELLO_EVERY_S", 0.0)
    four.start(0, 1, 2, 3)
    four.step()
    _, second_node = start_second(four, 0, another_database)
    with pytest.raises(KeyUsedElsewhere):
        second_node.run(threading.Event())
    asked = [four.request()]
    four.drive(asked)


def test_a_peer_cannot_make_a_second_node_up(four: Quorum) -> None:
    """What it tells must be signed by our key, and not be old."""
    liar, victim = four.signers[3], four.signers[0]
    domain = domain_separator(four.deployment.chain_id, address_bytes(four.deployment.hub))
    body = {"instance": "0", "since": 0.0}

    def handle(_sender: bytes, message: dict[str, Any]) -> dict[str, Any]:
        told = [
            seal(liar, domain, victim.address, clock(), body),
            seal(victim, domain, victim.address, clock() - 90, body),
            {"sender": "x"},
            7,
        ]
        return {"others": told} if message["kind"] == "hello" else {}

    four.lie(3, handle)
    four.start(0, 1, 2)
    four.drive([four.request()])
