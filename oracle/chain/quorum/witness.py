"""One signer asked by the others: what it takes from them, and what it puts its name under."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import structlog

from oracle.chain.contracts.equivocation import Statement, proves
from oracle.chain.contracts.payments import Link
from oracle.chain.core.report import PoCReport, digest
from oracle.chain.core.wire import address_bytes, blob, hexed
from oracle.chain.errors import ChainError, InvalidReport, SigningFailed
from oracle.chain.keys.signer import Signer, recover
from oracle.chain.quorum.namesakes import Namesakes
from oracle.chain.quorum.observation import (
    Observation,
    acceptable,
    aggregate,
    contradict,
    draft_hash,
    require_signed,
)
from oracle.chain.quorum.peers import Body, QuorumSettings
from oracle.chain.quorum.promises import Promises
from oracle.chain.quorum.uploads import Introductions, UploadSharing
from oracle.chain.rpc.client import ChainClient
from storage.chain import quorum, requests
from storage.chain.quorum import Equivocation, SignedProposal
from storage.database import Connection, Database
from storage.ledger import wallets

log = structlog.get_logger(__name__)

LINK_WITHIN_S = 86_400  # longest that an attested link can still be proposed
SIGNERS_KNOWN_FOR_S = 10.0
CLOCK_SKEW_S = 10  # between honest signers; the hub allows more
PROMISED_ANSWERS = 3  # a collector asks twice after it was promised something


@dataclass(frozen=True, slots=True)
class SignerSet:
    """The signers in force."""

    epoch: int
    quorum: int
    members: frozenset[bytes]


class Witness:
    """Keeps what signers say, and signs what follows from it and fits its own observation."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        signer: Signer,
        settings: QuorumSettings,
        introductions: Introductions | None = None,
        sharing: UploadSharing | None = None,
        *,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._client = client
        self._signer = signer
        self._settings = settings
        self._introductions = introductions
        self._sharing = sharing
        self._failpoint = failpoint
        self.namesakes = Namesakes(db, signer, client.chain_id, client.hub)
        self._promises = Promises(PROMISED_ANSWERS * settings.timeout_s)
        self._signers: tuple[float, SignerSet] | None = None

    def answer(self, sender: bytes, body: Body) -> Body | BinaryIO:
        """Answer a peer's message. Raises: InvalidReport for one that makes no sense."""
        signers = self.signer_set(None)
        if sender not in signers.members:
            raise InvalidReport(f"{hexed(sender)} is no signer.")
        if body.get("kind") == "observe":
            theirs = Observation.from_dict(body["observation"])
            self.take(theirs.draft.request_id, body["observation"], signers, said_by=sender)
            with self._db.transaction() as conn:
                kept = quorum.observations(
                    conn, theirs.draft.request_id, signers.epoch, self._signer.address
                )
            if not kept and "upload" in body and self._introductions is not None:
                self._introductions.introduce(sender, theirs.draft.request_id, body["upload"])
            return {"observation": kept[0] if kept else None}
        if body.get("kind") == "prepare":
            return self.prepare(sender, body["proposal"], signers)
        if body.get("kind") == "sign":
            self._require_own_signature(sender, body, signers)
            return self.agree(sender, body["proposal"], signers)
        if body.get("kind") == "hello":
            return {"others": self.namesakes.meet(sender, body["statement"], wall_clock())}
        if body.get("kind") == "link":
            link = Link.from_dict(body["link"])
            signature = self.attest_link(link, signers)
            return {"signature": hexed(signature) if signature else None}
        if body.get("kind") == "media" and self._sharing is not None:
            media = self._sharing.open_media(blob(body["sha256"]))
            if media is None:
                raise InvalidReport("That media is not here.")
            return media
        raise InvalidReport("There is no such message.")

    def attest_link(self, link: Link, signers: SignerSet) -> bytes | None:
        """Attest whose wallet it is, where this oracle was shown the proof itself; else None."""
        with self._db.transaction() as conn:
            claimed = wallets.find_open_link(conn, link.account)
        in_time = 0 < link.valid_until - self.now() <= LINK_WITHIN_S
        if claimed is None or claimed.wallet != link.wallet or not in_time:
            return None
        return self._signer.sign_digest(link.digest(self._client, signers.epoch))

    def take(self, request_id: bytes, body: Body, signers: SignerSet, *, said_by: bytes) -> None:
        """Keep an observation that its signer made; another by the same signer is proof that it
        lies.
        """
        try:
            one = Observation.from_dict(body)
            self._require(one, signers, self.now())
        except (InvalidReport, SigningFailed) as exc:
            log.warning("quorum.observation_refused", peer=hexed(said_by), reason=str(exc))
            return
        if one.draft.request_id != request_id:
            return
        with self._db.transaction() as conn:
            kept = quorum.keep_observation(
                conn, request_id, one.signer_epoch, one.signer, one.to_dict()
            )
            if not contradict(Observation.from_dict(kept), one):
                return
            if one.signer == self._signer.address:
                self.namesakes.notice(f"an observation of request {request_id.hex()}")
            else:
                _keep_proof(
                    conn, Equivocation(request_id, one.signer, "observation", kept, one.to_dict())
                )

    def take_signature(
        self, report: PoCReport, signature: bytes, signers: SignerSet
    ) -> bytes | None:
        """Keep what another has signed; another conclusion under the same request is proof that it
        lies.

        Returns: the signer, None where no signer in force has signed it.
        """
        try:
            signer = recover(digest(report, self._client.chain_id, self._client.hub), signature)
        except SigningFailed:
            return None
        if signer not in signers.members or report.signer_epoch != signers.epoch:
            return None
        body = {"report": report.to_dict(), "signature": hexed(signature)}
        now, draft = self.now(), draft_hash(report)
        with self._db.transaction() as conn:
            if signer == self._signer.address:
                ours = quorum.find_signed(conn, report.request_id)
                if ours is not None and holds(ours, signers.epoch, now) and not same(ours, report):
                    self.namesakes.notice(f"a report of request {report.request_id.hex()}")
                return signer
            for other in quorum.keep_signature(conn, report.request_id, signer, draft, body):
                if proves(Statement.REPORT, PoCReport.from_dict(other["report"]), report, now=now):
                    _keep_proof(
                        conn, Equivocation(report.request_id, signer, "report", other, body)
                    )
        return signer

    def prepare(self, sender: bytes, proposal: Body, signers: SignerSet) -> Body:
        """Say whether we would sign a proposal, or what is in the way; nothing is signed yet."""
        report, now = self.checked(sender, proposal, signers), self.now()
        with self._db.transaction() as conn:
            signed = quorum.find_signed(conn, report.request_id)
            obstacle = self._obstacle(conn, report, signed, signers.epoch, now)
        if obstacle is None and not self._promises.make(sender, report, time.monotonic()):
            obstacle = {"error": "promised"}
        return obstacle or {"ready": True}

    def agree(self, sender: bytes, proposal: Body, signers: SignerSet) -> Body:
        """Sign a proposal that follows from its observations and fits our own; or say what is in
        the way.
        """
        report, now = self.checked(sender, proposal, signers), self.now()
        to_sign = digest(report, self._client.chain_id, self._client.hub)
        with self._db.transaction() as conn:
            signed = quorum.find_signed(conn, report.request_id, lock=True)
            if signed is not None and signed.digest == to_sign:
                return {"signature": hexed(signed.signature)}
            obstacle = self._obstacle(conn, report, signed, signers.epoch, now)
            if obstacle is not None:
                return obstacle
            signature = self._signer.sign_digest(to_sign)
            valid_until, renewable_until = report.valid_until, report.valid_until
            if signed is not None and holds(signed, signers.epoch, now):  # a renewal
                valid_until = max(valid_until, signed.valid_until)
                renewable_until = signed.renewable_until
            quorum.save_signed(
                conn,
                report.request_id,
                SignedProposal(to_sign, proposal, signature, valid_until, renewable_until),
            )
        self._failpoint("agreed")
        return {"signature": hexed(signature)}

    def fits(self, report: PoCReport, epoch: int) -> bool:
        """Whether a report is near enough to what we observed ourselves."""
        with self._db.transaction() as conn:
            own = quorum.observations(conn, report.request_id, epoch, self._signer.address)
        return bool(own) and self._fits(own[0], report)

    def _obstacle(
        self,
        conn: Connection,
        report: PoCReport,
        signed: SignedProposal | None,
        epoch: int,
        now: int,
    ) -> Body | None:
        """Why we do not sign a report, as an answer; None where we do."""
        # Two conclusions under one request are an equivocation unless the first has run out.
        if signed is not None and holds(signed, epoch, now) and not renews(signed, report, now):
            # With what others signed, so that one who signed two is found out.
            others = quorum.signatures(conn, report.request_id)
            return {"signed": signed.proposal, "witnessed": list(others)}
        own = quorum.observations(conn, report.request_id, epoch, self._signer.address)
        if not own:
            return {"error": "not_observed"}
        return None if self._fits(own[0], report) else {"error": "disagrees"}

    def _fits(self, own: Mapping[str, Any], report: PoCReport) -> bool:
        return acceptable(Observation.from_dict(own).draft, report, self._settings.tolerance_bps)

    def _require_own_signature(self, sender: bytes, body: Body, signers: SignerSet) -> None:
        """Who binds others is bound himself: one that has two of us sign two conclusions has signed
        both.
        """
        report = PoCReport.from_dict(body["proposal"]["report"])
        if self.take_signature(report, blob(body["signature"]), signers) != sender:
            raise InvalidReport(f"{hexed(sender)} asks for a signature without giving its own.")

    def checked(self, sender: bytes, proposal: Body, signers: SignerSet) -> PoCReport:
        now = self.now()
        try:
            report = PoCReport.from_dict(proposal["report"])
            seen = [Observation.from_dict(body) for body in proposal["observations"]]
            for one in seen:
                self._require(one, signers, now)
            needed = self.signers_for(report.request_id, signers.epoch).quorum
            expected = aggregate(
                seen, quorum=needed, valid_until=report.valid_until, transmitter=report.transmitter
            )
        except (ChainError, KeyError, TypeError) as exc:
            raise InvalidReport(f"The proposal of {hexed(sender)} proves nothing: {exc}") from exc
        with self._db.transaction() as conn:
            known = quorum.observations(conn, report.request_id, signers.epoch)
        for one in seen:
            if one.to_dict() not in known:
                self.take(report.request_id, one.to_dict(), signers, said_by=one.signer)
        if report.transmitter not in signers.members:
            raise InvalidReport(f"The report of {hexed(sender)} pays somebody who is no signer.")
        if expected != report:
            raise InvalidReport(
                f"The report of {hexed(sender)} does not follow from its observations."
            )
        if not now < report.valid_until <= now + 2 * self._settings.validity_s:
            raise InvalidReport("The report is valid for too long, or no more.")
        return report

    def _require(self, one: Observation, signers: SignerSet, now: int) -> None:
        require_signed(one, self._client.chain_id, self._client.hub, signers.members, signers.epoch)
        # The hub would refuse a report that it speaks for, and nobody could answer the request.
        if one.observed_at > now + CLOCK_SKEW_S:
            raise InvalidReport(f"{hexed(one.signer)} claims to have observed what is to come.")

    def now(self) -> int:
        """Return the time that reports are valid by, in Unix seconds: the later of the head's, as
        the contract compares with that, and our own, as an idle chain's head can be hours old.
        """
        return max(self._client.head().timestamp, wall_clock())

    def signers_for(self, request_id: bytes, epoch: int | None) -> SignerSet:
        """The signers in force, with the quorum that this request asks for: never less than the
        registry's.
        """
        found = self.signer_set(epoch)
        with self._db.transaction() as conn:
            asked = requests.min_signatures(conn, request_id)
        return replace(found, quorum=max(found.quorum, asked))

    def signer_set(self, epoch: int | None) -> SignerSet:
        """The signers in force, asked of the chain now and then, and whenever the epoch is
        another.
        """
        if self._signers is not None:
            read_at, known = self._signers
            if time.monotonic() - read_at < SIGNERS_KNOWN_FOR_S and epoch in (None, known.epoch):
                return known
        registry = self._client.deployment.oracle_registry
        members = self._client.read("OracleRegistry", registry, "signers")
        found = SignerSet(
            epoch=int(self._client.read("OracleRegistry", registry, "currentEpoch")),
            quorum=int(self._client.read("OracleRegistry", registry, "quorum")),
            members=frozenset(address_bytes(member) for member in members),
        )
        self._signers = (time.monotonic(), found)
        return found


def _keep_proof(conn: Connection, proof: Equivocation) -> None:
    if quorum.keep_equivocation(conn, proof):
        log.error(
            "quorum.equivocation",
            signer=hexed(proof.signer),
            request_id=proof.request_id.hex(),
            statement=proof.statement,
        )


def holds(signed: SignedProposal, epoch: int, now: int) -> bool:
    """Whether the contract could still accept what we signed."""
    return bool(signed.valid_until > now and signed.proposal["report"]["signer_epoch"] == epoch)


def renews(signed: SignedProposal, report: PoCReport, now: int) -> bool:
    """Whether a report says again, with another date, what we signed.

    Not for ever: a liar could otherwise keep us at a conclusion that the others do not share.
    """
    return same(signed, report) and now < signed.renewable_until


def same(signed: SignedProposal, report: PoCReport) -> bool:
    """Whether a report concludes what we signed, whatever its date."""
    return PoCReport.from_dict(signed.proposal["report"]).draft() == report.draft()


def wall_clock() -> int:
    return int(time.time())
