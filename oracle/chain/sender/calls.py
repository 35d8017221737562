"""Calls that others want made, as cargo of transactions: sent from the process that holds the
key.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from oracle.chain.core.lifecycle import RetryTimeouts, Wish
from oracle.chain.core.reverts import Revert
from oracle.chain.core.wire import Receipt, address_bytes
from oracle.chain.errors import ChainError, RpcRefused
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import ChainClient
from oracle.chain.sender.broadcast import Broadcaster, Cargo
from oracle.chain.sender.confirmer import Confirmer
from oracle.chain.sender.resolver import Resolver
from storage.chain import calls, node_status, transactions
from storage.chain.calls import Call
from storage.chain.transactions import NonceTaken, StoredTransaction
from storage.database import Connection, Database

log = structlog.get_logger(__name__)

MAX_IN_FLIGHT = 16
CHECK_EVERY_S = 60.0
POSTPONED = timedelta(seconds=30)


class CallCargo:
    """Keeps each call's status in step with the transaction that makes it."""

    def wish(self, conn: Connection, tx: StoredTransaction) -> Wish:
        call = calls.find_carried(conn, tx.id)
        return Wish.DROP if call is not None and call.cancel_requested else Wish.SEND

    def sent(
        self, conn: Connection, transaction_id: int, _tx_hash: bytes, refusal: RpcRefused | None
    ) -> None:
        if refusal is None:
            calls.mark_sent(conn, transaction_id)
        else:
            calls.note_error(conn, transaction_id, refusal.code, refusal.reason)

    def included(self, conn: Connection, tx: StoredTransaction, _receipt: Receipt) -> None:
        calls.mark_included(conn, tx.id)

    def reopened(self, conn: Connection, tx: StoredTransaction) -> None:
        calls.mark_sent(conn, tx.id)

    def settled(
        self, conn: Connection, tx: StoredTransaction, receipt: Receipt, reason: Revert | None
    ) -> None:
        if receipt.succeeded:
            calls.mark_final(conn, tx.id)
        else:
            name, text = (
                (reason.name, reason.text) if reason else ("reverted", "The transaction reverted.")
            )
            calls.mark_reverted(conn, tx.id, name, text)

    def voided(self, conn: Connection, tx: StoredTransaction) -> None:
        calls.mark_void(conn, tx.id)


class CallSubmitter:
    """Starts the transactions of one account's wanted calls."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        broadcaster: Broadcaster,
        senders: Sequence[str],
        *,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`senders` are the names that calls know this account by: oracle, paymaster,
        fraud_officer, arbiter.
        """
        self._db = db
        self._client = client
        self._broadcaster = broadcaster
        self._senders = senders
        self._addresses = client.deployment.addresses()
        self._failpoint = failpoint

    def submit(self) -> int:
        """Send what is due, a bounded number at a time. Returns how many transactions were started.

        Raises: ChainError, StorageError; everything stored so far is taken up again.
        """
        with self._db.transaction() as conn:
            in_flight = transactions.in_flight(
                conn, self._client.chain_id, self._broadcaster.address
            )
            due = calls.ready(conn, self._senders, max(0, MAX_IN_FLIGHT - len(in_flight)))
        return sum(self._send(call) for call in due)

    def _send(self, call: Call) -> bool:
        assert call.call_data is not None  # of every wanted call
        to = address_bytes(self._addresses[call.contract])
        (gas,) = self._client.estimate_gas_of_each(
            to, [call.call_data], sender=self._broadcaster.address
        )
        if isinstance(gas, RpcRefused):  # the other calls must not wait for this one
            with self._db.transaction() as conn:
                calls.postpone(conn, call.id, gas.code, gas.reason, POSTPONED)
            log.warning("call.postponed", call=call.key, error=str(gas))
            return False
        if isinstance(gas, Revert):
            with self._db.transaction() as conn:
                calls.revert(conn, call.id, gas.name, gas.text)
            log.warning("call.reverted", call=call.key, code=gas.name)
            return False
        fee, nonce = self._client.fee(), self._broadcaster.next_nonce()
        prepared = self._broadcaster.prepare(
            nonce=nonce, to=to, data=call.call_data, gas=gas * 5 // 4, fee=fee
        )
        self._failpoint("before_store")
        with self._db.transaction() as conn:
            transaction_id = self._broadcaster.store(conn, prepared)
            if not calls.attach(conn, call.id, transaction_id):  # given up meanwhile
                conn.rollback()
                return False
        log.info("call.stored", call=call.key, transaction=transaction_id, nonce=nonce)
        self._failpoint("after_store")
        self._broadcaster.send_latest(transaction_id)
        return True


class CallSender:
    """All calls of the keys that this process holds: their transactions followed, and new ones
    started.
    """

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        keys: Mapping[str, Signer],
        *,
        timeouts: RetryTimeouts | None = None,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`keys` by the names that calls know them by; one key may have several names."""
        self._db = db
        self._client = client
        self._checked_at = float("-inf")
        self._accounts: list[tuple[Confirmer, CallSubmitter]] = []
        # A key that two processes hold may find the other's transactions among its own: every cargo
        # is told.
        cargo: list[Cargo] = [
            Resolver(db, client, start_block=client.deployment.block_number),
            CallCargo(),
        ]
        signers = {signer.address: signer for signer in keys.values()}
        for address, signer in signers.items():
            names = [name for name, holder in keys.items() if holder.address == address]
            broadcaster = Broadcaster(db, client, signer, cargo, failpoint)
            confirmer = Confirmer(
                db, client, broadcaster, timeouts=timeouts or RetryTimeouts(), failpoint=failpoint
            )
            self._accounts.append(
                (confirmer, CallSubmitter(db, client, broadcaster, names, failpoint=failpoint))
            )

    def step(self) -> int:
        """One round, which waits for no block. Returns how many transactions were started.

        It may be cut off anywhere and run again. Raises: ChainError, StorageError.
        """
        with self._db.transaction() as conn:
            status = node_status.get(conn)
        if status.latched:
            return 0  # what was final is not: an operator has to look first
        try:
            _, finalized = self._client.look(status.known_final)
        except ChainError:
            self._checked_at = float("-inf")  # it may come back as another chain
            raise
        if time.monotonic() - self._checked_at >= CHECK_EVERY_S:
            self._client.check()
            self._checked_at = time.monotonic()
        started, failure = 0, None
        for confirmer, submitter in self._accounts:
            try:
                confirmer.watch(finalized)
                started += submitter.submit()
            except (ChainError, NonceTaken) as exc:  # one key's trouble is not the other's
                failure = failure or exc
        if failure is not None:
            raise failure
        return started
