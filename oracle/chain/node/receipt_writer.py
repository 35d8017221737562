"""Write a receipt for each decision that has become final."""

import structlog

from oracle.chain.core import receipt
from oracle.chain.core.report import PoCReport
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import ChainClient
from storage.chain import receipts
from storage.chain.outbox import Attestation
from storage.database import Database

log = structlog.get_logger(__name__)


class ReceiptWriter:
    """Signs receipts with the key that signed the report."""

    def __init__(self, db: Database, client: ChainClient, signer: Signer) -> None:
        self._db = db
        self._client = client
        self._signer = signer

    def issue(self) -> int:
        """Write missing receipts. Returns: how many. Raises: SigningFailed, DatabaseUnavailable."""
        with self._db.transaction() as conn:
            rows = receipts.missing(conn)
        written = 0
        for row in rows:
            body = self._receipt(row)
            if body is not None:
                with self._db.transaction() as conn:
                    receipts.add(conn, row.id, body)
                written += 1
                log.info(
                    "receipt.issued",
                    analysis_id=str(row.analysis_id),
                    tx_hash=(row.tx_hash or b"").hex(),
                )
        return written

    def _receipt(self, row: Attestation) -> str | None:
        if not (
            row.signed_report
            and row.signatures
            and row.tx_hash
            and row.block_number
            and row.block_hash
        ):
            return None
        return receipt.issue(
            self._signer,
            chain_id=self._client.chain_id,
            hub=self._client.hub,
            report=PoCReport.from_dict(row.signed_report),
            signatures=row.signatures,
            tx_hash=row.tx_hash,
            block_number=row.block_number,
            block_hash=row.block_hash,
        ).to_json()
