"""Find out that something else signs with the node's key, by what it did on the chain.

What cannot be seen: a second node that has sent nothing yet, and, on an endpoint without the state
of old blocks, what was sent before those. Under a quorum the peers tell of the first.
"""

import structlog

from oracle.chain.core.wire import Header, SentTransaction, hexed
from oracle.chain.errors import KeyUsedElsewhere
from oracle.chain.rpc.client import ChainClient
from storage.chain import node_status, transactions
from storage.database import Database

log = structlog.get_logger(__name__)


class KeyWatch:
    """Compares the nonces that an account has spent with the transactions of this database."""

    def __init__(self, db: Database, client: ChainClient, account: bytes) -> None:
        self._db = db
        self._client = client
        self._account = account

    def check(self, head: Header) -> None:
        """Look at what was spent since the last time; at the first time only how far that is.

        A transaction that brings no report, a transfer by a person say, is noted and passed over.
        Raises: KeyUsedElsewhere for one that does, ChainError, DatabaseUnavailable.
        """
        spent = self._client.account_nonce(self._account, head.number)
        with self._db.transaction() as conn:
            status = node_status.get(conn)
            known = status.nonce_known if status.sender in (None, self._account) else None
            if known is None or spent < known:  # after a reorg it is counted up again
                node_status.set_nonce_known(conn, spent)
                return
            foreign = transactions.foreign_nonces(
                conn, self._client.chain_id, self._account, range(known, spent)
            )
            settled = transactions.settled_up_to(
                conn, self._client.chain_id, self._account, known, spent
            )
        for nonce in foreign:
            self._judge(nonce, head)
        if settled > known:
            with self._db.transaction() as conn:
                node_status.set_nonce_known(conn, settled)

    def _judge(self, nonce: int, head: Header) -> None:
        seen = log.bind(account=hexed(self._account), nonce=nonce)
        sent = self._client.find_sent(self._account, nonce, head.number)
        if sent is None or not self._brings_report(sent):
            seen.warning("key.used_elsewhere", reason="no report" if sent else "not known for what")
            return
        raise KeyUsedElsewhere(
            f"Transaction {hexed(sent.tx_hash)} of {hexed(self._account)} brought a report that"
            " this database does not know: a second node uses the key, or the database is an older"
            " copy. Stop the other one, then run `oracle clear-latch`."
        )

    def _brings_report(self, sent: SentTransaction) -> bool:
        return sent.to in (self._client.hub, self._client.roots) and any(
            sent.data.startswith(selector) for selector in self._client.report_selectors()
        )
