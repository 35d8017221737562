"""The chain node: one loop that reads requests, sends decisions, and follows them to finality."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import structlog

from oracle.chain.contracts.payments import Link
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.core.wire import Header
from oracle.chain.errors import (
    BlockUnknown,
    ChainError,
    EndpointInconsistent,
    FinalityBreached,
    KeyUsedElsewhere,
)
from oracle.chain.keys.signer import Signer
from oracle.chain.node.key_watch import KeyWatch
from oracle.chain.node.policy_sync import PolicySync
from oracle.chain.node.reader import OnRequest, Reader
from oracle.chain.node.receipt_writer import ReceiptWriter
from oracle.chain.node.resync import Resync
from oracle.chain.node.withdrawals import WithdrawalReader
from oracle.chain.quorum.collector import QuorumSigner
from oracle.chain.quorum.equivocation_reporter import EquivocationReporter
from oracle.chain.quorum.peers import QuorumSettings
from oracle.chain.quorum.uploads import UploadSharing
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.new_heads import HeadWatcher
from oracle.chain.sender.broadcast import Broadcaster
from oracle.chain.sender.calls import CallCargo, CallSubmitter
from oracle.chain.sender.confirmer import Confirmer
from oracle.chain.sender.resolver import Resolver
from oracle.chain.sender.signing import ReportSigner
from oracle.chain.sender.submitter import BatchLimits, Submitter
from storage.chain import node_status
from storage.database import Database
from storage.errors import DatabaseUnavailable, StorageError
from storage.locks import SessionLock
from storage.works import policies
from storage.works.policies import BoundDeployment

log = structlog.get_logger(__name__)

# One node works on one database, and so one broadcaster uses one key; others stand by.
LOCK = 0x0C0FFEE_0DE
# What stops the node until an operator has looked, by the code that `/readyz` shows.
LATCHES = {FinalityBreached: "finality_latched", KeyUsedElsewhere: "key_used_elsewhere"}
MAX_PAUSE_S = 30.0
WAKE_S = 0.05  # how late an announced head may wake the poller
CHECK_EVERY_S = 60.0
# How long the head may stay below a block that was final before that counts as a breach. An
# endpoint behind a balancer can lag for a while (Chainlink #12605); a chain that lost blocks never
# catches up.
BEHIND_PATIENCE = timedelta(minutes=2)


class ChainNode:
    """Answers a hub's requests and records decisions exactly once each, through crashes and reorgs.

    All its state is in the database: `step` can be cut off anywhere and repeated, by this process
    or another.
    """

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        signer: Signer,
        *,
        on_request: OnRequest,
        transmitter: Signer | None = None,
        confirmations: int = 1,
        poll_interval_s: float = 0.5,
        timeouts: RetryTimeouts | None = None,
        behind_patience: timedelta = BEHIND_PATIENCE,
        max_in_flight: int = 16,
        batches: BatchLimits | None = None,
        quorum: QuorumSettings | None = None,
        uploads: UploadSharing | None = None,
        heads: HeadWatcher | None = None,
        also: Callable[[], object] = lambda: None,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        """
        Args:
            also: Done once a round: what else takes the key that signs.
            signer: Signs reports; a signer of the OracleRegistry.
            on_request: Takes a request over, in the transaction that stores it; returns its
                analysis, or None to decline it.
            transmitter: Pays for transactions; the signer where none is given.
            confirmations: Blocks on top of a request's block before its answer is sent.
            quorum: The other signers; None for a single authority.
            uploads: Shares uploads with the other signers; without it a quorum answers requests
                only.
            heads: Wakes the poller between two looks; without it the pause is always waited out.
            failpoint: Called by name wherever a crash could fall between two effects (tests raise
                there).
        """
        start_block = client.deployment.block_number
        self._resolver = Resolver(
            db, client, start_block=start_block, outvoted_is_fine=quorum is not None
        )
        broadcaster = Broadcaster(
            db, client, transmitter or signer, [self._resolver, CallCargo()], failpoint
        )
        self._quorum = (
            QuorumSigner(db, client, signer, self._resolver, quorum, uploads, failpoint=failpoint)
            if quorum
            else None
        )
        self._equivocations = EquivocationReporter(db) if quorum else None
        self._calls = CallSubmitter(db, client, broadcaster, ["oracle"], failpoint=failpoint)
        self._heads = heads
        self._also = also
        self._signer = signer
        self._db = db
        self._client = client
        self._sender = broadcaster.address
        self._poll_interval_s = poll_interval_s
        self._behind_patience = behind_patience
        self._behind_since: datetime | None = None
        self._lock = SessionLock(db.dsn, LOCK)
        self._started = False
        self._checked_at = float("-inf")
        self._policies = PolicySync(db, client)
        self._key_watch = KeyWatch(db, client, self._sender)
        self._reader = Reader(db, client, on_request, start_block=start_block, failpoint=failpoint)
        self._resync = Resync(db, client, start_block=start_block)
        self._confirmer = Confirmer(
            db, client, broadcaster, timeouts=timeouts or RetryTimeouts(), failpoint=failpoint
        )
        self._receipts = ReceiptWriter(db, client, signer)
        self._withdrawals = WithdrawalReader(db, client, start_block=start_block)
        self._submitter = Submitter(
            db,
            client,
            self._quorum or ReportSigner(db, client, signer, failpoint=failpoint),
            broadcaster,
            self._resolver,
            confirmations=confirmations,
            max_in_flight=max_in_flight,
            batches=batches,
            failpoint=failpoint,
        )

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set. Outages of the chain or the database are waited out.

        Raises at the start only: WrongChain, NotDeployed, ForeignDeployment.
        """
        pause_s = self._poll_interval_s
        while not stop.is_set():
            try:
                self.step()
                pause_s = self._poll_interval_s
            except (ChainError, StorageError) as exc:
                if not self._started and not getattr(
                    exc, "retryable", isinstance(exc, DatabaseUnavailable)
                ):
                    self.close()
                    raise
                pause_s = self._failed(exc, pause_s)
            except Exception as exc:
                log.exception("node.step_failed")
                pause_s = self._failed(exc, pause_s)
            self._pause(stop, pause_s)
        self.close()

    def _pause(self, stop: threading.Event, pause_s: float) -> None:
        """Wait for the pause, or until a new head is announced."""
        if self._heads is None:
            stop.wait(pause_s)
            return
        ends_at = time.monotonic() + pause_s
        while (
            not stop.is_set()
            and not self._heads.woken.is_set()
            and (left := ends_at - time.monotonic()) > 0
        ):
            stop.wait(min(left, WAKE_S))
        self._heads.woken.clear()

    def step(self) -> bool:
        """Do one round. Returns: False where another node holds the lock or the latch is set.

        Raises: ChainError, StorageError. Calling it again is always safe.
        """
        if not self._lock.acquire():
            log.debug("node.standby")
            return False
        with self._db.transaction() as conn:
            status = node_status.get(conn)
        if status.latched:
            return False
        head, finalized = self._client.look(status.known_final)
        self._start()
        try:
            if status.resync:
                self._resync.run(head)
                self._withdrawals.start_over()
            self._check_finality(status, head)
            self._policies.sync(head, finalized)
            cursor = self._reader.sync(head, finalized)
            self._key_watch.check(head)
            if self._quorum is not None:
                self._quorum.require_sole()
        except (FinalityBreached, KeyUsedElsewhere) as exc:
            with self._db.transaction() as conn:
                node_status.latch(conn, str(exc), LATCHES[type(exc)])
            log.critical("node.latched", reason=str(exc))
            raise
        self._resolver.follow_foreign(finalized)
        self._confirmer.watch(finalized)
        self._submitter.submit(head)
        if self._equivocations is not None:
            self._equivocations.report()
        self._also()
        self._calls.submit()
        self._note(head, finalized, cursor)
        self._receipts.issue()
        self._follow_withdrawals(finalized)
        return True

    def _follow_withdrawals(self, finalized: Header) -> None:
        """Read withdrawals. Only people read them, so a failure here does not fail the node: an
        endpoint may lack old logs.
        """
        try:
            self._withdrawals.follow(finalized)
        except ChainError as exc:
            log.warning("withdrawals.not_read", code=exc.code, error=str(exc))

    def attest_link(self, link: Link) -> Sequence[bytes] | None:
        """Attest whose wallet acts for an account, with the other signers where there are any.

        Returns: the signatures in the contract's order; None where too few were shown the proof.
        Raises: ChainError, DatabaseUnavailable.
        """
        if self._quorum is not None:
            return self._quorum.attest_link(link)
        registry = self._client.deployment.oracle_registry
        epoch = int(self._client.read("OracleRegistry", registry, "currentEpoch"))
        return [self._signer.sign_digest(link.digest(self._client, epoch))]

    def close(self) -> None:
        """Release the lock for another node, and stop answering peers."""
        self._lock.release()
        if self._heads is not None:
            self._heads.close()
        if self._quorum is not None:
            self._quorum.close()

    @property
    def peer_port(self) -> int | None:
        """Port where other signers reach this node; None where it signs alone."""
        return self._quorum.port if self._quorum is not None else None

    def _start(self) -> None:
        """Refuse another chain or hub, or a database bound to another hub.

        Repeats now and then, and after each outage: a chain may come back as another one.
        """
        if time.monotonic() - self._checked_at < CHECK_EVERY_S:
            return
        self._client.check()
        self._checked_at = time.monotonic()
        if self._started:
            return
        if self._quorum is not None:
            self._quorum.require_sole()
        deployment = self._client.deployment
        bound = BoundDeployment(deployment.chain_id, self._client.hub, deployment.addresses())
        with self._db.transaction() as conn:
            policies.bind(conn, bound)
        self._started = True
        log.info(
            "node.started",
            chain_id=deployment.chain_id,
            hub=deployment.hub,
            sender="0x" + self._sender.hex(),
        )

    def _check_finality(self, status: node_status.NodeStatus, head: Header) -> None:
        """Latch when a block that was final has another hash, or is missing for long."""
        if status.finalized_number is None or status.finalized_hash is None:
            return
        header = self._client.find_header(status.finalized_number)
        if header is not None and header.hash != status.finalized_hash:
            self._judge_breach(header, status.finalized_hash)
        if header is not None:
            self._behind_since = None
            return
        now = datetime.now(UTC)
        self._behind_since = self._behind_since or now
        if now - self._behind_since >= self._behind_patience:
            raise FinalityBreached(
                f"Block {status.finalized_number} was final and is gone; the head is {head.number}."
            )
        raise BlockUnknown(
            f"The head is {head.number}, below the finalized block {status.finalized_number}: the"
            " endpoint lags."
        )

    def _judge_breach(self, header: Header, known_hash: bytes) -> None:
        """Tell a breach, which all endpoints report, from a fault of the current endpoint."""
        hashes = self._client.endpoint.hashes_at(header.number)
        if known_hash in hashes.values():
            self._client.endpoint.distrust(f"It replaced the final block {header.number}.")
            raise EndpointInconsistent(
                f"{self._client.endpoint.name} replaced the final block {header.number} alone."
            )
        if None in hashes.values():
            raise BlockUnknown(
                f"Not every endpoint has block {header.number}; one alone does not prove a breach."
            )
        raise FinalityBreached(
            f"Block {header.number} was final as 0x{known_hash.hex()} and is now"
            f" 0x{header.hash.hex()}."
        )

    def _note(self, head: Header, finalized: Header, cursor: int) -> None:
        balance_wei = self._client.balance_wei(self._sender)
        with self._db.transaction() as conn:
            status = node_status.get(conn)
            if status.finalized_number is not None and finalized.number < status.finalized_number:
                finalized_number, finalized_hash = (
                    status.finalized_number,
                    status.finalized_hash or finalized.hash,
                )
            else:
                finalized_number, finalized_hash = finalized.number, finalized.hash
            node_status.polled(
                conn,
                sender=self._sender,
                head_number=head.number,
                head_time=datetime.fromtimestamp(head.timestamp, UTC),
                finalized_number=finalized_number,
                finalized_hash=finalized_hash,
                cursor_number=cursor,
                balance_wei=balance_wei,
                endpoints=self._endpoints(),
            )
        if balance_wei == 0:
            log.error("node.no_balance", sender="0x" + self._sender.hex())

    def _endpoints(self) -> list[dict[str, object]]:
        return [asdict(health) for health in self._client.endpoint.health]

    def _failed(self, exc: Exception, pause_s: float) -> float:
        """Record an outage if the database is up. Returns: how long to pause."""
        if isinstance(exc, ChainError):
            self._checked_at = float("-inf")
        code = getattr(exc, "code", "internal_error")
        log.warning("node.round_failed", code=code, error=str(exc), pause_s=pause_s)
        try:
            with self._db.transaction() as conn:
                node_status.failed(conn, code, str(exc), self._endpoints())
        except StorageError:
            pass  # the database itself is down
        return min(max(pause_s * 2, 0.1), MAX_PAUSE_S)


def clear_latch(db: Database) -> bool:
    """Unlatch a node: it continues from the last block it shares with the chain.

    For an operator who knows what happened. Returns: False if the node was not latched.
    """
    with db.transaction() as conn:
        cleared = node_status.clear_latch(conn)
    if cleared:
        log.warning("node.latch_cleared")
    return cleared
