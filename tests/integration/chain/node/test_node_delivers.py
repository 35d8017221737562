"""Requests and decisions reach the chain exactly once, on a real Anvil and a real Postgres."""

from hexbytes import HexBytes
from integration.chain.chain_world import CREATOR, World, decide_request, draft_of, fresh_hash

from oracle.chain.contracts import verify
from oracle.chain.contracts.consumer import post_id_of, received_result, transact
from oracle.chain.contracts.verify import RequestStatus
from oracle.chain.core import report
from oracle.chain.core.ids import attestation_id, post_id_in, request_id
from oracle.chain.core.report import MediaType, Outcome, PoCReport
from oracle.chain.core.wire import hexed
from storage.chain import node_status, requests
from storage.works import policies


def test_a_request_is_read_once_and_answered_once(world: World) -> None:
    node = world.node()
    asked = world.request(uri="https://example.org/a.jpg")
    world.drive(node)
    for _ in range(3):
        world.anvil.mine()
        node.step()
    assert [seen.request_id for seen in world.seen] == [asked]
    assert world.seen[0].uri == "https://example.org/a.jpg"
    assert world.fulfilments() == [asked]
    (row,) = world.outbox()
    assert (row.status, row.kind) == ("final", "fulfill")
    assert verify.read_request(world.client, asked).status is RequestStatus.FULFILLED
    assert (
        received_result(world.client, world.consumer, world.seen[0].post_id)["outcome"]
        == Outcome.ORIGINAL
    )


def test_an_upload_is_attested_once_and_can_be_read_back(world: World) -> None:
    original = fresh_hash()
    world.attest(
        outcome=Outcome.DERIVATIVE,
        similarity_bps=9_800,
        original_creator=bytes([7]) * 20,
        original_post_id=original,
    )
    node = world.node()
    world.drive(node)
    world.drive(world.node())
    (row,) = world.outbox()
    assert row.tx_hash is not None
    post_id = bytes.fromhex(row.report["post_id"][2:])
    result = verify.find_result(world.client, post_id)
    assert result is not None
    assert (result.outcome, result.similarity_bps, result.redirect_bps) == (
        Outcome.DERIVATIVE,
        9_800,
        6_000,
    )
    assert (result.original_creator, result.original_post_id) == (bytes([7]) * 20, original)
    assert verify.read_redirect(world.client, post_id) == verify.Redirect(bytes([7]) * 20, 6_000)
    assert not verify.has_badge(world.client, post_id)
    fulfilment = verify.find_fulfilment(world.client, row.tx_hash, row.request_id)
    assert (
        fulfilment is not None and fulfilment.final and fulfilment.block_number == row.block_number
    )
    assert world.fulfilments() == [row.request_id]


def test_an_original_gets_its_badge(world: World) -> None:
    world.attest()
    world.drive(world.node())
    assert verify.has_badge(world.client, bytes.fromhex(world.outbox()[0].report["post_id"][2:]))


def test_the_digest_signed_here_is_the_digest_the_hub_computes(world: World) -> None:
    world.attest()
    world.drive(world.node())
    (row,) = world.outbox()
    assert row.signed_report is not None
    signed = PoCReport.from_dict(row.signed_report)
    assert row.digest == report.digest(signed, world.client.chain_id, world.client.hub)
    assert row.digest == world.client.hub_read("hashReport", signed.as_tuple())


def test_the_batch_signed_here_is_the_batch_the_hub_computes(world: World) -> None:
    roots, client = world.deployment.result_roots, world.client
    for count in (1, 2, 5, 16):
        reports = [
            draft_of(fresh_hash(), fresh_hash()).complete(
                observed_at=1, valid_until=2, signer_epoch=3
            )
            for _ in range(count)
        ]
        leaves = [client.read("ResultRoots", roots, "leafOf", one.as_tuple()) for one in reports]
        root = client.read("ResultRoots", roots, "rootOf", leaves)
        assert root == report.batch_root(reports)
        assert report.batch_digest(reports, 2, 3, client.chain_id, client.hub) == client.hub_read(
            "hashBatch", root, count, 2, 3
        )


def test_waiting_attestations_share_a_transaction_and_a_signature(world: World) -> None:
    for _ in range(6):
        world.attest()
    world.drive(world.node())
    rows = world.outbox()
    assert [row.status for row in rows] == ["final"] * 6
    (tx_hash,) = {row.tx_hash for row in rows}
    assert tx_hash is not None
    call = world.client.web3.eth.get_transaction(HexBytes(tx_hash))["input"]
    (selector,) = world.client.hub_abi.selectors(("attestBatch",))
    assert call[:4] == selector
    for row in rows:
        assert row.signed_report is not None
        signed = PoCReport.from_dict(row.signed_report)
        result = verify.find_result(world.client, signed.post_id)
        assert result is not None
        assert result.commitment == report.commitment(signed)
        assert result.content_hash is None  # of an original, until somebody shows it
        assert result.first_recorded_at == result.recorded_at
        found = verify.find_fulfilment(world.client, tx_hash, row.request_id)
        assert found is not None
        assert found.report == signed


def test_an_attestation_that_somebody_transmitted_is_taken_over(world: World) -> None:
    """The registry refuses it a second time; the event of the first is found by its id."""
    node = world.node()
    world.attest()
    world.drive(node)
    with world.db.transaction() as conn:
        conn.execute(
            "update outbox set status = 'pending', transaction_id = null, tx_hash = null,"
            " block_number = null"
        )
    world.drive(node)
    (row,) = world.outbox()
    assert row.status == "final" and row.tx_hash is not None
    assert world.fulfilments() == [row.request_id]


