"""Signers that are bound to one conclusion with several dates, or were led to several conclusions:
the request is answered all the same, and no honest signer ever contradicts itself.
"""

import time
from collections import defaultdict
from typing import Any

import httpx2
from integration.chain.chain_world import draft_of, fresh_hash, wait_for
from integration.chain.quorum_world import Quorum, clock

from oracle.chain.contracts.consumer import post_id_of
from oracle.chain.core.report import PoCReport, digest, domain_separator
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.quorum.observation import Observation, aggregate, observe, turn_order
from oracle.chain.quorum.peers import seal

LIAR = 3
TURN_S = 2.0


class Liar:
    """Speaks as the fourth signer: answers what it is asked as it likes, and asks on its own."""

    def __init__(self, four: Quorum, *, says_ready: bool = True) -> None:
        self.four = four
        self.key: LocalSigner = four.signers[LIAR]
        self.chain_id, self.hub = four.deployment.chain_id, address_bytes(four.deployment.hub)
        self.said: dict[bytes, Observation] = {}
        self.says_ready = says_ready
        four.lie(LIAR, self.handle)

    def handle(self, _sender: bytes, body: dict[str, Any]) -> dict[str, Any]:
        """Observe what it is told, say that it would sign, and never sign."""
        if body["kind"] == "observe":
            theirs = Observation.from_dict(body["observation"])
            mine = self.said.get(theirs.draft.request_id) or self.observe(theirs.draft)
            return {"observation": mine.to_dict()}
        return {"ready": True} if self.says_ready and body["kind"] == "prepare" else {}

    def observe(self, draft: Any) -> Observation:
        said = observe(
            self.key,
            draft,
            observed_at=clock(),
            signer_epoch=1,
            chain_id=self.chain_id,
            hub=self.hub,
        )
        self.said[draft.request_id] = said
        return said

    def ask(self, index: int, body: dict[str, Any]) -> dict[str, Any]:
        node = self.four.signers[index].address
        envelope = seal(self.key, domain_separator(self.chain_id, self.hub), node, clock(), body)
        return dict(httpx2.post(self.four.urls[node], json=envelope).json())

    def bind(self, index: int, seen: list[Observation], valid_for_s: int) -> dict[str, Any]:
        """Have an honest signer sign what follows from these observations."""
        report = aggregate(
            seen, quorum=3, valid_until=clock() + valid_for_s, transmitter=self.key.address
        )
        proposal = {"report": report.to_dict(), "observations": [one.to_dict() for one in seen]}
        signature = self.key.sign_digest(digest(report, self.chain_id, self.hub))
        return self.ask(
            index, {"kind": "sign", "proposal": proposal, "signature": hexed(signature)}
        )


def asked_with_the_liar_first(four: Quorum, liar: Liar) -> tuple[list[bytes], bytes]:
    """Requests until one has the liar first in turn, so that the others wait a moment for it."""
    world, asked = four.members[0].world, []
    while True:
        name, content_hash = fresh_hash(), fresh_hash()
        asked.append(world.request(name=name, content_hash=content_hash))
        signers = [signer.address for signer in four.signers]
        if turn_order(asked[-1], signers)[0] == liar.key.address:
            post_id = post_id_of(world.client, world.consumer, world.asker.address, name)
            liar.observe(draft_of(asked[-1], post_id, content_hash=content_hash))
            return asked, asked[-1]


def observations(four: Quorum, liar: Liar, request_id: bytes) -> list[Observation]:
    """What each signer has observed, the liar last."""
    found = []
    for index in range(LIAR):
        answer = liar.ask(
            index, {"kind": "observe", "observation": liar.said[request_id].to_dict()}
        )
        found.append(Observation.from_dict(answer["observation"]))
    return [*found, liar.said[request_id]]


def step_all(four: Quorum) -> None:
    for member in four.members[:LIAR]:
        assert member.node is not None
        member.node.step()


def signed_by_honest(four: Quorum) -> dict[tuple[bytes, bytes], set[Any]]:
    """The conclusions that each honest signer has signed of each request, as the others know."""
    signed: dict[tuple[bytes, bytes], set[Any]] = defaultdict(set)
    honest = {signer.address for signer in four.signers[:LIAR]}
    for member in four.members[:LIAR]:
        with member.world.db.transaction() as conn:
            rows = conn.execute("select request_id, signer, body from quorum_signatures").fetchall()
            rows += [
                (request_id, member.world.signer.address, proposal)
                for request_id, proposal in conn.execute(
                    "select request_id, proposal from quorum_signed"
                ).fetchall()
            ]
        for request_id, signer, body in rows:
            if signer in honest:
                signed[request_id, signer].add(PoCReport.from_dict(body["report"]).draft())
    return signed


def proofs(four: Quorum) -> list[tuple[str, bytes]]:
    found = []
    for member in four.members[:LIAR]:
        with member.world.db.transaction() as conn:
            found += conn.execute("select statement, signer from equivocations").fetchall()
    return found


