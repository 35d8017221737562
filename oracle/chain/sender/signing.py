"""Reports signed once: completed with time and signer set, signed, stored, and only then used."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from oracle.chain.core import report
from oracle.chain.core.report import PoCReport, ReportDraft
from oracle.chain.core.wire import Header
from oracle.chain.errors import SigningFailed
from oracle.chain.keys.signer import Signer, recover
from oracle.chain.rpc.client import ChainClient
from storage.chain import outbox
from storage.chain.outbox import Attestation
from storage.database import Database

# A stored signature is renewed when less than this is left: the transaction still has to be mined.
RENEWAL_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SignedReport:
    """A report with the signatures that the contract asks for, ascending by signer."""

    row: Attestation
    report: PoCReport
    signatures: tuple[bytes, ...]


class Signing(Protocol):
    """Turns a decision into a report that the contract accepts."""

    def sign(self, row: Attestation, head: Header, epoch: int, /) -> SignedReport | None:
        """The signed report; None while it is not to be sent yet.

        Raises: InvalidReport, SigningFailed, ChainError, DatabaseUnavailable.
        """
        ...

    def sign_batch(self, digest: bytes, /) -> tuple[bytes, ...] | None:
        """Signatures of a whole batch of reports that were signed one by one before; None where it
        takes more than this signer's.

        Raises: SigningFailed.
        """
        ...


class ReportSigner:
    """One signer's word, given once for each decision.

    Two different reports signed under one request are an equivocation in the eyes of anybody who
    holds both, so a report is signed again only when the first one can no longer be accepted.
    """

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        signer: Signer,
        *,
        validity: timedelta = timedelta(hours=2),
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._client = client
        self._signer = signer
        self._validity = validity
        self._failpoint = failpoint

    def sign(self, row: Attestation, head: Header, epoch: int) -> SignedReport:
        """The stored signature while it holds, else a new one.

        Raises: InvalidReport, SigningFailed.
        """
        if (
            row.signed_report is not None
            and row.signature is not None
            and row.signer == self._signer.address
        ):
            kept = PoCReport.from_dict(row.signed_report)
            if (
                kept.signer_epoch == epoch
                and kept.valid_until > head.timestamp + RENEWAL_MARGIN.total_seconds()
            ):
                return SignedReport(row, kept, (row.signature,))
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
        self._failpoint("signed")
        return SignedReport(row, completed, (signature,))

    def sign_batch(self, digest: bytes) -> tuple[bytes, ...]:
        """Our signature of a batch: it says no more than those of its reports.

        Raises: SigningFailed.
        """
        return (self._signer.sign_digest(digest),)

    def _complete(self, row: Attestation, head: Header, epoch: int) -> PoCReport:
        # Observed when it was decided; after the contract called that a moment still to come (a
        # clock ahead of the chain's), the chain's own time.
        ahead = row.error_code == "ObservedInFuture"
        observed_at = head.timestamp if ahead else int(row.created_at.timestamp())
        # An idle development chain's last block can be hours old: the later of the two clocks
        # counts.
        now = max(head.timestamp, int(datetime.now(UTC).timestamp()))
        return ReportDraft.from_dict(row.report).complete(
            observed_at=observed_at,
            valid_until=now + int(self._validity.total_seconds()),
            signer_epoch=epoch,
            transmitter=self._signer.address,  # who copies the transaction earns nothing
        )
