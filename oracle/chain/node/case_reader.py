"""Copy what people do on chain to posts, accounts, policies and roles into the database, whoever
they are.
"""

from datetime import UTC, datetime
from typing import Any

import structlog

from oracle.chain.core.abis import ContractAbi, contract
from oracle.chain.core.wire import Header, Log, address_bytes, hexed
from oracle.chain.errors import EndpointInconsistent, RpcRefused
from oracle.chain.rpc.client import ChainClient
from storage.chain import case_events
from storage.chain.case_events import CaseEvent
from storage.database import Database

log = structlog.get_logger(__name__)

MAX_RANGE_BLOCKS = 2_000
MAX_READS = 5
OVERLAP_BLOCKS = 16
# By contract, and the deployment's name for it.
EVENTS = {
    ("PoCDisputes", "disputes"): (
        "CopyClaimed",
        "ClaimClosed",
        "CorrectionProposed",
        "CorrectionVetoed",
        "CorrectionExecuted",
        "DisputeOpened",
        "DisputeAnswered",
        "DisputeRuled",
        "DisputeSettled",
    ),
    ("PostRegistry", "post_registry"): ("PostContested", "PostHeld", "PostReleased", "PostDecided"),
    ("AccountLinks", "account_links"): ("LinkProposed", "LinkVetoed", "AccountLinked"),
    ("RevenueSplitter", "revenue_splitter"): ("RevenueSplit", "ContestedPaid"),
    ("OracleRegistry", "oracle_registry"): ("SignersChanged",),
    ("AccessManager", "access_manager"): (
        "OperationScheduled",
        "OperationExecuted",
        "OperationCanceled",
        "RoleGranted",
        "RoleRevoked",
    ),
}
MONEY = frozenset({"RevenueSplit", "ContestedPaid"})


class CaseReader:
    """Reads events up to the finalized block, each once."""

    def __init__(self, db: Database, client: ChainClient) -> None:
        self._db = db
        self._client = client
        self._chunk = MAX_RANGE_BLOCKS

    def follow(self, finalized: Header) -> int:
        """Read some of the new blocks; the rest follows in the next round.

        Returns: how many events are new. Raises: ChainError, DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            up_to = case_events.read_up_to(conn)
        at = self._client.deployment.block_number - 1
        if up_to is not None:
            if up_to >= finalized.number:
                return 0
            # an endpoint that lagged may have left something out
            at = max(at, up_to - min(OVERLAP_BLOCKS, self._chunk // 2))
        count = 0
        for _ in range(MAX_READS):
            if at >= finalized.number:
                break
            last = min(at + self._chunk, finalized.number)
            try:
                count += self._read(at + 1, last)
            except RpcRefused:
                if self._chunk == 1:
                    raise
                self._chunk //= 2
                continue
            self._chunk = min(self._chunk * 2, MAX_RANGE_BLOCKS)
            at = last
        if count:
            log.info("cases.read", events=count, up_to_block=at)
        return count

    def _read(self, first: int, last: int) -> int:
        # an endpoint that lacks the block answers with no logs instead of an error
        self._client.header(last)
        events: list[CaseEvent] = []
        waiting: list[tuple[bytes, bytes, str]] = []
        headers: dict[int, Header] = {}
        for (name, where), names in EVENTS.items():
            abi, address = contract(name), getattr(self._client.deployment, where)
            by_topic = {abi.topic(event): event for event in names}
            logs = self._client.logs_between(
                first, last, topics=[[hexed(topic) for topic in by_topic]], address=address
            )
            for entry in logs:
                event = by_topic[entry.topics[0]]
                facts = self._facts(abi, event, entry, address_bytes(address), headers)
                if event in MONEY:
                    waiting += _waiting(event, facts)
                else:
                    events.append(_event(event, facts, entry, headers[entry.block_number]))
        with self._db.transaction() as conn:
            return case_events.store(conn, events, waiting, last)

    def _facts(
        self, abi: ContractAbi, event: str, entry: Log, address: bytes, headers: dict[int, Header]
    ) -> dict[str, Any]:
        number = entry.block_number
        if number not in headers:
            headers[number] = self._client.header(number)
        if entry.address != address or entry.block_hash != headers[number].hash:
            raise EndpointInconsistent(
                f"A log of block {number} is of another contract or another block."
            )
        return abi.event(event, entry.topics, entry.data)


def _waiting(event: str, facts: dict[str, Any]) -> list[tuple[bytes, bytes, str]]:
    """Which of a post's money waits after it was paid."""
    post_id, token = facts["postId"], address_bytes(facts["token"])
    kinds = []
    if event == "RevenueSplit" and facts["contested"]:
        kinds.append("contested")
    if facts["frozen"]:
        kinds.append("frozen")
    return [(post_id, token, kind) for kind in kinds]


def _event(event: str, facts: dict[str, Any], entry: Log, header: Header) -> CaseEvent:
    account = facts.get("account")
    return CaseEvent(
        tx_hash=entry.tx_hash,
        log_index=entry.log_index,
        block_number=header.number,
        block_time=datetime.fromtimestamp(header.timestamp, UTC),
        name=event,
        post_id=facts.get("postId"),
        account=address_bytes(account) if account else None,
        facts={
            name: hexed(value) if isinstance(value, bytes) else value
            for name, value in facts.items()
        },
    )