def test_three_that_signed_one_conclusion_with_three_dates_renew_it(four: Quorum) -> None:
    """The liar has each of them sign another date, and falls silent: each report alone would hold
    for half an hour.
    """
    four.start(0, 1, 2, turn_s=TURN_S)
    liar = Liar(four)
    asked, split = asked_with_the_liar_first(four, liar)
    step_all(four)
    seen = observations(four, liar, split)
    answers = [liar.bind(index, seen, 1_800 + index) for index in range(LIAR)]
    assert all("signature" in answer for answer in answers)
    assert len({answer["signature"] for answer in answers}) == 3
    time.sleep(TURN_S)
    four.drive(asked)
    assert all(len(drafts) == 1 for drafts in signed_by_honest(four).values())
    assert not proofs(four)  # another date is no contradiction, for the liar either


def test_a_liar_that_leads_two_signers_to_two_conclusions_is_proven(four: Quorum) -> None:
    """Who asks for a signature has signed himself: the third signer sees both, and the liar is out.

    Without it the two would be bound to what the other cannot sign.
    """
    for member, similarity in zip(four.members, (1_000, 1_010, 1_020), strict=False):
        member.similarity_bps = similarity
    four.start(0, 1, 2, turn_s=TURN_S)
    liar = Liar(four)
    asked, split = asked_with_the_liar_first(four, liar)
    step_all(four)
    first, second, third, lie = observations(four, liar, split)
    assert "signature" in liar.bind(0, [first, second, lie], 1_800)
    assert "signature" in liar.bind(2, [second, third, lie], 1_700)
    time.sleep(TURN_S)
    four.drive(asked)
    assert set(proofs(four)) == {("report", liar.key.address)}
    registry = four.deployment.oracle_registry
    assert not four.members[0].world.client.read(
        "OracleRegistry", registry, "isSigner", hexed(liar.key.address)
    )


def test_a_signature_is_asked_for_with_ones_own(four: Quorum) -> None:
    four.start(0, 1, 2, turn_s=TURN_S)
    liar = Liar(four)
    asked, split = asked_with_the_liar_first(four, liar)
    step_all(four)
    seen = observations(four, liar, split)
    report = aggregate(seen, quorum=3, valid_until=clock() + 900, transmitter=liar.key.address)
    proposal = {"report": report.to_dict(), "observations": [one.to_dict() for one in seen]}
    stolen = four.signers[1].sign_digest(digest(report, liar.chain_id, liar.hub))
    for signature in (bytes(65), stolen):
        answer = liar.ask(0, {"kind": "sign", "proposal": proposal, "signature": hexed(signature)})
        assert answer["error"] == "invalid_message"
    time.sleep(TURN_S)
    four.drive(asked)


def test_an_unsigned_promise_binds_nobody_and_ends(four: Quorum) -> None:
    """The liar lets two be ready for one conclusion and never asks for their names."""
    for member, similarity in zip(four.members, (1_000, 1_010, 1_020), strict=False):
        member.similarity_bps = similarity
    four.start(0, 1, 2, turn_s=TURN_S)
    liar = Liar(four, says_ready=False)
    asked, split = asked_with_the_liar_first(four, liar)
    step_all(four)
    first, second, _, lie = observations(four, liar, split)
    report = aggregate(
        [first, second, lie], quorum=3, valid_until=clock() + 900, transmitter=liar.key.address
    )
    proposal = {
        "report": report.to_dict(),
        "observations": [one.to_dict() for one in (first, second, lie)],
    }
    for index in (0, 1):
        answer = liar.ask(index, {"kind": "prepare", "proposal": proposal})
        assert answer == {"ready": True}
    assert split not in {request_id for request_id, _ in signed_by_honest(four)}
    time.sleep(TURN_S)
    four.drive(asked, rounds=200)


def test_a_liar_and_one_that_is_briefly_down_leave_no_request_behind(four: Quorum) -> None:
    """The liar says that it would sign and never does, so that the two that are up bind themselves
    to what the third has not seen.
    """
    for member, similarity in zip(four.members, (1_000, 1_015, 1_030), strict=False):
        member.similarity_bps = similarity
    liar = Liar(four)
    four.start(0, 1, turn_s=0.1)
    asked = [four.request() for _ in range(17)]
    for _ in range(3):
        four.step()
    assert four.members[0].world.fulfilments() == []
    assert any(drafts for drafts in signed_by_honest(four).values()), "nobody was bound"
    began = time.monotonic()
    four.start(2, turn_s=0.1)
    four.drive(asked, rounds=200)
    print(f"all of {len(asked)} answered {time.monotonic() - began:.1f} s after the return")
    assert all(len(drafts) == 1 for drafts in signed_by_honest(four).values())
    assert not proofs(four)
    assert liar.said


class Late(Liar):
    """Claims to have signed what holds for a moment more, and takes its time when asked again."""

    asked = 0

    def handle(self, sender: bytes, body: dict[str, Any]) -> dict[str, Any]:
        if body["kind"] != "prepare":
            return super().handle(sender, body)
        self.asked += 1
        if self.asked == 2:
            time.sleep(2.5)  # the others wait for two seconds
        report = body["proposal"]["report"] | {"valid_until": clock() + 2}
        return {"signed": body["proposal"] | {"report": report}}


def test_a_report_that_runs_out_on_the_way_is_no_reason_to_give_a_decision_up(four: Quorum) -> None:
    liar = Late(four)
    four.start(0, 1)
    asked = four.request()
    # With the third still away the lie is taken up, and comes to nothing.
    wait_for(lambda: four.step() or liar.asked >= 2)
    four.start(2)
    four.drive([asked])
