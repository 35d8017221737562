"""Recover once an operator has accepted that final blocks were replaced: rewind to shared ones."""

from datetime import UTC, datetime

import structlog

from oracle.chain.core.wire import Header
from oracle.chain.rpc.client import ChainClient
from storage.chain import calls, node_status, outbox, receipts, requests, transactions
from storage.chain.requests import Block
from storage.database import Database
from storage.ledger import withdrawals as ledger_withdrawals

log = structlog.get_logger(__name__)


class Resync:
    """Compares every block the oracle relied on with the chain, latest first, until one stands."""

    def __init__(self, db: Database, client: ChainClient, *, start_block: int) -> None:
        self._db = db
        self._client = client
        self._start_block = start_block

    def run(self, head: Header) -> None:
        """Take back transactions and requests whose blocks are gone.

        Blocks are a chain of hashes: where one still stands, everything before it does.
        Raises: ChainError, DatabaseUnavailable.
        """
        reopened = self._reopen_transactions()
        anchor = self._shared_block()
        header = self._client.header(min(anchor, head.number))
        with self._db.transaction() as conn:
            block_time = datetime.fromtimestamp(header.timestamp, UTC)
            requests.restart(
                conn, Block(header.number, header.hash, header.parent_hash, block_time)
            )
            outbox.doubt_foreign(conn, above_block=header.number)
            receipts.withdraw_unfinal(conn)
            ledger_withdrawals.forget(conn, above_block=header.number)
            node_status.resynced(conn)
        log.warning("node.resynced", from_block=header.number, reopened=reopened)

    def _reopen_transactions(self) -> int:
        """Reopen settled transactions whose block is gone, with the same signed bytes."""
        reopened = 0
        while True:
            with self._db.transaction() as conn:
                page = transactions.settled_in_blocks(conn, self._client.chain_id)
            for tx in page:
                if tx.block_number is None or self._stands(tx.block_number, tx.block_hash):
                    return reopened
                with self._db.transaction() as conn:
                    transactions.reopen(conn, tx.id)
                    outbox.mark_sent(conn, tx.id, tx.attempts[-1].tx_hash)
                    calls.mark_sent(conn, tx.id)
                reopened += 1
            if not page:
                return reopened

    def _shared_block(self) -> int:
        """Return the latest block with a request that still stands; the start where none does."""
        below: int | None = None
        while True:
            with self._db.transaction() as conn:
                page = requests.blocks_of_requests(conn, below=below)
            for number, block_hash in page:
                if self._stands(number, block_hash):
                    return number
                below = number
            if not page:
                return max(0, self._start_block - 1)

    def _stands(self, number: int, block_hash: bytes | None) -> bool:
        header = self._client.find_header(number)
        return header is not None and header.hash == block_hash
