"""Second looks, proof of equivocation and the policy's terms, on a real Anvil."""

import hashlib
import os
from dataclasses import dataclass, replace

import pytest
from support.anvil import AnvilNode

from oracle.chain.contracts import equivocation, payments, verify
from oracle.chain.contracts.consumer import transact
from oracle.chain.contracts.deploy import connect, deploy
from oracle.chain.contracts.equivocation import Statement
from oracle.chain.contracts.payments import DisputeStatus
from oracle.chain.contracts.roles import DAY_S, Delays
from oracle.chain.core.abis import contract
from oracle.chain.core.ids import attestation_id, request_id
from oracle.chain.core.report import MediaType, Outcome, PoCReport, ReportDraft, digest
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.node.policy_sync import read_terms
from oracle.chain.quorum.observation import observation_digest
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from storage.works.policies import PolicyTerms

pytestmark = pytest.mark.usefixtures("rolled_back")


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


@dataclass
class Court:
    """A system of three signers of whom two must agree, an administrator who acts at once, and
    two parties.
    """

    anvil: AnvilNode
    client: ChainClient
    signers: list[LocalSigner]
    admin: LocalSigner
    poster: LocalSigner
    first: LocalSigner

    def now(self) -> int:
        return int(self.client.head().timestamp)

    def wait(self, seconds: int) -> None:
        self.anvil.call("evm_increaseTime", seconds)
        self.anvil.mine()

    def report(
        self, post_id: bytes, content: bytes, asked: bytes | None = None, **changes: object
    ) -> PoCReport:
        asked = asked or attestation_id(self.client.chain_id, self.client.hub, post_id, content)
        draft = ReportDraft(
            request_id=asked,
            post_id=post_id,
            content_hash=content,
            media_type=MediaType.IMAGE,
            outcome=Outcome.DERIVATIVE,
            similarity_bps=9_800,
            creator=self.poster.address,
            original_creator=self.first.address,
            original_post_id=sha("original"),
            evidence_hash=sha("evidence"),
            model_digest=sha("models"),
            index_snapshot=sha("index"),
            config_version=1,
        )
        whole = draft.complete(
            observed_at=self.now(), valid_until=self.now() + DAY_S, signer_epoch=1
        )
        return replace(whole, **changes)  # type: ignore[arg-type]

    def signed(self, report: PoCReport, count: int) -> list[bytes]:
        to_sign = digest(report, self.client.chain_id, self.client.hub)
        return [signer.sign_digest(to_sign) for signer in self.signers[:count]]

    def deliver(self, function: str, report: PoCReport, count: int) -> None:
        data = self.client.hub_abi.call_data(
            function, report.as_tuple(), self.signed(report, count)
        )
        transact(self.client, self.admin, self.client.hub, data)

    def prove(
        self, kind: Statement, first: tuple[PoCReport, bytes], second: tuple[PoCReport, bytes]
    ) -> None:
        """Report a signer from an account that has no part in it."""
        registry = address_bytes(self.client.deployment.oracle_registry)
        transact(self.client, self.poster, registry, equivocation.call_data(kind, *first, *second))

    def copy(self) -> tuple[bytes, bytes]:
        """Attest a new post as a copy. Returns its id and its content's hash."""
        post_id, content = os.urandom(32), os.urandom(32)
        self.deliver("attest", self.report(post_id, content), 2)
        return post_id, content


@pytest.fixture(scope="module")
def court(anvil: AnvilNode) -> Court:
    signers = sorted((LocalSigner(os.urandom(32)) for _ in range(3)), key=lambda s: s.address)
    admin, poster, first = (LocalSigner(os.urandom(32)) for _ in range(3))
    for person in (admin, poster, first):
        anvil.call("anvil_setBalance", hexed(person.address), hex(10**20))
    deployment = deploy(
        connect(anvil.url),
        anvil.account(),
        oracle_signers=[hexed(s.address) for s in signers],
        quorum=2,
        admin=hexed(admin.address),
        delays=Delays(0, 0),
    )
    return Court(anvil, ChainClient(Endpoint(anvil.url), deployment), signers, admin, poster, first)


