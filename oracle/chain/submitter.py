"""From the outbox to the pool: complete the report, sign it once, ask the contract, store, send."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from oracle.chain import lifecycle, report
from oracle.chain.broadcast import Broadcaster
from oracle.chain.client import ChainClient
from oracle.chain.errors import InvalidReport, SigningFailed
from oracle.chain.report import PoCReport, ReportDraft
from oracle.chain.resolver import Resolver
from oracle.chain.reverts import ContractReverted
from oracle.chain.signer import Signer, recover
from oracle.chain.wire import Header
from storage import outbox, transactions
from storage.database import Database
from storage.outbox import Attestation

log = structlog.get_logger(__name__)

# A stored signature is renewed when less than this is left: the transaction still has to be mined.
RENEWAL_MARGIN = timedelta(minutes=5)


class Submitter:
    """Starts a transaction for each decision that is due."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        signer: Signer,
        broadcaster: Broadcaster,
        resolver: Resolver,
        *,
        confirmations: int,
        validity: timedelta = timedelta(hours=2),
        max_in_flight: int = 16,
        on_point: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._client = client
        self._signer = signer
        self._broadcaster = broadcaster
        self._resolver = resolver
        self._confirmations = confirmations
        self._validity = validity
        self._max_in_flight = max_in_flight
        self._point = on_point

    def submit(self, head: Header) -> int:
        """Send what is due. Returns how many transactions were started.

        Raises: ChainError, DatabaseUnavailable; everything stored so far is taken up again.
        """
        self._refuse_conflicts()
        with self._db.transaction() as conn:
            in_flight = transactions.in_flight(conn, self._client.chain_id, self._broadcaster.address)
            room = self._max_in_flight - len(in_flight)
            rows = outbox.ready(conn, up_to_block=head.number - self._confirmations, limit=max(0, room))
        if not rows:
            return 0
        epoch = int(self._client.read("OracleRegistry", self._client.deployment.oracle_registry, "currentEpoch"))
        return sum(self._start(row, head, epoch) for row in rows)

    def _start(self, row: Attestation, head: Header, epoch: int) -> bool:
        try:
            signed = self._signed(row, head, epoch)
        except (InvalidReport, SigningFailed) as exc:
            self._resolver.refuse(row, exc.code, str(exc)) if isinstance(exc, InvalidReport) else (
                self._resolver.postpone(row, exc.code, str(exc), lifecycle.backoff(row.tries))
            )
            return False
        data = self._client.hub_abi.call_data(row.kind, signed[0].as_tuple(), [signed[1]])
        try:
            gas = self._client.estimate_gas(self._client.hub, data, sender=self._broadcaster.address)
        except ContractReverted as exc:
            self._resolver.reverted(row, exc.revert)
            return False
        self._send([row], data, gas)
        return True

    def _send(self, rows: Sequence[Attestation], data: bytes, gas: int) -> None:
        fee = self._client.fee()
        nonce = self._next_nonce()
        # The estimate is exact for the state it saw; a callback or a first write may cost a little more.
        prepared = self._broadcaster.prepare(nonce=nonce, to=self._client.hub, data=data, gas=gas * 5 // 4, fee=fee)
        self._point("before_store")
        with self._db.transaction() as conn:
            transaction_id = self._broadcaster.store(conn, prepared)
            outbox.attach(conn, [row.id for row in rows], transaction_id)
        for row in rows:
            log.info(
                "tx.stored",
                analysis_id=str(row.analysis_id),
                request_id=row.request_id.hex(),
                kind=row.kind,
                nonce=nonce,
                tx_hash=prepared.signed.tx_hash.hex(),
            )
        self._point("after_store")
        self._broadcaster.send_latest(transaction_id)

    def _next_nonce(self) -> int:
        account_nonce = self._client.account_nonce(self._broadcaster.address)
        with self._db.transaction() as conn:
            taken = transactions.nonces_from(conn, self._client.chain_id, self._broadcaster.address, account_nonce)
        return lifecycle.next_nonce(account_nonce, taken)

    def _signed(self, row: Attestation, head: Header, epoch: int) -> tuple[PoCReport, bytes]:
        """The report and its signature: the stored ones while they hold, else new ones, stored before use.

        A second signature under one request is an equivocation in the eyes of anybody who holds both,
        so a report is signed again only when the first one can no longer be accepted.
        """
        if row.signed_report is not None and row.signature is not None and row.signer == self._signer.address:
            kept = PoCReport.from_dict(row.signed_report)
            if kept.signer_epoch == epoch and kept.valid_until > head.timestamp + RENEWAL_MARGIN.total_seconds():
                return kept, row.signature
        completed = self._complete(row, head, epoch)
        digest = report.digest(completed, self._client.chain_id, self._client.hub)
        signature = self._signer.sign_digest(digest)
        if recover(digest, signature) != self._signer.address:
            raise SigningFailed
        with self._db.transaction() as conn:
            outbox.save_signature(
                conn,
                row.id,
                signed_report=completed.to_dict(),
                digest=digest,
                signature=signature,
                signer=self._signer.address,
            )
        self._point("signed")
        return completed, signature

    def _complete(self, row: Attestation, head: Header, epoch: int) -> PoCReport:
        # Observed when it was decided; after the contract called that a moment still to come (a clock
        # ahead of the chain's), the chain's own time.
        ahead = row.error_code == "ObservedInFuture"
        observed_at = head.timestamp if ahead else int(row.created_at.timestamp())
        # An idle development chain's last block can be hours old: the later of the two clocks counts.
        now = max(head.timestamp, int(datetime.now(UTC).timestamp()))
        return ReportDraft.from_dict(row.report).complete(
            observed_at=observed_at,
            valid_until=now + int(self._validity.total_seconds()),
            signer_epoch=epoch,
        )

    def _refuse_conflicts(self) -> None:
        detail = "After a reorg the request came back with another content; what was analysed is not what is asked."
        with self._db.transaction() as conn:
            for request_id in outbox.refuse_conflicts(conn, "request_conflict", detail):
                log.error("attestation.refused", request_id=request_id.hex(), code="request_conflict")
