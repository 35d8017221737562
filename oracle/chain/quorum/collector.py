"""Reports that a quorum signs: gather observations, propose the report that follows, collect signatures."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from oracle.chain.client import ChainClient
from oracle.chain.errors import ChainError, InvalidReport, SigningFailed
from oracle.chain.quorum.observation import (
    NoAgreement,
    Observation,
    acceptable,
    aggregate,
    contradict,
    observe,
    require_signed,
    turn_order,
)
from oracle.chain.quorum.peers import Body, Peers, PeerServer, QuorumSettings
from oracle.chain.report import PoCReport, ReportDraft, digest
from oracle.chain.resolver import Resolver
from oracle.chain.signer import Signer, recover
from oracle.chain.signing import SignedReport
from oracle.chain.verify import RequestStatus, read_request
from oracle.chain.wire import Header, address_bytes, blob, hexed
from storage import outbox, quorum
from storage.database import Database
from storage.outbox import Attestation
from storage.quorum import SignedProposal

log = structlog.get_logger(__name__)

SIGNERS_KNOWN_FOR_S = 10.0


@dataclass(frozen=True, slots=True)
class SignerSet:
    """The signers in force."""

    epoch: int
    quorum: int
    members: frozenset[bytes]


class QuorumSigner:
    """Stands in for `ReportSigner` where several nodes serve one hub; answers their messages too."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        signer: Signer,
        resolver: Resolver,
        settings: QuorumSettings,
        *,
        on_point: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._client = client
        self._signer = signer
        self._resolver = resolver
        self._settings = settings
        self._point = on_point
        self._signers: tuple[float, SignerSet] | None = None
        self._peers = Peers(settings, signer, client.chain_id, client.hub, _now)
        self._server = PeerServer(settings, signer, client.chain_id, client.hub, self.answer, _now)

    @property
    def port(self) -> int:
        """Where other signers reach this node."""
        return self._server.port

    def close(self) -> None:
        """Stop answering and asking."""
        self._server.close()
        self._peers.close()

    # As the one who transmits

    def sign(self, row: Attestation, _head: Header, epoch: int) -> SignedReport | None:
        """The report with a quorum of signatures; None while it is another's turn or the quorum is not there.

        Raises: InvalidReport, ChainError, DatabaseUnavailable.
        """
        signers = self._signer_set(epoch)
        own = self._own_observation(row, epoch)
        if self._signer.address not in signers.members or not self._is_my_turn(row, signers):
            return None
        if read_request(self._client, row.request_id).status is RequestStatus.FULFILLED:
            self._resolver.reconcile(row)  # a peer was faster
            return None
        seen = self._gather(row.request_id, own, signers)
        try:
            proposal = self._proposal(row.request_id, seen, signers)
        except NoAgreement as exc:
            self._note(row, exc.code, str(exc))
            return None
        signatures = self._collect(row.request_id, proposal, signers)
        if len(signatures) < signers.quorum:
            detail = f"{len(signatures)} of the {signers.quorum} signatures needed."
            self._note(row, "quorum_not_reached", detail)
            return None
        report, chosen = PoCReport.from_dict(proposal["report"]), _ascending(signatures, signers.quorum)
        self._keep(row, report, chosen, signatures)
        return SignedReport(row, report, chosen)

    def _is_my_turn(self, row: Attestation, signers: SignerSet) -> bool:
        rank = turn_order(row.request_id, signers.members).index(self._signer.address)
        return (datetime.now(UTC) - row.created_at).total_seconds() >= rank * self._settings.turn_s

    def _own_observation(self, row: Attestation, epoch: int) -> Observation:
        with self._db.transaction() as conn:
            kept = quorum.observations(conn, row.request_id, epoch, self._signer.address)
        if kept:
            return Observation.from_dict(kept[0])
        made = observe(
            self._signer,
            ReportDraft.from_dict(row.report),
            observed_at=int(row.created_at.timestamp()),
            signer_epoch=epoch,
            chain_id=self._client.chain_id,
            hub=self._client.hub,
        )
        # Stored before anybody sees it: a second one would be an equivocation.
        with self._db.transaction() as conn:
            body = quorum.keep_observation(conn, row.request_id, epoch, self._signer.address, made.to_dict())
        self._point("observed")
        return Observation.from_dict(body)

    def _gather(self, request_id: bytes, own: Observation, signers: SignerSet) -> list[Observation]:
        for peer, answer in self._peers.ask({"kind": "observe", "observation": own.to_dict()}).items():
            if answer.get("observation"):
                self._take(request_id, answer["observation"], signers, said_by=peer)
        with self._db.transaction() as conn:
            bodies = quorum.observations(conn, request_id, signers.epoch)
        return [one for one in map(Observation.from_dict, bodies) if one.signer in signers.members]

    def _proposal(self, request_id: bytes, seen: Sequence[Observation], signers: SignerSet) -> Body:
        """What we signed before while it holds, else what follows from the observations."""
        with self._db.transaction() as conn:
            signed = quorum.find_signed(conn, request_id)
        margin_s = self._settings.validity_s // 6  # it still has to be mined
        if signed is not None and _holds(signed, signers.epoch, _now() + margin_s):
            return dict(signed.proposal)
        valid_until = _now() + self._settings.validity_s
        report = aggregate(seen, quorum=signers.quorum, valid_until=valid_until)
        return {"report": report.to_dict(), "observations": [one.to_dict() for one in seen]}

    def _collect(self, request_id: bytes, proposal: Body, signers: SignerSet) -> dict[bytes, bytes]:
        """Signatures by signer. A peer that signed another report before names it; then that one is taken up."""
        answers = self._peers.ask({"kind": "sign", "proposal": proposal})
        earlier = self._earlier(request_id, answers, signers)
        if earlier is not None:
            proposal.clear()
            proposal.update(earlier)
            answers = self._peers.ask({"kind": "sign", "proposal": proposal})
        try:
            to_sign = digest(PoCReport.from_dict(proposal["report"]), self._client.chain_id, self._client.hub)
        except (InvalidReport, KeyError):
            return {}
        found = {}
        for peer, answer in answers.items():
            signature = _signature(answer)
            if signature and peer in signers.members and _signed_by(to_sign, signature, peer):
                found[peer] = signature
        own = self._agree(self._signer.address, proposal, signers)
        if (signature := _signature(own)) and _signed_by(to_sign, signature, self._signer.address):
            found[self._signer.address] = signature
        return found

    def _earlier(self, request_id: bytes, answers: dict[bytes, Body], signers: SignerSet) -> Body | None:
        """What peers have signed for another transmitter, the most signed one, unless we are bound ourselves."""
        with self._db.transaction() as conn:
            signed = quorum.find_signed(conn, request_id)
        if signed is not None and _holds(signed, signers.epoch, _now()):
            return None
        valid: dict[bytes, Body] = {}
        for peer, answer in answers.items():
            try:
                report = self._checked(peer, answer["signed"], signers)
                if report.request_id == request_id:
                    valid[peer] = answer["signed"]
            except (InvalidReport, KeyError):
                continue  # nothing signed before, or a peer that makes things up
        if not valid:
            return None
        most_signed = Counter(str(one["report"]) for one in valid.values()).most_common(1)[0][0]
        return next(one for one in valid.values() if str(one["report"]) == most_signed)

    def _keep(
        self, row: Attestation, report: PoCReport, chosen: tuple[bytes, ...], signatures: dict[bytes, bytes]
    ) -> None:
        own = signatures.get(self._signer.address) or chosen[0]
        with self._db.transaction() as conn:
            outbox.save_signature(
                conn,
                row.id,
                signed_report=report.to_dict(),
                digest=digest(report, self._client.chain_id, self._client.hub),
                signature=own,
                signer=self._signer.address,
                signatures=chosen,
            )
        log.info("quorum.reached", analysis_id=str(row.analysis_id), signatures=len(signatures))
        self._point("signed")

    def _note(self, row: Attestation, code: str, detail: str) -> None:
        log.info("quorum.waiting", analysis_id=str(row.analysis_id), code=code, detail=detail)
        with self._db.transaction() as conn:
            outbox.note_waiting(conn, row.id, code, detail)

    # As one who is asked

    def answer(self, sender: bytes, body: Body) -> Body:
        """Answer a peer's message. Raises: InvalidReport for one that makes no sense."""
        signers = self._signer_set(None)
        if sender not in signers.members:
            raise InvalidReport(f"{hexed(sender)} is no signer.")
        if body.get("kind") == "observe":
            theirs = Observation.from_dict(body["observation"])
            self._take(theirs.draft.request_id, body["observation"], signers, said_by=sender)
            with self._db.transaction() as conn:
                kept = quorum.observations(conn, theirs.draft.request_id, signers.epoch, self._signer.address)
            return {"observation": kept[0] if kept else None}
        if body.get("kind") == "sign":
            return self._agree(sender, body["proposal"], signers)
        raise InvalidReport("There is no such message.")

    def _take(self, request_id: bytes, body: Body, signers: SignerSet, *, said_by: bytes) -> None:
        """Keep an observation that its signer made; another by the same signer is proof that it lies."""
        try:
            one = Observation.from_dict(body)
            require_signed(one, self._client.chain_id, self._client.hub, signers.members, signers.epoch)
        except (InvalidReport, SigningFailed) as exc:
            log.warning("quorum.observation_refused", peer=hexed(said_by), reason=str(exc))
            return
        if one.draft.request_id != request_id:
            return
        with self._db.transaction() as conn:
            kept = quorum.keep_observation(conn, request_id, one.signer_epoch, one.signer, one.to_dict())
            if contradict(Observation.from_dict(kept), one):
                new = quorum.report_equivocation(conn, request_id, one.signer, kept, one.to_dict())
                if new:
                    log.error("quorum.equivocation", signer=hexed(one.signer), request_id=request_id.hex())

    def _agree(self, sender: bytes, proposal: Body, signers: SignerSet) -> Body:
        """Sign a proposal that follows from its observations and fits our own; or say what is in the way."""
        report = self._checked(sender, proposal, signers)
        with self._db.transaction() as conn:
            signed = quorum.find_signed(conn, report.request_id, lock=True)
            to_sign = digest(report, self._client.chain_id, self._client.hub)
            if signed is not None and signed.digest == to_sign:
                return {"signature": hexed(signed.signature)}
            # Two reports under one request are an equivocation unless the first has run out.
            if signed is not None and _holds(signed, signers.epoch, _now()):
                return {"signed": signed.proposal}
            own = quorum.observations(conn, report.request_id, signers.epoch, self._signer.address)
            if not own:
                return {"error": "not_observed"}
            if not acceptable(Observation.from_dict(own[0]).draft, report, self._settings.tolerance_bps):
                return {"error": "disagrees"}
            signature = self._signer.sign_digest(to_sign)
            saved = SignedProposal(to_sign, proposal, signature, report.valid_until)
            quorum.save_signed(conn, report.request_id, saved)
        self._point("agreed")
        return {"signature": hexed(signature)}

    def _checked(self, sender: bytes, proposal: Body, signers: SignerSet) -> PoCReport:
        try:
            report = PoCReport.from_dict(proposal["report"])
            seen = [Observation.from_dict(body) for body in proposal["observations"]]
            for one in seen:
                require_signed(one, self._client.chain_id, self._client.hub, signers.members, signers.epoch)
            expected = aggregate(seen, quorum=signers.quorum, valid_until=report.valid_until)
        except (ChainError, KeyError, TypeError) as exc:
            raise InvalidReport(f"The proposal of {hexed(sender)} proves nothing: {exc}") from exc
        with self._db.transaction() as conn:
            known = quorum.observations(conn, report.request_id, signers.epoch)
        for one in seen:
            if one.to_dict() not in known:
                self._take(report.request_id, one.to_dict(), signers, said_by=one.signer)
        if expected != report:
            raise InvalidReport(f"The report of {hexed(sender)} does not follow from its observations.")
        if not _now() < report.valid_until <= _now() + 2 * self._settings.validity_s:
            raise InvalidReport("The report is valid for too long, or no more.")
        return report

    def _signer_set(self, epoch: int | None) -> SignerSet:
        """The signers in force, asked of the chain now and then, and whenever the epoch is another."""
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


def _holds(signed: SignedProposal, epoch: int, now: int) -> bool:
    """Whether the contract could still accept what we signed."""
    return bool(signed.valid_until > now and signed.proposal["report"]["signer_epoch"] == epoch)


def _now() -> int:
    return int(time.time())


def _signature(answer: Any) -> bytes | None:
    try:
        return blob(answer["signature"])
    except (ChainError, KeyError, TypeError):
        return None


def _signed_by(signed: bytes, signature: bytes, signer: bytes) -> bool:
    try:
        return recover(signed, signature) == signer
    except SigningFailed:
        return False


def _ascending(signatures: dict[bytes, bytes], quorum_size: int) -> tuple[bytes, ...]:
    """As many as the contract needs, in the order it asks for; more would only cost gas."""
    return tuple(signature for _, signature in sorted(signatures.items())[:quorum_size])
