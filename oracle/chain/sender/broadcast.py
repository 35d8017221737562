"""Signed bytes: stored first, then sent, and sent again as they are."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from oracle.chain.core import lifecycle
from oracle.chain.core.transaction import Fee, SignedTransaction, Transaction
from oracle.chain.errors import ChainUnavailable, RpcRefused
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import ChainClient
from storage.chain import outbox, transactions
from storage.chain.transactions import Attempt
from storage.database import Connection, Database

log = structlog.get_logger(__name__)

# What nodes say when they have the very same transaction already; the words differ by client.
KNOWN_ALREADY = ("already known", "already imported", "known transaction", "alreadyknown")
TRANSFER_GAS = 21_000


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
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`failpoint` is called by name at every place a crash could fall between two effects."""
        self._db = db
        self._client = client
        self._sender = sender
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

        Raises: psycopg's UniqueViolation if another broadcaster has taken the nonce.
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
        """Send the newest attempt.

        A refusal or a timeout is noted; what it means is read from the chain later.
        """
        with self._db.transaction() as conn:
            attempt = transactions.latest_attempt(conn, transaction_id)
        self._failpoint("before_send")
        error = self._send(attempt)
        self._failpoint("after_send")
        with self._db.transaction() as conn:
            refused = error.reason if isinstance(error, RpcRefused) else None
            transactions.sent(conn, attempt.tx_hash, refused)
            if isinstance(error, RpcRefused):
                outbox.note_error(conn, transaction_id, error.code, error.reason)
            else:
                outbox.mark_sent(conn, transaction_id, attempt.tx_hash)
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
