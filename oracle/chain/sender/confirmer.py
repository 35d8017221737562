"""Follows what was sent until it is final: included, dropped by a reorg, stuck, reverted, or
spent by another.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from oracle.chain.core import lifecycle
from oracle.chain.core.fees import replacement
from oracle.chain.core.lifecycle import ChainView, PendingTx, ReceiptSeen, RetryTimeouts, Step
from oracle.chain.core.reverts import ContractReverted, Revert, decode_revert
from oracle.chain.core.transaction import Fee
from oracle.chain.core.wire import Header, Receipt
from oracle.chain.errors import EndpointInconsistent, FeeCapReached, RpcRefused
from oracle.chain.rpc.client import FULFILLED, SKIPPED, ChainClient
from oracle.chain.sender.broadcast import Broadcaster
from oracle.chain.sender.resolver import SOON, Resolver
from storage.chain import outbox, requests, transactions
from storage.chain.transactions import StoredTransaction
from storage.database import Database

log = structlog.get_logger(__name__)


class Confirmer:
    """Takes the next step of every transaction in flight."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        broadcaster: Broadcaster,
        resolver: Resolver,
        *,
        timeouts: RetryTimeouts,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._client = client
        self._broadcaster = broadcaster
        self._resolver = resolver
        self._timeouts = timeouts
        self._failpoint = failpoint

    def watch(self, finalized: Header) -> None:
        """One round over all transactions in flight. Raises: ChainError, DatabaseUnavailable."""
        with self._db.transaction() as conn:
            in_flight = transactions.in_flight(
                conn, self._client.chain_id, self._broadcaster.address
            )
        self._watch_foreign(finalized)
        # The nonce is asked before the receipts: one that is spent then has its receipt by now.
        account_nonce = self._client.account_nonce(self._broadcaster.address)
        self._repair_gaps(account_nonce)
        if not in_flight:
            return
        receipts = self._receipts(in_flight)
        final_nonce: int | None = None
        for tx in in_flight:
            receipt = receipts.get(tx.id)
            if receipt is None and account_nonce > tx.nonce and final_nonce is None:
                final_nonce = self._final_nonce(finalized)
            self._step(
                tx, receipt, self._sighting(tx, receipt, account_nonce, final_nonce or 0, finalized)
            )

    def _receipts(self, in_flight: Sequence[StoredTransaction]) -> dict[int, Receipt]:
        """The receipt of each mined transaction, whichever of its attempts it was."""
        attempts = [(tx.id, attempt.tx_hash) for tx in in_flight for attempt in tx.attempts]
        found = self._client.find_receipts([tx_hash for _, tx_hash in attempts])
        return {
            tx_id: receipt
            for (tx_id, _), receipt in zip(attempts, found, strict=True)
            if receipt is not None
        }

    def _final_nonce(self, finalized: Header) -> int:
        try:
            return self._client.account_nonce(self._broadcaster.address, finalized.number)
        except RpcRefused:
            return 0  # that block's state is pruned; a later finalized block will tell

    def _sighting(
        self,
        tx: StoredTransaction,
        receipt: Receipt | None,
        account_nonce: int,
        final_nonce: int,
        finalized: Header,
    ) -> ChainView:
        newest = tx.attempts[-1]
        sent = newest.last_sent_at is not None
        return ChainView(
            now=datetime.now(UTC),
            finalized_block=finalized.number,
            account_nonce=account_nonce,
            final_nonce=final_nonce,
            receipt=None if receipt is None else _seen(tx, receipt),
            in_pool=receipt is None and sent and self._client.is_known(newest.tx_hash),
        )

    def _step(self, tx: StoredTransaction, receipt: Receipt | None, seen: ChainView) -> None:
        newest = tx.attempts[-1]
        refusal = lifecycle.refusal_of(newest.last_error) if newest.last_error else None
        pending = PendingTx(
            tx.nonce, newest.first_sent_at, newest.last_sent_at, tx.block_hash, refusal
        )
        step = lifecycle.next_step(pending, seen, self._timeouts)
        if step in (Step.SEND, Step.BUMP_FEE):
            self._send(tx, seen, bump=step is Step.BUMP_FEE)
        elif step is Step.REOPEN:
            self._reopen(tx)
        elif step is Step.VOID:
            self._void(tx)
        elif receipt is not None and step is Step.INCLUDE:
            self._include(tx, receipt)
        elif receipt is not None and step in (Step.FINALIZE, Step.FAIL):
            self._settle(tx, receipt)

    def _send(self, tx: StoredTransaction, seen: ChainView, *, bump: bool) -> None:
        if self._answers_what_is_asked(tx):
            if bump:
                self._replace(tx, cancelling=tx.attempts[-1].cancelling)
            else:
                self._broadcaster.send_latest(tx.id)
        elif seen.now - tx.updated_at >= self._timeouts.bump_after:
            # The request is gone from the chain. Its answer would revert, but its nonce holds up
            # the later ones: spend it on nothing.
            self._replace(tx, cancelling=True)

    def _reopen(self, tx: StoredTransaction) -> None:
        with self._db.transaction() as conn:
            transactions.reopen(conn, tx.id)
            outbox.mark_sent(conn, tx.id, tx.attempts[-1].tx_hash)
        log.warning("tx.reorged_out", transaction=tx.id, nonce=tx.nonce, block=tx.block_number)
        self._failpoint("reopened")
        if self._answers_what_is_asked(tx):
            self._broadcaster.send_latest(tx.id)

    def _answers_what_is_asked(self, tx: StoredTransaction) -> bool:
        """Whether every request that this transaction answers is on the chain now; cancelling
        ones answer none.
        """
        if tx.attempts[-1].cancelling:
            return True
        with self._db.transaction() as conn:
            rows = outbox.of_transaction(conn, tx.id)
            return all(
                row.kind == "attest" or requests.is_answerable(conn, row.request_id) for row in rows
            )

    def _replace(self, tx: StoredTransaction, *, cancelling: bool) -> None:
        newest = tx.attempts[-1]
        try:
            now = self._client.fee()
            fee = replacement(Fee(newest.max_fee_wei, newest.tip_wei), now, self._client.fee_limits)
        except FeeCapReached as exc:
            log.warning("fee.capped", transaction=tx.id, nonce=tx.nonce, error=str(exc))
            self._broadcaster.send_latest(tx.id)
            return
        if cancelling:
            prepared = self._broadcaster.prepare_cancelling(tx.nonce, fee)
        else:
            prepared = self._broadcaster.prepare(
                nonce=tx.nonce, to=tx.to_address, data=tx.call_data, gas=tx.gas, fee=fee
            )
        with self._db.transaction() as conn:
            self._broadcaster.store_attempt(conn, tx.id, prepared)
        log.info(
            "tx.replaced",
            transaction=tx.id,
            nonce=tx.nonce,
            cancelling=cancelling,
            max_fee_wei=fee.max_fee_wei,
        )
        self._failpoint("replacement_stored")
        self._broadcaster.send_latest(tx.id)

    def _include(self, tx: StoredTransaction, receipt: Receipt) -> None:
        with self._db.transaction() as conn:
            transactions.include(
                conn,
                tx.id,
                mined_hash=receipt.tx_hash,
                block_number=receipt.block_number,
                block_hash=receipt.block_hash,
            )
            outbox.mark_included(
                conn,
                self._fulfilled(receipt),
                transaction_id=tx.id,
                tx_hash=receipt.tx_hash,
                block_number=receipt.block_number,
                block_hash=receipt.block_hash,
            )
        log.info(
            "tx.included",
            transaction=tx.id,
            nonce=tx.nonce,
            block=receipt.block_number,
            succeeded=receipt.succeeded,
            gas_used=receipt.gas_used,
        )
        self._failpoint("included")

    def _settle(self, tx: StoredTransaction, receipt: Receipt) -> None:
        """Done: the block is final. Decisions the contract did not take go their own ways."""
        self._require_canonical(receipt)
        done = set(self._fulfilled(receipt))
        with self._db.transaction() as conn:
            rows = outbox.of_transaction(conn, tx.id)
        left = [row for row in rows if row.request_id not in done]
        reasons = self._reasons(tx, receipt) if left else {}
        with self._db.transaction() as conn:
            outbox.mark_final(conn, [row.id for row in rows if row.request_id in done])
            transactions.settle(conn, tx.id, "final" if receipt.succeeded else "reverted")
            # Back to the queue in the same transaction, so that a crash loses none of them. Before
            # the next transaction the contract is asked again, and its answer decides what becomes
            # of each.
            for row in left:
                reason = reasons.get(row.request_id)
                code, detail = (
                    (reason.name, reason.text)
                    if reason
                    else ("reverted", "The transaction reverted.")
                )
                outbox.postpone(conn, row.id, code, detail, lifecycle.backoff(row.tries))
        for row in rows:
            event = "attestation.final" if row.request_id in done else "attestation.not_taken"
            log.info(event, analysis_id=str(row.analysis_id), block=receipt.block_number)
        self._failpoint("settled")

    def _void(self, tx: StoredTransaction) -> None:
        with self._db.transaction() as conn:
            for row in outbox.of_transaction(conn, tx.id):
                if row.status in ("pending", "sent"):
                    outbox.postpone(
                        conn,
                        row.id,
                        "nonce_spent",
                        "Another transaction has spent the nonce.",
                        SOON,
                    )
            transactions.settle(conn, tx.id, "void")
        log.warning("tx.void", transaction=tx.id, nonce=tx.nonce)
        self._failpoint("voided")

    def _repair_gaps(self, account_nonce: int) -> None:
        """Fill nonces that nobody holds and that block later ones of ours."""
        with self._db.transaction() as conn:
            taken = transactions.nonces_from(
                conn, self._client.chain_id, self._broadcaster.address, account_nonce
            )
        for nonce in lifecycle.missing_nonces(account_nonce, taken):
            prepared = self._broadcaster.prepare_cancelling(nonce, self._client.fee())
            with self._db.transaction() as conn:
                transaction_id = self._broadcaster.store(conn, prepared)
            log.warning("nonce.gap_filled", nonce=nonce)
            self._broadcaster.send_latest(transaction_id)

    def _watch_foreign(self, finalized: Header) -> None:
        """Answers of ours that another transmitter brought to the chain are followed by their
        block.
        """
        with self._db.transaction() as conn:
            rows = outbox.included_by_others(conn)
        for row in rows:
            if row.block_number is None:
                continue
            header = self._client.find_header(row.block_number)
            if header is None or header.hash != row.block_hash:
                self._resolver.postpone(
                    row, "reorged_out", "The block that held the answer is gone.", SOON
                )
            elif header.number <= finalized.number:
                with self._db.transaction() as conn:
                    outbox.mark_final(conn, [row.id])

    def _require_canonical(self, receipt: Receipt) -> None:
        said = self._client.endpoint.hashes_at(receipt.block_number)
        if any(found != receipt.block_hash for found in said.values()):
            raise EndpointInconsistent(
                f"A receipt names another block {receipt.block_number} than the chain has."
            )

    def _fulfilled(self, receipt: Receipt) -> list[bytes]:
        topic = self._client.hub_abi.topic(FULFILLED)
        return [
            e.topics[1]
            for e in receipt.logs
            if e.address == self._client.hub and e.topics[0] == topic
        ]

    def _reasons(self, tx: StoredTransaction, receipt: Receipt) -> dict[bytes, Revert]:
        """Why decisions were not taken, by request id, as far as the chain still tells."""
        if not receipt.succeeded:
            reason = self._replayed(tx, receipt)
            with self._db.transaction() as conn:
                return (
                    {row.request_id: reason for row in outbox.of_transaction(conn, tx.id)}
                    if reason
                    else {}
                )
        topic = self._client.hub_abi.topic(SKIPPED)
        found = {}
        for entry in receipt.logs:
            if entry.address == self._client.hub and entry.topics[0] == topic:
                event = self._client.hub_abi.event(SKIPPED, entry.topics, entry.data)
                found[event["requestId"]] = decode_revert(event["reason"])
        return found

    def _replayed(self, tx: StoredTransaction, receipt: Receipt) -> Revert | None:
        """The reason of a revert is not in the receipt: make the call again on the block before."""
        try:
            self._client.call_raw(
                tx.to_address,
                tx.call_data,
                sender=self._broadcaster.address,
                block=receipt.block_number - 1,
            )
        except ContractReverted as exc:
            return exc.revert
        except RpcRefused:
            pass  # that block's state is pruned
        return None


def _seen(tx: StoredTransaction, receipt: Receipt) -> ReceiptSeen:
    cancelling = next(
        (attempt.cancelling for attempt in tx.attempts if attempt.tx_hash == receipt.tx_hash), False
    )
    return ReceiptSeen(receipt.block_number, receipt.block_hash, not receipt.succeeded, cancelling)
