"""Find requests that an endpoint hides: the hub counts without gaps, so a missing number shows."""

from collections.abc import Sequence

import structlog

from oracle.chain.core.reverts import ContractReverted
from oracle.chain.core.wire import Header
from oracle.chain.errors import EndpointInconsistent, RpcRefused
from oracle.chain.rpc.client import ChainClient
from storage.chain import requests
from storage.database import Database

log = structlog.get_logger(__name__)


class GapWatch:
    """Compares the inbox with the hub's own count at each finalized block."""

    def __init__(self, db: Database, client: ChainClient, *, start_block: int) -> None:
        self._db = db
        self._client = client
        self._start_block = start_block
        self._checked: bytes | None = None

    def find(self, finalized: Header) -> Sequence[tuple[int, int]]:
        """Return ranges of blocks (ends included) with a request that the inbox lacks.

        Each finalized block is checked once. Raises: ChainError, DatabaseUnavailable.
        """
        if finalized.hash == self._checked:
            return []
        try:
            count = int(self._client.hub_read("requestCount", block=finalized.number))
        except (RpcRefused, ContractReverted, EndpointInconsistent):
            # that block's state is pruned, or older than the hub: a later block will answer
            return []
        with self._db.transaction() as conn:
            gaps = requests.sequence_gaps(conn, last=count)
            ranges = [
                (
                    requests.block_of_sequence(conn, below=first) or self._start_block,
                    finalized.number,
                )
                for first, _ in gaps
            ]
        if gaps:
            log.error("inbox.gap", sequences=gaps, finalized=finalized.number)
        return ranges

    def closed(self, finalized: Header) -> None:
        """Note that no request is missing up to this block."""
        self._checked = finalized.hash