def test_a_second_look_by_more_signers_takes_the_accusation_back(court: Court) -> None:
    post_id, content = court.copy()
    dispute = payments.open_dispute(court.client, court.poster, post_id, sha("raw file"))
    disputes = address_bytes(court.client.deployment.disputes)
    asked = request_id(
        court.client.chain_id,
        court.client.hub,
        disputes,
        1,
        post_id,
        content,
        MediaType.IMAGE,
        court.poster.address,
        3,
        b"",
    )
    assert verify.read_request(court.client, asked).status is verify.RequestStatus.PENDING
    view = payments.read_dispute(court.client, dispute)
    assert (view.review_until > court.now(), view.reviewed) == (True, Outcome.NONE)

    nobody = {"original_creator": bytes(20), "original_post_id": bytes(32)}
    answer = court.report(
        post_id, content, asked, outcome=Outcome.ORIGINAL, similarity_bps=1_200, **nobody
    )
    with pytest.raises(ContractReverted) as refused:
        court.deliver("fulfill", answer, 2)
    assert refused.value.revert.name == "QuorumNotMet"
    court.deliver("fulfill", answer, 3)

    view = payments.read_dispute(court.client, dispute)
    assert (view.status, view.standing, view.reviewed) == (
        DisputeStatus.RULED,
        Outcome.ORIGINAL,
        Outcome.ORIGINAL,
    )
    payments.accept_ruling(court.client, court.first, dispute)
    payments.settle(court.client, court.admin, dispute)
    assert verify.has_badge(court.client, post_id)


@pytest.mark.parametrize("kind", list(Statement))
def test_a_signer_who_says_two_things_is_out_by_anybodys_proof(
    court: Court, kind: Statement
) -> None:
    liar = court.signers[1]
    said = court.report(os.urandom(32), os.urandom(32))
    other = replace(said, similarity_bps=9_900)
    assert equivocation.proves(kind, said, other, now=court.now())
    assert not equivocation.proves(kind, said, said, now=court.now())

    def statement(report: PoCReport) -> tuple[PoCReport, bytes]:
        to_sign = digest(report, court.client.chain_id, court.client.hub)
        if kind is Statement.OBSERVATION:
            to_sign = observation_digest(
                report,
                report.observed_at,
                report.signer_epoch,
                court.client.chain_id,
                court.client.hub,
            )
        return report, liar.sign_digest(to_sign)

    with pytest.raises(ContractReverted) as honest:
        court.prove(kind, statement(said), statement(said))
    assert honest.value.revert.name == "NotEquivocal"
    court.prove(kind, statement(said), statement(other))
    registry = court.client.deployment.oracle_registry
    assert court.client.read("OracleRegistry", registry, "isSigner", hexed(liar.address)) is False
    assert court.client.read("OracleRegistry", registry, "signerCount") == 2


def test_the_mirror_of_the_proof_agrees_with_the_contract(court: Court) -> None:
    """What `proves` calls honest the contract refuses, whatever was signed."""
    liar = court.signers[0]
    said = court.report(os.urandom(32), os.urandom(32))
    now = court.now()
    soon = now + equivocation.PROOF_MARGIN_S - 10
    renewed = replace(said, valid_until=said.valid_until + 60, observed_at=said.observed_at + 60)
    cases = [
        (said, renewed, "NotEquivocal"),
        (said, replace(said, signer_epoch=2, similarity_bps=1), "NotEquivocal"),
        (said, replace(said, request_id=sha("another"), similarity_bps=1), "NotEquivocal"),
        (said, replace(said, valid_until=soon, similarity_bps=1), "ProofExpired"),
    ]
    for first, second, error in cases:
        assert not equivocation.proves(Statement.REPORT, first, second, now=now)
        pair = [
            (one, liar.sign_digest(digest(one, court.client.chain_id, court.client.hub)))
            for one in (first, second)
        ]
        with pytest.raises(ContractReverted) as honest:
            court.prove(Statement.REPORT, pair[0], pair[1])
        assert honest.value.revert.name == error


def test_every_change_of_policy_is_a_version_with_its_own_terms(court: Court) -> None:
    first = PolicyTerms(
        version=1,
        grade_cutoffs_bps=(8_000, 6_500, 5_000, 3_500),
        request_timeout_s=DAY_S,
        dispute_window_s=7 * DAY_S,
        fee_wei=0,
        bond_wei=10**16,
    )
    assert read_terms(court.client, 1) == first
    policy = address_bytes(court.client.deployment.policy)
    for function, args in (
        ("setGradeCutoffs", (9_000, 7_000, 5_000, 3_000)),
        ("setRequestTerms", (7, 3_600)),
        ("setDisputeTerms", (DAY_S, 5)),
        ("setThreshold", (1, 9_000)),
        ("setBaseRedirect", (9_000,)),
    ):
        transact(
            court.client, court.admin, policy, contract("PolicyRegistry").call_data(function, *args)
        )
    assert read_terms(court.client, 6) == PolicyTerms(
        version=6,
        grade_cutoffs_bps=(9_000, 7_000, 5_000, 3_000),
        request_timeout_s=3_600,
        dispute_window_s=DAY_S,
        fee_wei=7,
        bond_wei=5,
    )
    assert read_terms(court.client, 1) == first
    assert (
        court.client.read("PolicyRegistry", court.client.deployment.policy, "gradeOf", 1, 8_000)
        == 1
    )
    assert (
        court.client.read("PolicyRegistry", court.client.deployment.policy, "gradeOf", 6, 8_000)
        == 2
    )
