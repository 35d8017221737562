"""Four signers, three needed: late, down, wrong and lying nodes change nothing while the quorum holds."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from integration.chain.chain_world import (
    IMPATIENT,
    World,
    add_analysis,
    decide_request,
    draft_of,
    fresh_hash,
    make_world,
    wait_for,
)
from support.anvil import AnvilNode
from support.databases import cloned_database

from oracle.chain import deploy, verify
from oracle.chain.client import REQUESTED, ChainClient
from oracle.chain.consumer import transact
from oracle.chain.node import ChainNode
from oracle.chain.quorum.observation import Observation, contradict, observe
from oracle.chain.quorum.peers import PeerServer, QuorumSettings, seal
from oracle.chain.quorum.uploads import UploadDesk
from oracle.chain.report import MediaType, Outcome, PoCReport, ReportDraft, digest, domain_separator
from oracle.chain.rpc import Endpoint
from oracle.chain.signer import LocalSigner
from oracle.chain.wire import address_bytes, hexed
from storage import quorum
from storage.database import Connection, Database
from storage.embedded import EmbeddedPostgres
from storage.inbox import RequestSeen

KEYS = [bytes([index]) * 32 for index in (1, 2, 3, 4)]
ORIGINAL = bytes([9]) * 20


@dataclass
class Member:
    """One signer with a database of its own."""

    world: World
    similarity_bps: int
    changes: dict[str, Any]
    node: ChainNode | None = None

    def on_request(self, conn: Connection, request: RequestSeen) -> UUID:
        analysis_id = uuid4()
        add_analysis(conn, analysis_id, "request", request.post_id, request.request_id)
        decide_request(conn, analysis_id, request, similarity_bps=self.similarity_bps, **self.changes)
        return analysis_id


class Quorum:
    """A hub with four signers, and the nodes of those that are up."""

    def __init__(self, anvil: AnvilNode, databases: list[Database]) -> None:
        self.anvil = anvil
        self.signers = [LocalSigner(key) for key in KEYS]
        first = make_world(anvil, databases[0])
        w3 = deploy.connect(anvil.url)
        addresses = sorted(hexed(signer.address) for signer in self.signers)
        self.deployment = deploy.deploy(w3, anvil.account(), oracle_signers=addresses, quorum=3)
        consumer = address_bytes(deploy.deploy_example_consumer(w3, anvil.account(), self.deployment.hub))
        self.members: list[Member] = []
        for signer, db in zip(self.signers, databases, strict=True):
            anvil.call("anvil_setBalance", hexed(signer.address), hex(10**20))
            client = ChainClient(Endpoint(anvil.url), self.deployment)
            world = World(anvil, db, self.deployment, client, signer, first.asker, consumer)
            self.members.append(Member(world, 1_000, {}))
        self.urls: dict[bytes, str] = {signer.address: "http://127.0.0.1:1" for signer in self.signers}
        self.desks: list[UploadDesk | None] = [None] * len(KEYS)
        self._open: list[Any] = []

    def start(self, *indexes: int, turn_s: float = 0.2) -> None:
        """Start the nodes of these members. Addresses are shared as they become known."""
        for index in indexes:
            member = self.members[index]
            # Shared dictionary: peers that start later are found too.
            settings = QuorumSettings(peers=_Others(self.urls, member.world.signer.address), turn_s=turn_s, timeout_s=2)
            member.node = ChainNode(
                member.world.db,
                member.world.client,
                member.world.signer,
                on_request=member.on_request,
                confirmations=0,
                patience=IMPATIENT,
                quorum=settings,
                uploads=self.desks[index],
            )
            self._open.append(member.node)
            self.urls[member.world.signer.address] = f"http://127.0.0.1:{member.node.peer_port}"

    def lie(self, index: int, handle: Any) -> None:
        """Put a server of the test's own in a member's place."""
        signer = self.signers[index]
        server = PeerServer(
            QuorumSettings(), signer, self.deployment.chain_id, address_bytes(self.deployment.hub), handle, _clock
        )
        self._open.append(server)
        self.urls[signer.address] = f"http://127.0.0.1:{server.port}"

    def request(self) -> bytes:
        # Committed to its content: every honest node finds the same bytes.
        return self.members[0].world.request(content_hash=fresh_hash())

    def drive(self, asked: list[bytes], rounds: int = 80) -> None:
        for _ in range(rounds):
            self.step()
            if all(m.world.settled() for m in self.members if m.node is not None):
                break
        assert Counter(self.members[0].world.fulfilments()) == Counter(asked)
        for member in self.members:
            if member.node is not None:
                assert {row.status for row in member.world.outbox()} == {"final"}

    def step(self) -> None:
        """One round of every node that is up, and a block."""
        for member in self.members:
            if member.node is not None:
                member.node.step()
                member.world.run_now()
        self.anvil.mine()

    def close(self) -> None:
        for thing in self._open:
            thing.close()


class _Others(dict[bytes, str]):
    """Every known address but one's own."""

    def __init__(self, urls: dict[bytes, str], own: bytes) -> None:
        super().__init__({address: "" for address in urls if address != own})
        self._urls = urls

    def items(self) -> Any:
        return [(address, self._urls[address]) for address in self]


@pytest.fixture
def four(anvil: AnvilNode, postgres_server: EmbeddedPostgres, database_template: str) -> Iterator[Quorum]:
    with ExitStack() as stack:
        databases = []
        for _ in KEYS:
            db = Database(stack.enter_context(cloned_database(postgres_server.dsn, database_template)), max_size=4)
            db.open()
            stack.callback(db.close)
            databases.append(db)
        nodes = Quorum(anvil, databases)
        yield nodes
        nodes.close()


