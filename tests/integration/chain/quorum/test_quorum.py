"""Four signers, three needed: late, down, wrong and lying nodes change nothing while the quorum
holds.
"""

import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from integration.chain.chain_world import draft_of, fresh_hash, wait_for
from integration.chain.quorum_world import ORIGINAL, Quorum, clock

from oracle.chain.contracts import verify
from oracle.chain.contracts.consumer import post_id_of, transact
from oracle.chain.core.report import (
    MediaType,
    Outcome,
    PoCReport,
    ReportDraft,
    digest,
    domain_separator,
)
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.quorum.observation import Observation, contradict, observe
from oracle.chain.quorum.peers import seal
from oracle.chain.rpc.client import REQUESTED


def test_four_nodes_answer_each_request_once_with_three_signatures(four: Quorum) -> None:
    for member, similarity in zip(four.members, (1_000, 1_010, 1_020, 1_030), strict=True):
        member.similarity_bps = similarity
    four.start(0, 1, 2, 3)
    asked = [four.request() for _ in range(3)]
    four.drive(asked)
    signed = [row for member in four.members for row in member.world.outbox() if row.signatures]
    assert {len(row.signatures or ()) for row in signed} == {3}
    # The lower median of all four, or of the three that were there first.
    assert {row.signed_report["similarity_bps"] for row in signed if row.signed_report} <= {
        1_010,
        1_020,
    }


def test_a_second_look_takes_as_many_signatures_as_it_asks_for(four: Quorum) -> None:
    client, asker = four.members[0].world.client, four.members[0].world.asker
    nobody = "0x" + "00" * 20
    asked = (
        fresh_hash(),
        fresh_hash(),
        int(MediaType.IMAGE),
        hexed(asker.address),
        nobody,
        0,
        4,
        "https://example.org/picture.jpg",
        bytes(32),
    )
    four.start(0, 1, 2)
    receipt = transact(
        client, asker, client.hub, client.hub_abi.call_data("requestVerification", asked)
    )
    topic = client.hub_abi.topic(REQUESTED)
    (request_id,) = [entry.topics[1] for entry in receipt.logs if entry.topics[0] == topic]
    for _ in range(10):
        four.step()
    assert four.members[0].world.fulfilments() == [], "three are a quorum, but four were asked for"
    four.start(3)
    four.drive([request_id])
    signed = [row for member in four.members for row in member.world.outbox() if row.signatures]
    assert {len(row.signatures or ()) for row in signed} == {4}


def test_one_node_down_changes_nothing(four: Quorum) -> None:
    four.start(0, 1, 2)
    # the one that is down is first in turn for some of them
    asked = [four.request() for _ in range(4)]
    four.drive(asked)


def test_without_a_quorum_nothing_is_sent_and_it_says_why(four: Quorum) -> None:
    four.start(0, 1)
    asked = four.request()
    pair = four.members[:2]

    def both_have_tried() -> bool:
        for member in pair:
            assert member.node is not None
            member.node.step()
        return all(
            row.error_code == "no_agreement" for member in pair for row in member.world.outbox()
        )

    wait_for(both_have_tried)  # each in its turn
    assert pair[0].world.fulfilments() == []
    four.start(2)
    four.drive([asked])


def test_a_node_that_is_wrong_is_outvoted(four: Quorum) -> None:
    four.members[3].similarity_bps = 9_900
    four.members[3].changes = {
        "outcome": Outcome.DERIVATIVE,
        "original_creator": ORIGINAL,
        "original_post_id": bytes([8]) * 32,
    }
    four.start(0, 1, 2, 3)
    asked = four.request()
    four.drive([asked])
    result = verify.find_result(four.members[0].world.client, post_of(four))
    assert result is not None and result.outcome is Outcome.ORIGINAL


def test_an_accusation_needs_a_quorum_that_saw_it(four: Quorum) -> None:
    """Two nodes just above the threshold, two just below: the doubt is the creator's."""
    for member, similarity in zip(four.members, (9_520, 9_510, 9_490, 9_480), strict=True):
        member.similarity_bps = similarity
        if similarity >= 9_500:
            member.changes = {
                "outcome": Outcome.DERIVATIVE,
                "original_creator": ORIGINAL,
                "original_post_id": bytes([8]) * 32,
            }
    four.start(0, 1, 2, 3)
    four.drive([four.request()])
    result = verify.find_result(four.members[0].world.client, post_of(four))
    assert result is not None and (result.outcome, result.redirect_bps) == (Outcome.ORIGINAL, 0)


