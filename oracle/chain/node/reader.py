"""Read the chain into the inbox: blocks in order, each request once, reorgs rewound."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog

from oracle.chain.core import ids
from oracle.chain.core.abis import text_of
from oracle.chain.core.bloom import may_contain
from oracle.chain.core.report import MediaType
from oracle.chain.core.wire import Header, Log, address_bytes
from oracle.chain.errors import EndpointInconsistent, FinalityBreached, RpcRefused
from oracle.chain.node.gaps import GapWatch
from oracle.chain.rpc.client import OPENED, REQUESTED, ChainClient
from oracle.rules.order import block_moment
from storage.chain import node_status, outbox
from storage.chain import requests as chain_requests
from storage.chain.requests import Block, RequestSeen
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

# Why an answer was ended whose request no block holds any more.
GONE = "request_gone"
WHY = (
    "The block that held the request was replaced, and no other holds it. Nothing was answered; it"
    " is, as soon as the request comes again."
)
OnRequest = Callable[[Connection, RequestSeen], UUID | None]


class Reader:
    """Keeps the stored blocks and the inbox in step with the chain."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        on_request: OnRequest,
        *,
        start_block: int,
        chunk_blocks: int = 2_000,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        """
        Args:
            start_block: The first block that can hold a request (the hub's deployment).
        """
        self._db = db
        self._client = client
        self._on_request = on_request
        self._start_block = start_block
        self._widest = chunk_blocks
        self._chunk = chunk_blocks
        self._failpoint = failpoint
        self._gaps = GapWatch(db, client, start_block=start_block)
        self._topic = client.hub_abi.topic(REQUESTED)
        self._opened = client.hub_abi.topic(OPENED)
        self._topics = [[_hex(self._topic), _hex(self._opened)]]

    def sync(self, head: Header, finalized: Header) -> int:
        """Read every block up to the head. Returns: the height of the last one read.

        Raises: FinalityBreached if the chain has replaced a block that was final, ChainError,
            DatabaseUnavailable.
        """
        tip = self._shared_tip(head)
        while tip.number < finalized.number:
            tip = self._read_finalized(
                tip.number + 1, min(tip.number + self._chunk, finalized.number)
            )
        while tip.number < head.number:
            header = self._client.find_header(tip.number + 1)
            if header is None or header.parent_hash != tip.hash:
                break  # a reorg happened meanwhile; the next round rewinds
            tip = self._read_block(header)
        with self._db.transaction() as conn:
            known_final = min(finalized.number, tip.number)
            chain_requests.prune(conn, known_final)
            for request_id in outbox.close_gone(conn, finalized=known_final, code=GONE, detail=WHY):
                log.warning("request.gone", request_id=request_id.hex())
        self._close_gaps(finalized)
        self._hand_over_waiting()
        return tip.number

    def _close_gaps(self, finalized: Header) -> None:
        """Read blocks again where the hub has counted requests that no answer has shown."""
        ranges = self._gaps.find(finalized)
        for first, last in ranges:
            for low in range(first, last + 1, self._chunk):
                requests = self._requests_between(low, min(low + self._chunk - 1, last))
                with self._db.transaction() as conn:
                    for request in requests:
                        if chain_requests.find(conn, request.request_id) is None:
                            self._note(conn, request)
        if not ranges or not self._gaps.find(finalized):
            self._gaps.closed(finalized)
        else:
            self._client.endpoint.distrust("It hides requests that the hub has counted.")

    def _shared_tip(self, head: Header) -> Block:
        """Return the last read block that is still on the chain; later blocks are forgotten."""
        with self._db.transaction() as conn:
            tip = chain_requests.tip(conn)
        if tip is None:
            first = self._client.header(max(0, self._start_block - 1))
            with self._db.transaction() as conn:
                chain_requests.append(conn, _block(first))
            return _block(first)
        shared = tip
        while not self._on_chain(shared, head):
            with self._db.transaction() as conn:
                below = chain_requests.block_below(conn, shared.number)
            if below is None:
                raise FinalityBreached(f"Block {shared.number} was final and has been replaced.")
            shared = below
        if shared != tip:
            with self._db.transaction() as conn:
                depth = chain_requests.rewind(conn, shared.number)
                node_status.reorged(conn, depth)
            log.warning("chain.reorg", depth=depth, ancestor=shared.number, head=head.number)
        return shared

    def _on_chain(self, block: Block, head: Header) -> bool:
        if block.number > head.number:
            # the chain is shorter than it was; a longer one may still bring the block back
            return False
        header = head if block.number == head.number else self._client.find_header(block.number)
        return header is not None and header.hash == block.hash

    def _read_finalized(self, first: int, last: int) -> Block:
        """Read a range that no reorg can change, with queries as wide as the endpoint takes."""
        try:
            requests = self._requests_between(first, last)
        except RpcRefused:
            # Each provider has its own limits and words its refusals differently: always halve.
            if first == last:
                raise
            self._chunk = max(1, (last - first + 1) // 2)
            return self._read_finalized(first, first + self._chunk - 1)
        self._chunk = min(self._chunk * 2, self._widest)
        block = _block(self._client.header(last))
        self._store(block, requests)
        return block

    def _requests_between(self, first: int, last: int) -> list[RequestSeen]:
        """Return the requests in a range of finalized blocks.

        Raises: RpcRefused where the range is too wide.
        """
        logs = self._client.logs_between(first, last, topics=self._topics)
        headers = {
            number: self._client.header(number) for number in {entry.block_number for entry in logs}
        }
        for entry in logs:
            if headers[entry.block_number].hash != entry.block_hash:
                raise EndpointInconsistent(
                    f"A log of block {entry.block_number} names another block hash."
                )
        return self._requests(logs, headers)

    def _read_block(self, header: Header) -> Block:
        """Read one block above the finalized one by its hash, so branches are never mixed."""
        logs: list[Log] = []
        if may_contain(header.logs_bloom, self._client.hub) and may_contain(
            header.logs_bloom, self._topic
        ):
            logs = self._client.logs_of_block(header.hash, topics=self._topics)
            if not logs:
                self._confirm_empty(header)
        self._store(_block(header), self._requests(logs, {header.number: header}))
        return _block(header)

    def _confirm_empty(self, header: Header) -> None:
        """Check the receipts where the bloom suggests logs and the answer has none."""
        try:
            logs = self._client.logs_in_receipts(header.hash)
        except RpcRefused:
            # not every endpoint serves receipts of a block; the hub's count shows it at finality
            return
        for entry in logs:
            if entry.topics[:1] == (self._topic,):
                raise EndpointInconsistent(
                    f"The endpoint hides a request in block {header.number}."
                )

    def _store(self, block: Block, requests: Sequence[RequestSeen]) -> None:
        with self._db.transaction() as conn:
            chain_requests.append(conn, block)
            for request in requests:
                self._note(conn, request)
            if requests:
                self._failpoint("inbox_uncommitted")
        if requests:
            self._failpoint("inbox_committed")

    def _note(self, conn: Connection, request: RequestSeen) -> None:
        status = chain_requests.note(conn, request)
        if outbox.reopen(conn, request.request_id, GONE):
            log.info("request.back", request_id=request.request_id.hex())
        seen = log.bind(
            request_id=request.request_id.hex(), block=request.block_number, seq=request.seq
        )
        if status == "waiting":
            self._hand_over(conn, request)
        elif status == "conflict":
            seen.error(
                "request.conflict",
                reason="came back after a reorg with another content; never answered",
            )
        else:
            seen.info("request.seen_again", status=status)

    def _hand_over(self, conn: Connection, request: RequestSeen) -> None:
        """Pass a request to the use case in its row's transaction; a failure stops no other."""
        try:
            with conn.transaction():
                analysis_id = self._on_request(conn, request)
                chain_requests.accepted(conn, request.request_id, analysis_id)
        except DatabaseUnavailable:
            raise
        except Exception as exc:
            # A request that fails must not keep the others from being read.
            if conn.closed or conn.broken:
                raise
            log.exception("request.not_accepted", request_id=request.request_id.hex())
            chain_requests.postpone(conn, request.request_id, f"{type(exc).__name__}: {exc}")
            return
        log.info(
            "request.accepted" if analysis_id else "request.declined",
            request_id=request.request_id.hex(),
            analysis_id=str(analysis_id) if analysis_id else None,
            block=request.block_number,
        )

    def _hand_over_waiting(self) -> None:
        with self._db.transaction() as conn:
            for request in chain_requests.waiting(conn):
                self._hand_over(conn, request)

    def _requests(self, logs: Sequence[Log], headers: Mapping[int, Header]) -> list[RequestSeen]:
        """Parse the requests among logs, each with the commitment that it opened."""
        committed = {
            entry.topics[1]: self._committed_at(entry)
            for entry in logs
            if entry.topics[0] == self._opened
        }
        return [
            self._request(entry, headers[entry.block_number], committed.get(entry.topics[1]))
            for entry in logs
            if entry.topics[0] == self._topic
        ]

    def _committed_at(self, entry: Log) -> datetime:
        """Return when the block came that holds the commitment which a request opened."""
        event = self._client.hub_abi.event(OPENED, entry.topics, entry.data)
        made = self._client.header(event["blockNumber"])
        return block_moment(datetime.fromtimestamp(made.timestamp, UTC), made.number)

    def _request(self, entry: Log, header: Header, committed_at: datetime | None) -> RequestSeen:
        """Parse the request of a log.

        Raises: EndpointInconsistent if its id is not the id of its content.
        """
        event = self._client.hub_abi.event(REQUESTED, entry.topics, entry.data, raw=("uri",))
        requester, creator = address_bytes(event["requester"]), address_bytes(event["creator"])
        expected = ids.request_id(
            self._client.chain_id,
            self._client.hub,
            requester,
            event["seq"],
            event["postId"],
            event["contentHash"],
            event["mediaType"],
            creator,
            event["minSignatures"],
            event["uri"],
        )
        if expected != event["requestId"]:
            raise EndpointInconsistent(
                f"A log in block {entry.block_number} is no request of the hub."
            )
        return RequestSeen(
            request_id=event["requestId"],
            seq=event["seq"],
            requester=requester,
            post_id=event["postId"],
            creator=creator,
            content_hash=event["contentHash"],
            media_type=MediaType(event["mediaType"]).label,
            uri=text_of(event["uri"]),
            config_version=event["configVersion"],
            deadline=datetime.fromtimestamp(event["deadline"], UTC),
            tx_hash=entry.tx_hash,
            log_index=entry.log_index,
            block_number=header.number,
            block_hash=header.hash,
            block_time=datetime.fromtimestamp(header.timestamp, UTC),
            min_signatures=event["minSignatures"],
            committed_at=committed_at,
        )


def _block(header: Header) -> Block:
    return Block(
        header.number,
        header.hash,
        header.parent_hash,
        datetime.fromtimestamp(header.timestamp, UTC),
    )


def _hex(topic: bytes) -> str:
    return "0x" + topic.hex()