def test_four_nodes_answer_each_request_once_with_three_signatures(four: Quorum) -> None:
    for member, similarity in zip(four.members, (1_000, 1_010, 1_020, 1_030), strict=True):
        member.similarity_bps = similarity
    four.start(0, 1, 2, 3)
    asked = [four.request() for _ in range(3)]
    four.drive(asked)
    signed = [row for member in four.members for row in member.world.outbox() if row.signatures]
    assert {len(row.signatures or ()) for row in signed} == {3}
    # The lower median of all four, or of the three that were there first.
    assert {row.signed_report["similarity_bps"] for row in signed if row.signed_report} <= {1_010, 1_020}


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
    )
    four.start(0, 1, 2)
    receipt = transact(client, asker, client.hub, client.hub_abi.call_data("requestVerification", asked))
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
    asked = [four.request() for _ in range(4)]  # the one that is down is first in turn for some of them
    four.drive(asked)


def test_without_a_quorum_nothing_is_sent_and_it_says_why(four: Quorum) -> None:
    four.start(0, 1)
    asked = four.request()
    pair = four.members[:2]

    def both_have_tried() -> bool:
        for member in pair:
            assert member.node is not None
            member.node.step()
        return all(row.error_code == "no_agreement" for member in pair for row in member.world.outbox())

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
    """It signs another observation for each node, and puts its name under whatever it is asked to."""
    liar = four.signers[3]
    chain_id, hub = four.deployment.chain_id, address_bytes(four.deployment.hub)

    def sign_anything(_sender: bytes, body: dict[str, Any]) -> dict[str, Any]:
        if body["kind"] == "observe":
            return {}
        report = PoCReport.from_dict(body["proposal"]["report"])
        return {"signature": hexed(liar.sign_digest(digest(report, chain_id, hub)))}

    four.lie(3, sign_anything)
    four.start(0, 1, 2)
    post_id, content_hash = fresh_hash(), fresh_hash()
    asked = four.members[0].world.request(post_id=post_id, content_hash=content_hash)
    for index in (0, 1, 2):
        draft = draft_of(asked, post_id, content_hash=content_hash)
        said = {"kind": "observe", "observation": forged(four, liar, draft, 1_000 + index).to_dict()}
        node = four.signers[index].address
        envelope = seal(liar, domain_separator(chain_id, hub), node, _clock(), said)
        assert httpx2.post(four.urls[node], json=envelope).status_code == 200
    four.drive([asked])
    proofs = []
    for member in four.members[:3]:
        with member.world.db.transaction() as conn:
            proofs += quorum.equivocations(conn)
    assert proofs
    for _request_id, signer, first, second in proofs:
        assert signer == liar.address
        assert contradict(Observation.from_dict(first), Observation.from_dict(second))
    # The proof goes to the chain, the liar is out, and the three that are left go on as a quorum of three.
    registry = four.deployment.oracle_registry
    client = four.members[0].world.client
    for _ in range(30):
        if not client.read("OracleRegistry", registry, "isSigner", hexed(liar.address)):
            break
        four.step()
    assert client.read("OracleRegistry", registry, "signerCount") == 3
    after = four.request()
    four.drive([asked, after])


@pytest.mark.parametrize("kind", ["garbage", "errors", "foreign signature", "made-up report"])
def test_a_byzantine_peer_cannot_stop_the_others(four: Quorum, kind: str) -> None:
    def handle(_sender: bytes, body: dict[str, Any]) -> dict[str, Any]:
        if kind == "errors":
            raise RuntimeError("no")
        if kind == "foreign signature":
            return {"signature": hexed(four.signers[0].sign_digest(bytes(32))), "observation": body.get("observation")}
        if kind == "made-up report" and body["kind"] == "sign":
            made_up = body["proposal"] | {"report": body["proposal"]["report"] | {"similarity_bps": 9_999}}
            return {"signed": made_up}
        return {"observation": {"draft": "x"}, "signed": [], "signature": 7}

    four.lie(3, handle)
    four.start(0, 1, 2)
    four.drive([four.request() for _ in range(2)])


def test_a_stranger_is_not_answered(four: Quorum) -> None:
    four.start(0)
    url = four.urls[four.signers[0].address]
    hub = address_bytes(four.deployment.hub)
    domain = domain_separator(four.deployment.chain_id, hub)
    stranger, member = LocalSigner(bytes([77]) * 32), four.signers[1]
    message = {"kind": "observe", "observation": {}}
    to_node = four.signers[0].address
    envelopes = [
        seal(stranger, domain, to_node, _clock(), message),  # no signer
        seal(member, domain, four.signers[2].address, _clock(), message),  # for somebody else
        seal(member, domain, to_node, _clock() - 300, message),  # replayed later
        seal(member, domain_separator(1, hub), to_node, _clock(), message),  # of another chain
        seal(member, domain, to_node, _clock(), message) | {"body": json.dumps({"kind": "sign"})},
        seal(member, domain, to_node, _clock(), {"kind": "observe"}),  # says nothing
        {},
    ]
    for envelope in envelopes:
        assert httpx2.post(url, json=envelope).status_code == 400
    assert httpx2.post(url, content=b"x" * 300_000).status_code == 413


def forged(four: Quorum, liar: LocalSigner, draft: ReportDraft, similarity_bps: int) -> Observation:
    return observe(
        liar,
        replace(draft, similarity_bps=similarity_bps),
        observed_at=_clock(),
        signer_epoch=1,
        chain_id=four.deployment.chain_id,
        hub=address_bytes(four.deployment.hub),
    )


def post_of(four: Quorum) -> bytes:
    return bytes.fromhex(four.members[0].world.outbox()[0].report["post_id"][2:])


def _clock() -> int:
    return int(time.time())
