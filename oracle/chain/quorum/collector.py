"""Reports that a quorum signs: gather observations, propose the report that follows, collect
signatures.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from oracle.chain.contracts.payments import Link
from oracle.chain.contracts.verify import RequestStatus, find_result, read_request
from oracle.chain.core.report import PoCReport, ReportDraft, digest
from oracle.chain.core.wire import Header, blob, hexed
from oracle.chain.errors import ChainError, InvalidReport, SigningFailed
from oracle.chain.keys.signer import Signer, recover
from oracle.chain.quorum.observation import NoAgreement, Observation, aggregate, observe, turn_order
from oracle.chain.quorum.peers import Body, Peers, PeerServer, QuorumSettings
from oracle.chain.quorum.uploads import Introductions, UploadSharing
from oracle.chain.quorum.witness import SignerSet, Witness, holds, wall_clock
from oracle.chain.rpc.client import ChainClient
from oracle.chain.sender.resolver import Resolver
from oracle.chain.sender.signing import SignedReport
from storage.chain import outbox, quorum
from storage.chain.outbox import Attestation
from storage.database import Database

log = structlog.get_logger(__name__)

MAX_WITNESSED = 32
LONGEST_PAUSE = timedelta(seconds=15)


class QuorumSigner:
    """Stands in for `ReportSigner` where several nodes serve one hub; its `Witness` answers
    them.
    """

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        signer: Signer,
        resolver: Resolver,
        settings: QuorumSettings,
        sharing: UploadSharing | None = None,
        *,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._client = client
        self._signer = signer
        self._resolver = resolver
        self._settings = settings
        self._failpoint = failpoint
        self._sharing = sharing
        self._peers = Peers(settings, signer, client.chain_id, client.hub, wall_clock)
        self._introductions = (
            Introductions(sharing, self._peers, client.chain_id, client.hub) if sharing else None
        )
        self._witness = Witness(
            db, client, signer, settings, self._introductions, sharing, failpoint=failpoint
        )
        self._server = PeerServer(
            settings, signer, client.chain_id, client.hub, self._witness.answer, wall_clock
        )

    @property
    def port(self) -> int:
        """Where other signers reach this node."""
        return self._server.port

    def close(self) -> None:
        """Stop answering and asking."""
        self._server.close()
        if self._introductions is not None:
            self._introductions.close()
        self._peers.close()

    def require_sole(self) -> None:
        """Ask the peers now and then whether another node speaks with our key.

        Raises: KeyUsedElsewhere, DatabaseUnavailable.
        """
        namesakes = self._witness.namesakes
        if namesakes.is_due(time.monotonic()):
            message: Body = {"kind": "hello", "statement": namesakes.statement(wall_clock())}
            for answer in self._peers.ask(message).values():
                namesakes.compare(answer.get("others"), wall_clock())
        namesakes.require_none()

    def sign(self, row: Attestation, _head: Header, epoch: int) -> SignedReport | None:
        """The report with a quorum of signatures; None while it is another's turn or the quorum is
        not there.

        Raises: InvalidReport, ChainError, DatabaseUnavailable.
        """
        signers = self._witness.signers_for(row.request_id, epoch)
        own = self._own_observation(row, epoch)
        if self._signer.address not in signers.members or not self._is_my_turn(row, signers):
            return None
        if self._is_settled(row):
            self._resolver.reconcile(row)  # a peer was faster
            return None
        seen = self._gather(row, own, signers)
        try:
            proposal = self._proposal(row.request_id, seen, signers)
        except NoAgreement as exc:
            self._note(row, exc.code, str(exc))
            return None
        proposal, ready = self._prepare(row.request_id, proposal, signers)
        if ready < signers.quorum:
            detail = f"{ready} of the {signers.quorum} signers needed would sign."
            self._note(row, "quorum_not_reached", detail)
            return None
        signatures = self._collect(proposal, signers)
        if len(signatures) < signers.quorum:
            detail = f"{len(signatures)} of the {signers.quorum} signatures needed."
            self._note(row, "quorum_not_reached", detail)
            return None
        report = PoCReport.from_dict(proposal["report"])
        chosen = _ascending(signatures, signers.quorum)
        self._keep(row, report, chosen, signatures)
        return SignedReport(row, report, chosen)

    def attest_link(self, link: Link) -> tuple[bytes, ...] | None:
        """The signatures of a quorum whose members were each shown whose wallet it is; None where
        they are too few. Raises: ChainError, DatabaseUnavailable.
        """
        signers = self._witness.signer_set(None)
        own = self._witness.attest_link(link, signers)
        if own is None:
            return None
        signed, found = link.digest(self._client, signers.epoch), {self._signer.address: own}
        for peer, answer in self._peers.ask({"kind": "link", "link": link.as_dict()}).items():
            signature = _signature(answer)
            if signature and peer in signers.members and _is_by(peer, signed, signature):
                found[peer] = signature
        return _ascending(found, signers.quorum) if len(found) >= signers.quorum else None

    def sign_batch(self, _digest: bytes) -> None:
        """A quorum signs report by report."""

    def _is_settled(self, row: Attestation) -> bool:
        if row.kind == "attest":
            return find_result(self._client, blob(row.report["post_id"])) is not None
        return read_request(self._client, row.request_id).status is RequestStatus.FULFILLED

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
            body = quorum.keep_observation(
                conn, row.request_id, epoch, self._signer.address, made.to_dict()
            )
        self._failpoint("observed")
        return Observation.from_dict(body)

    def _gather(self, row: Attestation, own: Observation, signers: SignerSet) -> list[Observation]:
        message: Body = {"kind": "observe", "observation": own.to_dict()}
        # No event told the others of an upload: they hear of it here, and fetch its media.
        if (
            row.kind == "attest"
            and self._sharing is not None
            and (facts := self._sharing.facts_of(row.analysis_id))
        ):
            message["upload"] = facts.to_dict()
        for peer, answer in self._peers.ask(message).items():
            if answer.get("observation"):
                self._witness.take(row.request_id, answer["observation"], signers, said_by=peer)
        with self._db.transaction() as conn:
            bodies = quorum.observations(conn, row.request_id, signers.epoch)
        return [one for one in map(Observation.from_dict, bodies) if one.signer in signers.members]

    @property
    def _margin_s(self) -> int:
        """How long a report has to hold still before it gets a new date: it has to be mined."""
        return self._settings.validity_s // 6

    def _proposal(self, request_id: bytes, seen: Sequence[Observation], signers: SignerSet) -> Body:
        """What we signed before while it holds, else what follows from the observations."""
        with self._db.transaction() as conn:
            signed = quorum.find_signed(conn, request_id)
        now = self._witness.now()
        if signed is not None and holds(signed, signers.epoch, now):
            report = PoCReport.from_dict(signed.proposal["report"])
            ours = report.transmitter == self._signer.address
            if ours and report.valid_until > now + self._margin_s:
                return dict(signed.proposal)
            return self._dated(signed.proposal)
        report = aggregate(
            seen, quorum=signers.quorum, valid_until=0, transmitter=self._signer.address
        )
        return self._dated(
            {"report": report.to_dict(), "observations": [one.to_dict() for one in seen]}
        )

    def _dated(self, proposal: Mapping[str, Any]) -> Body:
        """A conclusion with a date of today, to be transmitted by us: no contradiction of the same
        one with another date.
        """
        times = {
            "valid_until": self._witness.now() + self._settings.validity_s,
            "transmitter": hexed(self._signer.address),
        }
        return {**proposal, "report": {**proposal["report"], **times}}

    def _prepare(self, request_id: bytes, proposal: Body, signers: SignerSet) -> tuple[Body, int]:
        """Ask who would sign: nobody is bound to what a quorum does not come together for.

        Returns: the proposal, or what peers have signed already in its place; and how many, with
        us, would sign it.
        """
        answers = self._peers.ask({"kind": "prepare", "proposal": proposal})
        ready = self._count_ready(answers, proposal, signers)
        if ready >= signers.quorum:
            return proposal, ready
        earlier = self._earlier(request_id, answers, signers)
        if earlier is None:
            return proposal, ready
        answers = self._peers.ask({"kind": "prepare", "proposal": earlier})
        return earlier, self._count_ready(answers, earlier, signers)

    def _count_ready(self, answers: dict[bytes, Body], proposal: Body, signers: SignerSet) -> int:
        for answer in answers.values():
            self._take_witnessed(answer, signers)
        try:
            own = self._witness.prepare(self._signer.address, proposal, signers)
        except InvalidReport as exc:
            # Of a peer, and run out while it was passed around; our own conclusion stands.
            log.warning("quorum.proposal_dropped", reason=str(exc))
            return 0
        return sum(
            answer.get("ready") is True and peer in signers.members
            for peer, answer in {**answers, self._signer.address: own}.items()
        )

    def _take_witnessed(self, answer: Body, signers: SignerSet) -> None:
        """Compare what others were shown with what we were."""
        witnessed = answer.get("witnessed")
        for one in witnessed[:MAX_WITNESSED] if isinstance(witnessed, list) else []:
            try:
                self._witness.take_signature(
                    PoCReport.from_dict(one["report"]), blob(one["signature"]), signers
                )
            except (ChainError, KeyError, TypeError):
                continue  # a stranger wrote it

    def _collect(self, proposal: Body, signers: SignerSet) -> dict[bytes, bytes]:
        """Sign, and collect the signatures of the others, by signer."""
        report = PoCReport.from_dict(proposal["report"])
        try:
            own = _signature(self._witness.agree(self._signer.address, proposal, signers))
        except InvalidReport as exc:
            log.warning("quorum.proposal_dropped", reason=str(exc))
            return {}
        if own is None:
            return {}
        found = {self._signer.address: own}
        message = {"kind": "sign", "proposal": proposal, "signature": hexed(own)}
        for peer, answer in self._peers.ask(message).items():
            signature = _signature(answer)
            if signature and peer in signers.members:
                signer = self._witness.take_signature(report, signature, signers)
                if signer == peer:
                    found[peer] = signature
        return found

    def _earlier(
        self, request_id: bytes, answers: dict[bytes, Body], signers: SignerSet
    ) -> Body | None:
        """The conclusion that most peers have signed, if we can sign it, unless we are bound
        ourselves.
        """
        with self._db.transaction() as conn:
            signed = quorum.find_signed(conn, request_id)
        if signed is not None and holds(signed, signers.epoch, self._witness.now()):
            return None
        valid: dict[ReportDraft, list[Body]] = {}
        for peer, answer in answers.items():
            try:
                report = self._witness.checked(peer, answer["signed"], signers)
            except (InvalidReport, KeyError):
                continue  # nothing signed before, or a peer that makes things up
            if report.request_id == request_id and self._witness.fits(report, signers.epoch):
                valid.setdefault(report.draft(), []).append(answer["signed"])
        if not valid:
            return None
        return self._dated(max(valid.values(), key=len)[0])

    def _keep(
        self,
        row: Attestation,
        report: PoCReport,
        chosen: tuple[bytes, ...],
        signatures: dict[bytes, bytes],
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
        self._failpoint("signed")

    def _note(self, row: Attestation, code: str, detail: str) -> None:
        log.info("quorum.waiting", analysis_id=str(row.analysis_id), code=code, detail=detail)
        # Asking costs all signers time: the longer one has waited, the less often.
        delay = min((datetime.now(UTC) - row.created_at) / 10, LONGEST_PAUSE)
        with self._db.transaction() as conn:
            outbox.note_waiting(conn, row.id, code, detail, delay)


def _signature(answer: Any) -> bytes | None:
    try:
        return blob(answer["signature"])
    except (ChainError, KeyError, TypeError):
        return None


def _is_by(peer: bytes, signed: bytes, signature: bytes) -> bool:
    try:
        return recover(signed, signature) == peer
    except SigningFailed:
        return False


def _ascending(signatures: dict[bytes, bytes], quorum_size: int) -> tuple[bytes, ...]:
    """As many as the contract needs, in the order it asks for; more would only cost gas."""
    return tuple(signature for _, signature in sorted(signatures.items())[:quorum_size])
