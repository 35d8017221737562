"""What becomes of a decision that the contract did not take: refused, renewed, tried again, or
already there.
"""

from datetime import timedelta

import structlog

from oracle.chain.contracts.verify import RequestStatus, read_request
from oracle.chain.core.lifecycle import backoff
from oracle.chain.core.reverts import Disposition, Revert
from oracle.chain.core.wire import Log, hexed
from oracle.chain.errors import RpcRefused
from oracle.chain.rpc.client import FULFILLED, ChainClient
from storage.chain import outbox, requests
from storage.chain.outbox import Attestation
from storage.database import Database

log = structlog.get_logger(__name__)

SOON = timedelta(seconds=1)
NOT_FOUND_YET = timedelta(seconds=10)


class Resolver:
    """Turns refusals into the decision's next state."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        *,
        start_block: int,
        search_blocks: int = 2_000,
        outvoted_is_fine: bool = False,
    ) -> None:
        """With `outvoted_is_fine` an answer that other signers gave is taken over although it is
        not ours.
        """
        self._db = db
        self._client = client
        self._start_block = start_block
        self._search_blocks = search_blocks
        self._outvoted_is_fine = outvoted_is_fine

    def reverted(self, row: Attestation, revert: Revert) -> None:
        """Act on a decoded revert. Raises: ChainError, DatabaseUnavailable."""
        if revert.disposition is Disposition.RECONCILE:
            self.reconcile(row)
        elif revert.disposition is Disposition.PERMANENT:
            self.refuse(row, revert.name, revert.text)
        elif revert.disposition is Disposition.RESIGN:
            with self._db.transaction() as conn:
                outbox.forget_signature(conn, row.id)
            self.postpone(row, revert.name, revert.text, SOON)
        else:
            self.postpone(row, revert.name, revert.text, backoff(row.tries))

    def reconcile(self, row: Attestation) -> None:
        """The hub says the request is not open: find out how it ended, and take that over."""
        status = read_request(self._client, row.request_id).status
        if status is RequestStatus.CANCELLED:
            self.refuse(
                row,
                "request_cancelled",
                "The request expired and was cancelled before it was answered.",
            )
        elif status is RequestStatus.FULFILLED:
            self._adopt(row)
        else:
            # Not there (its block went in a reorg, or the endpoint lags), or open after all.
            self.postpone(
                row,
                "request_not_found",
                "The hub does not hold this request at the head.",
                NOT_FOUND_YET,
            )

    def postpone(self, row: Attestation, code: str, detail: str, delay: timedelta) -> None:
        """Try again after a while, with the reason shown."""
        with self._db.transaction() as conn:
            outbox.postpone(conn, row.id, code, detail, delay)
        _bind(row).warning(
            "attestation.postponed", code=code, detail=detail, delay_s=delay.total_seconds()
        )

    def refuse(self, row: Attestation, code: str, detail: str) -> None:
        """End it: the chain will never take this decision."""
        with self._db.transaction() as conn:
            outbox.refuse(conn, row.id, code, detail)
        _bind(row).error("attestation.refused", code=code, detail=detail)

    def _adopt(self, row: Attestation) -> None:
        entry = self._find_fulfilment(row)
        if entry is None:
            self.postpone(
                row,
                "answer_not_found",
                "The request is answered; its event was not found yet.",
                NOT_FOUND_YET,
            )
            return
        event = self._client.hub_abi.event(FULFILLED, entry.topics, entry.data)
        ours = hexed(event["evidenceHash"]) == row.report["evidence_hash"]
        if not ours and not self._outvoted_is_fine:
            self.refuse(
                row,
                "answered_otherwise",
                f"Transaction 0x{entry.tx_hash.hex()} answered this request with other evidence.",
            )
            return
        with self._db.transaction() as conn:
            outbox.mark_included(
                conn,
                [row.request_id],
                transaction_id=None,
                tx_hash=entry.tx_hash,
                block_number=entry.block_number,
                block_hash=entry.block_hash,
            )
        _bind(row).warning(
            "attestation.found_on_chain", tx_hash=entry.tx_hash.hex(), block=entry.block_number
        )

    def _find_fulfilment(self, row: Attestation) -> Log | None:
        """The event that settled a request, latest blocks first, in ranges the endpoint takes."""
        with self._db.transaction() as conn:
            request = requests.find(conn, row.request_id)
        first = request.block_number if request else self._start_block
        topics = [hexed(self._client.hub_abi.topic(FULFILLED)), hexed(row.request_id)]
        last, width = self._client.head().number, self._search_blocks
        while last >= first:
            low = max(first, last - width + 1)
            try:
                found = self._client.logs_between(low, last, topics=topics)
            except RpcRefused:
                if width == 1:
                    raise
                width = max(1, width // 2)
                continue
            if found:
                return found[-1]
            last = low - 1
        return None


def _bind(row: Attestation) -> structlog.stdlib.BoundLogger:
    bound: structlog.stdlib.BoundLogger = log.bind(
        analysis_id=str(row.analysis_id), request_id=row.request_id.hex(), kind=row.kind
    )
    return bound