def test_a_liar_that_tells_everyone_something_else_is_proven(four: Quorum) -> None:
    """It signs another observation for each node, and puts its name under whatever it is asked
    to.
    """
    liar = four.signers[3]
    chain_id, hub = four.deployment.chain_id, address_bytes(four.deployment.hub)

    def sign_anything(_sender: bytes, body: dict[str, Any]) -> dict[str, Any]:
        if body["kind"] == "observe":
            return {}
        report = PoCReport.from_dict(body["proposal"]["report"])
        return {"signature": hexed(liar.sign_digest(digest(report, chain_id, hub)))}

    four.lie(3, sign_anything)
    four.start(0, 1, 2)
    name, content_hash, world = fresh_hash(), fresh_hash(), four.members[0].world
    asked = world.request(name=name, content_hash=content_hash)
    post_id = post_id_of(world.client, world.consumer, world.asker.address, name)
    for index in (0, 1, 2):
        draft = draft_of(asked, post_id, content_hash=content_hash)
        said = {
            "kind": "observe",
            "observation": forged(four, liar, draft, 1_000 + index).to_dict(),
        }
        node = four.signers[index].address
        envelope = seal(liar, domain_separator(chain_id, hub), node, clock(), said)
        assert httpx2.post(four.urls[node], json=envelope).status_code == 200
    four.drive([asked])
    proofs = [proof for index in (0, 1, 2) for proof in proofs_of(four, index)]
    assert proofs
    for statement, signer, first, second in proofs:
        assert (statement, signer) == ("observation", liar.address)
        assert contradict(Observation.from_dict(first), Observation.from_dict(second))
    expect_out(four, liar)
    after = four.request()
    four.drive([asked, after])


def proofs_of(four: Quorum, index: int) -> list[tuple[str, bytes, dict[str, Any], dict[str, Any]]]:
    """Kind of statement, signer and the two statements."""
    with four.members[index].world.db.transaction() as conn:
        return conn.execute(
            "select statement, signer, first, second from equivocations order by seen_at"
        ).fetchall()


def expect_out(four: Quorum, liar: LocalSigner) -> None:
    """The proof goes to the chain, the liar is out, and the three that are left go on as a
    quorum of three.
    """
    registry = four.deployment.oracle_registry
    client = four.members[0].world.client
    for _ in range(30):
        if not client.read("OracleRegistry", registry, "isSigner", hexed(liar.address)):
            break
        four.step()
    assert client.read("OracleRegistry", registry, "signerCount") == 3


@pytest.mark.parametrize("kind", ["garbage", "errors", "foreign signature", "made-up report"])
def test_a_byzantine_peer_cannot_stop_the_others(four: Quorum, kind: str) -> None:
    def handle(_sender: bytes, body: dict[str, Any]) -> dict[str, Any]:
        if kind == "errors":
            raise RuntimeError("no")
        if kind == "foreign signature":
            return {
                "signature": hexed(four.signers[0].sign_digest(bytes(32))),
                "observation": body.get("observation"),
            }
        if kind == "made-up report" and body["kind"] == "prepare":
            made_up = body["proposal"] | {
                "report": body["proposal"]["report"] | {"similarity_bps": 9_999}
            }
            return {"signed": made_up}
        return {"observation": {"draft": "x"}, "signed": [], "signature": 7}

    four.lie(3, handle)
    four.start(0, 1, 2)
    four.drive([four.request() for _ in range(2)])


def test_an_observation_made_in_the_future_speaks_for_nobody(four: Quorum) -> None:
    """The hub refuses what was observed tomorrow; a liar whose number is the median could stop a
    report by it.
    """
    for member, similarity in zip(four.members, (1_000, 1_010, 1_020), strict=False):
        member.similarity_bps = similarity
    liar = four.signers[3]
    said: list[Observation] = []  # the same to everyone: nothing else is wrong with it

    def handle(_sender: bytes, body: dict[str, Any]) -> dict[str, Any]:
        if body["kind"] != "observe":
            return {}
        draft = replace(Observation.from_dict(body["observation"]).draft, similarity_bps=1_005)
        chain_id, hub = four.deployment.chain_id, address_bytes(four.deployment.hub)
        if not said:
            said.append(
                observe(
                    liar,
                    draft,
                    observed_at=2_000_000_000,
                    signer_epoch=1,
                    chain_id=chain_id,
                    hub=hub,
                )
            )
        return {"observation": said[0].to_dict()}

    four.lie(3, handle)
    four.start(0, 1, 2)
    four.drive([four.request()])


def test_a_stranger_is_not_answered(four: Quorum) -> None:
    four.start(0)
    url = four.urls[four.signers[0].address]
    hub = address_bytes(four.deployment.hub)
    domain = domain_separator(four.deployment.chain_id, hub)
    stranger, member = LocalSigner(bytes([77]) * 32), four.signers[1]
    message = {"kind": "observe", "observation": {}}
    to_node = four.signers[0].address
    envelopes = [
        seal(stranger, domain, to_node, clock(), message),  # no signer
        seal(member, domain, four.signers[2].address, clock(), message),  # for somebody else
        seal(member, domain, to_node, clock() - 300, message),  # replayed later
        seal(member, domain_separator(1, hub), to_node, clock(), message),  # of another chain
        seal(member, domain, to_node, clock(), message) | {"body": json.dumps({"kind": "sign"})},
        seal(member, domain, to_node, clock(), {"kind": "observe"}),  # says nothing
        {},
    ]
    for envelope in envelopes:
        assert httpx2.post(url, json=envelope).status_code == 400
    assert httpx2.post(url, content=b"x" * 300_000).status_code == 413


def forged(four: Quorum, liar: LocalSigner, draft: ReportDraft, similarity_bps: int) -> Observation:
    return observe(
        liar,
        replace(draft, similarity_bps=similarity_bps),
        observed_at=clock(),
        signer_epoch=1,
        chain_id=four.deployment.chain_id,
        hub=address_bytes(four.deployment.hub),
    )


def post_of(four: Quorum) -> bytes:
    return bytes.fromhex(four.members[0].world.outbox()[0].report["post_id"][2:])
