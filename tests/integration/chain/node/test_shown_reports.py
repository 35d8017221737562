"""A contract's re-analysis of an attested original: the node shows the report that it replaces."""

from integration.chain.chain_world import World, fresh_hash

from oracle.chain.contracts import verify
from oracle.chain.contracts.consumer import post_id_of, transact
from oracle.chain.core.wire import hexed
from oracle.chain.sender import shows
from storage.chain import calls, outbox


def attested(world: World, post_id: bytes, content_hash: bytes, creator: bytes) -> None:
    """The post's first result is an attestation of ours, in a final block."""
    world.attest(post_id, content_hash, creator=creator)
    world.drive(world.node())
    result = verify.find_result(world.client, post_id)
    assert result is not None and result.content_hash is None


def test_an_answer_that_needs_it_has_it_shown_first(world: World) -> None:
    """The consumer names a post that was attested in its name space before it asked."""
    name, content = fresh_hash(), fresh_hash()
    post_id = post_id_of(world.client, world.consumer, world.asker.address, name)
    attested(world, post_id, content, world.asker.address)
    asked = world.request(name=name, content_hash=content, creator=world.asker.address)
    node = world.node()

    def answered() -> bool:
        world.run_now()
        return world.settled()

    world.drive(node, until=answered)
    with world.db.transaction() as conn:
        (call,) = calls.select(conn, "key like %s", ("show %",))
        answer = outbox.select(conn, "request_id = %s", (asked,))[0]
    assert (call.sender, answer.status) == ("oracle", "final")
    assert answer.tries > 0, "the contract refused it until then"
    result = verify.find_result(world.client, post_id)
    assert result is not None and (result.content_hash, result.revision) == (content, 2)


def test_an_owner_has_it_analysed_again_once_it_is_shown(world: World) -> None:
    post_id, content = fresh_hash(), fresh_hash()
    attested(world, post_id, content, world.asker.address)
    found = shows.look(world.db, world.client, post_id)
    assert not found.shown
    with world.db.transaction() as conn:
        assert shows.want(conn, found.report)
        assert not shows.want(conn, found.report)
    node = world.node()
    world.drive(node, until=lambda: shows.look(world.db, world.client, post_id).shown)
    again = (
        post_id,
        content,
        1,
        hexed(world.asker.address),
        hexed(bytes(20)),
        0,
        0,
        "https://example.org/picture.jpg",
        bytes(32),
    )
    data = world.client.hub_abi.call_data("requestVerification", again)
    transact(world.client, world.asker, world.client.hub, data)
    world.drive(node, until=lambda: len(world.fulfilments()) == 2)
    result = verify.find_result(world.client, post_id)
    assert result is not None and result.revision == 2
