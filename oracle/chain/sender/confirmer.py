"""Follows what was sent until it is final: included, dropped by a reorg, stuck, reverted, or
spent by another.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from oracle.chain.core import fees, lifecycle
from oracle.chain.core.lifecycle import ChainView, PendingTx, ReceiptSeen, RetryTimeouts, Step, Wish
from oracle.chain.core.reverts import ContractReverted, Revert
from oracle.chain.core.transaction import Fee
from oracle.chain.core.wire import Header, Receipt
from oracle.chain.errors import EndpointInconsistent, FeeCapReached, RpcRefused
from oracle.chain.rpc.client import ChainClient
from oracle.chain.sender.broadcast import Broadcaster
from storage.chain import transactions
from storage.chain.transactions import StoredTransaction
from storage.database import Database

log = structlog.get_logger(__name__)


class Confirmer:
    """Takes the next step of every transaction of one account, whatever it carries."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        broadcaster: Broadcaster,
        *,
        timeouts: RetryTimeouts,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._client = client
        self._broadcaster = broadcaster
        self._cargo = broadcaster.cargo
        self._timeouts = timeouts
        self._failpoint = failpoint

    def watch(self, finalized: Header) -> None:
        """One round over all transactions in flight. Raises: ChainError, DatabaseUnavailable."""
        with self._db.transaction() as conn:
            in_flight = transactions.in_flight(
                conn, self._client.chain_id, self._broadcaster.address
            )
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
                tx,
                receipt,
                self._chain_view(tx, receipt, account_nonce, final_nonce or 0, finalized),
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

    def _chain_view(
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
            tx.nonce,
            newest.first_sent_at,
            newest.last_sent_at,
            tx.block_hash,
            refusal,
            self._wish(tx),
            tx.updated_at,
        )
        step = lifecycle.next_step(pending, seen, self._timeouts)
        if step is Step.SEND:
            self._broadcaster.send_latest(tx.id)
        elif step is Step.REOPEN:
            self._reopen(tx)
        elif step in (Step.BUMP_FEE, Step.CANCEL):
            self._replace(tx, cancelling=newest.cancelling or step is Step.CANCEL)
        elif step is Step.VOID:
            self._void(tx)
        elif receipt is not None and step is Step.INCLUDE:
            self._include(tx, receipt)
        elif receipt is not None and step in (Step.FINALIZE, Step.FAIL):
            self._settle(tx, receipt)

    def _wish(self, tx: StoredTransaction) -> Wish:
        """What its cargo wants; a cancelling transaction carries none, and is sent until its
        nonce is spent.
        """
        if tx.attempts[-1].cancelling:
            return Wish.SEND
        with self._db.transaction() as conn:
            wishes = {cargo.wish(conn, tx) for cargo in self._cargo}
        return next((wish for wish in (Wish.DROP, Wish.HOLD) if wish in wishes), Wish.SEND)

    def _reopen(self, tx: StoredTransaction) -> None:
        with self._db.transaction() as conn:
            transactions.reopen(conn, tx.id)
            for cargo in self._cargo:
                cargo.reopened(conn, tx)
        log.warning("tx.reorged_out", transaction=tx.id, nonce=tx.nonce, block=tx.block_number)
        self._failpoint("reopened")
        if self._wish(tx) is Wish.SEND:
            self._broadcaster.send_latest(tx.id)

    def _replace(self, tx: StoredTransaction, *, cancelling: bool) -> None:
        newest = tx.attempts[-1]
        previous = Fee(newest.max_fee_wei, newest.tip_wei)
        price = fees.cancelling if cancelling and not newest.cancelling else fees.replacement
        try:
            fee = price(previous, self._client.fee(), self._client.fee_limits)
        except FeeCapReached as exc:
            log.warning("fee.capped", transaction=tx.id, nonce=tx.nonce, error=str(exc))
            if cancelling is newest.cancelling:  # never what is to be cancelled
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
            for cargo in self._cargo:
                if not _is_cancelling(tx, receipt):
                    cargo.included(conn, tx, receipt)
                # another attempt was in a block before, with all it carried
                elif tx.block_hash is not None:
                    cargo.reopened(conn, tx)
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
        """Done: the block is final."""
        self._require_canonical(receipt)
        reason = None if receipt.succeeded else self._replayed(tx, receipt)
        # In one transaction, so that a crash loses nothing of what it carried.
        with self._db.transaction() as conn:
            for cargo in self._cargo:
                cargo.settled(conn, tx, receipt, reason)
            transactions.settle(conn, tx.id, "final" if receipt.succeeded else "reverted")
        log.info("tx.final", transaction=tx.id, nonce=tx.nonce, succeeded=receipt.succeeded)
        self._failpoint("settled")

    def _void(self, tx: StoredTransaction) -> None:
        with self._db.transaction() as conn:
            for cargo in self._cargo:
                cargo.voided(conn, tx)
            transactions.settle(conn, tx.id, "void")
        log.warning("tx.void", transaction=tx.id, nonce=tx.nonce)
        self._failpoint("voided")

    def _repair_gaps(self, account_nonce: int) -> None:
        """Spend on nothing what blocks later nonces: those that no transaction holds, and those
        that another transaction had spent on a chain that was set back since.
        """
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
        with self._db.transaction() as conn:
            unspent = transactions.void_from(
                conn, self._client.chain_id, self._broadcaster.address, account_nonce
            )
        for tx in unspent:
            prepared = self._broadcaster.prepare_cancelling(tx.nonce, self._client.fee())
            with self._db.transaction() as conn:
                self._broadcaster.store_attempt(conn, tx.id, prepared)
                transactions.reopen(conn, tx.id)
            log.warning("nonce.free_again", transaction=tx.id, nonce=tx.nonce)
            self._broadcaster.send_latest(tx.id)

    def _require_canonical(self, receipt: Receipt) -> None:
        hashes = self._client.endpoint.hashes_at(receipt.block_number)
        if any(block_hash != receipt.block_hash for block_hash in hashes.values()):
            raise EndpointInconsistent(
                f"A receipt names another block {receipt.block_number} than the chain has."
            )

    def _replayed(self, tx: StoredTransaction, receipt: Receipt) -> Revert | None:
        """The reason of a revert is not in the receipt: make the call again before its block, and
        after it.

        After it tells what the block before does not: that another transaction of the same block
        was the reason.
        """
        for block in (receipt.block_number - 1, receipt.block_number):
            try:
                self._client.call_raw(
                    tx.to_address, tx.call_data, sender=self._broadcaster.address, block=block
                )
            except ContractReverted as exc:
                return exc.revert
            except RpcRefused:
                continue  # that block's state is pruned
        return None


def _seen(tx: StoredTransaction, receipt: Receipt) -> ReceiptSeen:
    return ReceiptSeen(
        receipt.block_number,
        receipt.block_hash,
        not receipt.succeeded,
        cancelling=_is_cancelling(tx, receipt),
    )


def _is_cancelling(tx: StoredTransaction, receipt: Receipt) -> bool:
    return next(
        (attempt.cancelling for attempt in tx.attempts if attempt.tx_hash == receipt.tx_hash), False
    )
