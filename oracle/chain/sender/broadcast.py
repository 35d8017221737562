"""Signed bytes: stored first, then sent, and sent again as they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from oracle.chain.core import lifecycle
from oracle.chain.core.lifecycle import Wish
from oracle.chain.core.reverts import Revert
from oracle.chain.core.transaction import Fee, SignedTransaction, Transaction
from oracle.chain.core.wire import Receipt
from oracle.chain.errors import ChainUnavailable, RpcRefused
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import ChainClient
from storage.chain import transactions
from storage.chain.transactions import Attempt, StoredTransaction
from storage.database import Connection, Database

log = structlog.get_logger(__name__)

# What nodes say when they have the very same transaction already; the words differ by client.
KNOWN_ALREADY = ("already known", "already imported", "known transaction", "alreadyknown")
TRANSFER_GAS = 21_000


class Cargo(Protocol):
    """Something that transactions carry, told of each step in the database transaction that records
    it.

    Every kind of cargo is asked and told about every transaction, and keeps to its own.
    """

    def wish(self, conn: Connection, tx: StoredTransaction, /) -> Wish:
        """Whether it is wanted still; SEND where the transaction carries none of it."""
        ...

    def sent(
        self, conn: Connection, transaction_id: int, tx_hash: bytes, refusal: RpcRefused | None, /
    ) -> None:
        """The bytes went out, or the endpoint refused them."""
        ...

    def included(self, conn: Connection, tx: StoredTransaction, receipt: Receipt, /) -> None:
        """A block holds the transaction."""
        ...

    def reopened(self, conn: Connection, tx: StoredTransaction, /) -> None:
        """No block holds it any more."""
        ...

    def settled(
        self, conn: Connection, tx: StoredTransaction, receipt: Receipt, reason: Revert | None, /
    ) -> None:
        """Its block is final; `reason` says why it reverted, where it did and the chain still
        tells.
        """
        ...

    def voided(self, conn: Connection, tx: StoredTransaction, /) -> None:
        """Its nonce is spent for good on something else."""
        ...


@dataclass(frozen=True, slots=True)
class PreparedTransaction:
    """A transaction and its signed bytes. A cancelling one spends its nonce and does nothing."""

    unsigned: Transaction
    signed: SignedTransaction
    cancelling: bool


class Broadcaster:
    """Signs for one account and hands bytes to the chain; the only place that sends."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        sender: Signer,
        cargo: Sequence[Cargo],
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`failpoint` is called by name at every place a crash could fall between two effects."""
        self._db = db
        self._client = client
        self._sender = sender
        self.cargo = cargo
        self._failpoint = failpoint

    @property
    def address(self) -> bytes:
        """The account that pays for gas, 20 bytes."""
        return self._sender.address

    def prepare(
        self, *, nonce: int, to: bytes, data: bytes, gas: int, fee: Fee, cancelling: bool = False
    ) -> PreparedTransaction:
        """Sign a transaction. Nothing is stored or sent. Raises: SigningFailed."""
        unsigned = Transaction(
            chain_id=self._client.chain_id, nonce=nonce, fee=fee, gas=gas, to=to, data=data
        )
        return PreparedTransaction(unsigned, unsigned.sign(self._sender), cancelling)

    def prepare_cancelling(self, nonce: int, fee: Fee) -> PreparedTransaction:
        """Sign a transfer of nothing to ourselves: it spends a nonce that blocks later ones."""
        return self.prepare(
            nonce=nonce, to=self.address, data=b"", gas=TRANSFER_GAS, fee=fee, cancelling=True
        )

    def next_nonce(self) -> int:
        """The lowest nonce that neither the chain nor a stored transaction has taken.

        Raises: ChainError.
        """
        account_nonce = self._client.account_nonce(self.address)
        with self._db.transaction() as conn:
            taken = transactions.nonces_from(
                conn, self._client.chain_id, self.address, account_nonce
            )
        return lifecycle.next_nonce(account_nonce, taken)

    def store(self, conn: Connection, prepared: PreparedTransaction) -> int:
        """Take the nonce and store the signed bytes. Returns the transaction's id.

        Raises: NonceTaken if another process has taken the nonce.
        """
        transaction_id = transactions.insert(
            conn,
            chain_id=self._client.chain_id,
            sender=self.address,
            nonce=prepared.unsigned.nonce,
            to_address=prepared.unsigned.to,
            call_data=prepared.unsigned.data,
            gas=prepared.unsigned.gas,
        )
        self.store_attempt(conn, transaction_id, prepared)
        return transaction_id

    def store_attempt(
        self, conn: Connection, transaction_id: int, prepared: PreparedTransaction
    ) -> None:
        """Store another attempt for a nonce that has a row already."""
        transactions.add_attempt(
            conn,
            transaction_id,
            tx_hash=prepared.signed.tx_hash,
            raw=prepared.signed.raw,
            max_fee_wei=prepared.unsigned.fee.max_fee_wei,
            tip_wei=prepared.unsigned.fee.tip_wei,
            cancelling=prepared.cancelling,
        )

    def send_latest(self, transaction_id: int) -> None:
        """Send the newest attempt. A refusal or a timeout is noted; what it means is read from the
        chain later.

        Raises: ChainUnavailable, DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            attempt = transactions.latest_attempt(conn, transaction_id)
        self._failpoint("before_send")
        error = self._send(attempt)
        self._failpoint("after_send")
        refusal = error if isinstance(error, RpcRefused) else None
        with self._db.transaction() as conn:
            transactions.sent(conn, attempt.tx_hash, refusal.reason if refusal else None)
            for cargo in self.cargo:
                cargo.sent(conn, transaction_id, attempt.tx_hash, refusal)
        bound = log.bind(
            tx_hash=attempt.tx_hash.hex(), transaction=transaction_id, cancelling=attempt.cancelling
        )
        if error is None:
            bound.info("tx.sent", sends=attempt.sends + 1)
        else:
            bound.warning("tx.send_failed", error=str(error))
        if isinstance(error, ChainUnavailable):
            raise error

    def _send(self, attempt: Attempt) -> RpcRefused | ChainUnavailable | None:
        try:
            self._client.send(attempt.raw)
        except RpcRefused as exc:
            return None if any(words in exc.reason.lower() for words in KNOWN_ALREADY) else exc
        except ChainUnavailable as exc:
            return exc
        return None
