"""Decisions as cargo of transactions, and what becomes of one that the contract did not take.

It is refused, renewed, tried again, or found to be there already.
"""

from datetime import timedelta

import structlog

from oracle import traces
from oracle.chain.contracts.verify import RequestStatus, find_result, read_request, recorded_report
from oracle.chain.core.lifecycle import Wish, backoff
from oracle.chain.core.reverts import Disposition, Revert, decode_revert
from oracle.chain.core.wire import Header, Log, Receipt, blob, hexed
from oracle.chain.errors import RpcRefused
from oracle.chain.rpc.client import FULFILLED, RECORDED, SKIPPED, ChainClient
from oracle.chain.sender import shows
from storage.chain import outbox, requests
from storage.chain.outbox import Attestation
from storage.chain.transactions import StoredTransaction
from storage.database import Connection, Database

log = structlog.get_logger(__name__)

SOON = timedelta(seconds=1)
NOT_FOUND_YET = timedelta(seconds=10)
MAX_SEARCHES = 6
NOT_SHOWN = "ReportNotShown"  # as the contract calls it


class Resolver:
    """Keeps each decision's state in step with the transaction that carries it, and turns
    refusals into the next.
    """

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

    # As cargo (`Cargo`)

    def wish(self, conn: Connection, tx: StoredTransaction) -> Wish:
        """Held while a request that it answers is not on the chain: the answer would revert."""
        rows = outbox.of_transaction(conn, tx.id)
        answers = all(
            row.kind == "attest" or requests.is_answerable(conn, row.request_id) for row in rows
        )
        return Wish.SEND if answers else Wish.HOLD

    def sent(
        self, conn: Connection, transaction_id: int, tx_hash: bytes, refusal: RpcRefused | None
    ) -> None:
        if refusal is None:
            outbox.mark_sent(conn, transaction_id, tx_hash)
        else:
            outbox.note_error(conn, transaction_id, refusal.code, refusal.reason)

    def included(self, conn: Connection, tx: StoredTransaction, receipt: Receipt) -> None:
        outbox.mark_included(
            conn,
            self._fulfilled(receipt),
            transaction_id=tx.id,
            tx_hash=receipt.tx_hash,
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
        )

    def reopened(self, conn: Connection, tx: StoredTransaction) -> None:
        outbox.mark_sent(conn, tx.id, tx.attempts[-1].tx_hash)

    def settled(
        self, conn: Connection, tx: StoredTransaction, receipt: Receipt, reason: Revert | None
    ) -> None:
        """Decisions the contract did not take go back to the queue.

        Before the next transaction the contract is asked again, and its answer decides what becomes
        of each.
        """
        done, skipped = set(self._fulfilled(receipt)), self._skipped(receipt)
        for row in outbox.of_transaction(conn, tx.id):
            if row.request_id in done:
                outbox.mark_final(conn, [row.id])
                _trace(row)
                _bind(row).info("attestation.final", block=receipt.block_number)
                continue
            why = reason or skipped.get(row.request_id)
            code, detail = (
                (why.name, why.text) if why else ("reverted", "The transaction reverted.")
            )
            outbox.postpone(conn, row.id, code, detail, backoff(row.tries))
            _bind(row).info("attestation.not_taken", block=receipt.block_number, code=code)

    def voided(self, conn: Connection, tx: StoredTransaction) -> None:
        for row in outbox.of_transaction(conn, tx.id):
            if row.status in ("pending", "sent"):
                outbox.postpone(
                    conn, row.id, "nonce_spent", "Another transaction has spent the nonce.", SOON
                )

    def follow_foreign(self, finalized: Header) -> None:
        """Answers of ours that another transmitter brought to the chain are followed by their
        block.

        Raises: ChainError, DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            rows = outbox.included_by_others(conn)
        for row in rows:
            if row.block_number is None:
                continue
            header = self._client.find_header(row.block_number)
            if header is None or header.hash != row.block_hash:
                self.postpone(row, "reorged_out", "The block that held the answer is gone.", SOON)
            elif header.number <= finalized.number:
                with self._db.transaction() as conn:
                    outbox.mark_final(conn, [row.id])
                _trace(row)

    def _fulfilled(self, receipt: Receipt) -> list[bytes]:
        """Ids of the requests and attestations that the transaction settled."""
        ids = (self._client.answer_of(entry) for entry in receipt.logs)
        return list(dict.fromkeys(one for one in ids if one is not None))

    def _skipped(self, receipt: Receipt) -> dict[bytes, Revert]:
        """Why a batch left decisions out, by request id."""
        topic, skipped = self._client.hub_abi.topic(SKIPPED), {}
        for entry in receipt.logs:
            if entry.address == self._client.hub and entry.topics[0] == topic:
                event = self._client.hub_abi.event(SKIPPED, entry.topics, entry.data)
                skipped[event["requestId"]] = decode_revert(event["reason"])
        return skipped

    # What the contract did not take

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
            if revert.name == NOT_SHOWN:
                self._show(row)
            self.postpone(row, revert.name, revert.text, backoff(row.tries))

    def reconcile(self, row: Attestation) -> None:
        """The request is not open, or the post has a result: find out how that came, and take it
        over.
        """
        if row.kind == "attest":
            self._adopt(row)
            return
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

    def _show(self, row: Attestation) -> None:
        """Have the report shown that this answer is to replace."""
        post_id = blob(row.report["post_id"])
        result = find_result(self._client, post_id)
        unshown = shows.find_unshown(self._db, self._client, post_id, result)
        if unshown is not None:
            with self._db.transaction() as conn:
                shows.want(conn, unshown)

    def _adopt(self, row: Attestation) -> None:
        entry = self._find_answer(row)
        if entry is None:
            # An index of events may lag behind the head it serves; not this long.
            if row.kind == "attest" and row.tries >= MAX_SEARCHES:
                self.refuse(
                    row, "post_already_recorded", "The post has a result that is not this one's."
                )
                return
            self.postpone(
                row,
                "answer_not_found",
                "The answer is on the chain; its event was not found yet.",
                NOT_FOUND_YET,
            )
            return
        if row.kind == "attest":
            evidence_hash = recorded_report(self._client, entry)[0].evidence_hash
        else:
            event = self._client.hub_abi.event(FULFILLED, entry.topics, entry.data)
            evidence_hash = event["evidenceHash"]
        ours = hexed(evidence_hash) == row.report["evidence_hash"]
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

    def _find_answer(self, row: Attestation) -> Log | None:
        """The event that settled it, latest blocks first, in ranges the endpoint takes."""
        with self._db.transaction() as conn:
            request = requests.find(conn, row.request_id)
        first = request.block_number if request else self._start_block
        topics: list[str | None]
        if row.kind == "attest":
            topics = [hexed(self._client.posts_abi.topic(RECORDED)), None, hexed(row.request_id)]
            address = self._client.deployment.post_registry
        else:
            topics = [hexed(self._client.hub_abi.topic(FULFILLED)), hexed(row.request_id)]
            address = self._client.deployment.hub
        last, width = self._client.head().number, self._search_blocks
        while last >= first:
            low = max(first, last - width + 1)
            try:
                found = self._client.logs_between(low, last, topics=topics, address=address)
            except RpcRefused:
                if width == 1:
                    raise
                width = max(1, width // 2)
                continue
            if found:
                return found[-1]
            last = low - 1
        return None


def _trace(row: Attestation) -> None:
    """From the decision to the block that is final."""
    tx_hash = "" if row.tx_hash is None else f"0x{row.tx_hash.hex()}"
    traces.passed(row.analysis_id, "attest", row.created_at, tx_hash=tx_hash)


def _bind(row: Attestation) -> structlog.stdlib.BoundLogger:
    bound: structlog.stdlib.BoundLogger = log.bind(
        analysis_id=str(row.analysis_id), request_id=row.request_id.hex(), kind=row.kind
    )
    return bound