def test_ids_agree_with_the_hub(world: World) -> None:
    name, content_hash = fresh_hash(), fresh_hash()
    post_id = post_id_of(world.client, world.consumer, world.asker.address, name)
    key = world.client.read(
        "ExampleConsumer", hexed(world.consumer), "keyOf", hexed(world.asker.address), name
    )
    assert post_id == post_id_in(world.client.chain_id, world.client.hub, world.consumer, key)
    ours = attestation_id(world.client.chain_id, world.client.hub, post_id, content_hash)
    assert ours == world.client.hub_read("attestationId", post_id, content_hash)
    asked = world.request(name=name, content_hash=content_hash, media_type=MediaType.AUDIO)
    assert asked == request_id(
        world.client.chain_id,
        world.client.hub,
        world.consumer,
        1,
        post_id,
        content_hash,
        MediaType.AUDIO,
        CREATOR,
        0,
        b"https://example.org/picture.jpg",
    )


def test_an_answer_waits_for_the_confirmations_of_its_request(world: World) -> None:
    node = world.node(confirmations=3)
    world.request()
    for _ in range(3):
        node.step()
        assert world.outbox()[0].status == "pending"
        world.anvil.mine()
    node.step()
    assert world.outbox()[0].status == "sent"
    world.drive(node)


def test_a_declined_request_stays_unanswered(world: World) -> None:
    node = world.node(on_request=lambda _conn, _request: None)
    asked = world.request()
    node.step()
    with world.db.transaction() as conn:
        counts = requests.counts(conn)
    assert (counts.declined, counts.waiting) == (1, 0)
    assert verify.read_request(world.client, asked).status is RequestStatus.PENDING


def test_one_request_that_trips_the_use_case_does_not_keep_others_waiting(world: World) -> None:
    def fussy(conn, request):  # type: ignore[no-untyped-def]
        if request.uri == "bad" and len(world.seen) < 2:
            world.seen.append(request)
            conn.execute("select 1 / 0")
        return world.on_request(conn, request)

    node = world.node(on_request=fussy)
    bad, good = world.request(uri="bad"), world.request(uri="good")
    world.drive(node)
    assert world.fulfilments() == [good]
    world.run_now()
    node.step()
    world.drive(node)
    assert world.fulfilments() == [good, bad]


def test_a_uri_of_any_bytes_is_read(world: World) -> None:
    data = world.client.hub_abi.call_data(
        "requestVerification",
        (
            fresh_hash(),
            bytes(32),
            1,
            "0x" + CREATOR.hex(),
            "0x" + bytes(20).hex(),
            0,
            0,
            "PLACEHOLDER",
            bytes(32),
        ),
    ).replace(b"PLACEHOLDER", b"\xff\x00\xfe\x00bad-utf8"[:11])
    transact(world.client, world.asker, world.client.hub, data)
    world.node().step()
    assert world.seen[0].uri == "\\xff\\x00\\xfe\\x00bad-utf"


def test_a_report_the_contract_can_never_take_is_refused_with_its_reason(world: World) -> None:
    world.attest(outcome=Outcome.DERIVATIVE, similarity_bps=9_900)  # and no original creator
    world.attest()
    world.drive(world.node())
    refused, fine = world.outbox()
    assert (refused.status, refused.error_code) == ("refused", "MissingOriginalCreator")
    assert fine.status == "final"
    assert len(world.fulfilments()) == 1


def test_a_cancelled_request_is_refused(world: World) -> None:
    world.decide = False
    node = world.node()
    asked = world.request()
    node.step()
    world.anvil.call("evm_increaseTime", 2 * 86_400)
    world.anvil.mine()
    transact(
        world.client,
        world.asker,
        world.client.hub,
        world.client.hub_abi.call_data("cancelRequest", asked),
    )
    with world.db.transaction() as conn:
        (analysis_id,) = conn.execute("select analysis_id from inbox").fetchone() or ()
        decide_request(conn, analysis_id, world.seen[0])
    world.drive(node)
    assert (world.outbox()[0].status, world.outbox()[0].error_code) == (
        "refused",
        "request_cancelled",
    )


def test_an_answer_that_somebody_transmitted_is_taken_over(world: World) -> None:
    """A copy of the database answers twice, as after a restored backup."""
    node = world.node()
    asked = world.request()
    world.drive(node)
    with world.db.transaction() as conn:
        conn.execute(
            "update outbox set status = 'pending', transaction_id = null, tx_hash = null,"
            " block_number = null"
        )
    world.drive(node)
    (row,) = world.outbox()
    assert row.status == "final" and row.tx_hash is not None
    assert world.fulfilments() == [asked]


def test_policies_follow_the_contract_by_version(world: World) -> None:
    node = world.node()
    node.step()
    with world.db.transaction() as conn:
        assert policies.current(conn, "video") == policies.Policy(1, "video", 9_500, 10_000)
        assert policies.at(conn, 1, "audio").threshold_bps == 9_500


def test_the_status_row_says_what_readiness_needs(world: World) -> None:
    world.request()
    world.drive(world.node())
    with world.db.transaction() as conn:
        status = node_status.get(conn)
    assert status.sender == world.signer.address
    assert status.cursor_number == status.head_number
    assert status.balance_wei is not None and 0 < status.balance_wei < 10**20
    assert status.last_poll_at is not None and status.error_code is None and not status.latched


def test_the_same_event_twice_is_one_request(world: World) -> None:
    node = world.node()
    world.request()
    node.step()
    (request,) = world.seen
    with world.db.transaction() as conn:
        assert requests.note(conn, request) == "accepted"
        assert conn.execute("select count(*) from inbox").fetchone() == (1,)
    world.drive(node)
    assert len(world.fulfilments()) == 1
