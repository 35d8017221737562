"""Copy withdrawals from the contract that pays creators into the database."""

from datetime import UTC, datetime

import structlog

from oracle.chain.core.abis import contract
from oracle.chain.core.wire import Header, Log, address_bytes, hexed
from oracle.chain.errors import EndpointInconsistent, RpcRefused
from oracle.chain.rpc.client import ChainClient
from storage.database import Database
from storage.ledger import withdrawals as ledger_withdrawals
from storage.ledger.withdrawals import Withdrawal

log = structlog.get_logger(__name__)

EVENT = "Withdrawn"
MAX_RANGE_BLOCKS = 2_000
MAX_READS = 5
OVERLAP_BLOCKS = 64


class WithdrawalReader:
    """Reads the splitter's events up to the finalized block, each once.

    They only inform people: no money is booked by them.
    """

    def __init__(
        self, db: Database, client: ChainClient, *, start_block: int, widest: int = MAX_RANGE_BLOCKS
    ) -> None:
        """
        Args:
            widest: Widest range of blocks for one query; endpoints may refuse wide ones.
        """
        self._db = db
        self._client = client
        self._start_block = start_block
        self._chunk = self._widest = widest
        self._abi = contract("RevenueSplitter")
        self._address = address_bytes(client.deployment.revenue_splitter)
        self._up_to: int | None = None

    def follow(self, finalized: Header) -> int:
        """Read some of the new blocks; the rest follows later, as the caller has more urgent work.

        Returns: how many withdrawals. Raises: ChainError, DatabaseUnavailable.
        """
        if self._up_to is not None and self._up_to >= finalized.number:
            return 0
        with self._db.transaction() as conn:
            up_to = ledger_withdrawals.read_up_to(conn)
        at = self._start_block - 1
        # read a few blocks again: an endpoint that lagged may have left something out
        if up_to is not None:
            at = max(at, up_to - min(OVERLAP_BLOCKS, self._chunk // 2))
        count = 0
        for _ in range(MAX_READS):
            if at >= finalized.number:
                break
            last = min(at + self._chunk, finalized.number)
            try:
                new = self._between(at + 1, last)
            except RpcRefused:
                if self._chunk == 1:
                    raise
                self._chunk //= 2
                continue
            self._chunk = min(self._chunk * 2, self._widest)
            with self._db.transaction() as conn:
                count += ledger_withdrawals.store(conn, new, last)
            at = last
        if at >= finalized.number:
            self._up_to = at
        if count:
            log.info("withdrawals.read", count=count, up_to_block=at)
        return count

    def start_over(self) -> None:
        """Forget how far it has read, after a reorg took blocks back; the database knows."""
        self._up_to = None

    def _between(self, first: int, last: int) -> list[Withdrawal]:
        # an endpoint that lacks the block answers with no logs instead of an error
        self._client.header(last)
        topic = hexed(self._abi.topic(EVENT))
        logs = self._client.logs_between(first, last, topics=[topic], address=hexed(self._address))
        headers = {
            number: self._client.header(number) for number in {entry.block_number for entry in logs}
        }
        return [self._withdrawal(entry, headers[entry.block_number]) for entry in logs]

    def _withdrawal(self, entry: Log, header: Header) -> Withdrawal:
        if entry.address != self._address or entry.block_hash != header.hash:
            raise EndpointInconsistent(
                f"A log of block {entry.block_number} is of another contract or another block."
            )
        event = self._abi.event(EVENT, entry.topics, entry.data)
        return Withdrawal(
            tx_hash=entry.tx_hash,
            log_index=entry.log_index,
            block_number=entry.block_number,
            block_time=datetime.fromtimestamp(header.timestamp, UTC),
            account=address_bytes(event["account"]),
            recipient=address_bytes(event["to"]),
            token=address_bytes(event["token"]),
            amount=event["amount"],
        )
