"""The scheduler: grades, payments, fraud passes, notices, ends of holds, and all that on chain."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from oracle.chain.errors import ChainError
from oracle.chain.rpc.client import ChainClient
from oracle.chain.sender.calls import CallSender
from oracle.jobs import Jobs
from oracle.notices.emails import EmailSender
from oracle.notices.endpoints import EndpointSender
from oracle.notices.webhooks import WebhookSender
from oracle.originality import reanalysis, rejudge
from oracle.payouts.onchain import PayoutAsset, advance_payouts
from oracle.payouts.payments import DEFAULT_RULES, PayRules
from oracle.tasks import blob_sweep, record
from oracle.tasks import creators as creator_tasks
from oracle.tasks.chain_cases import ChainCases
from oracle.tasks.fraud import Upkeep
from oracle.tasks.reconciliation import Reconciler
from storage import usage
from storage.blobs import BlobStore
from storage.database import Database
from storage.errors import DatabaseUnavailable, StorageError
from storage.locks import SessionLock
from storage.search.sounds import merge

log = structlog.get_logger()

# One scheduler works on one database, and so one sender uses its keys; others stand by.
LOCK = 0x0C1E_2C
EVERY_S = 5.0
MAX_PAUSE_S = 60.0
RECLAIM_EVERY = timedelta(days=1)
# Not at once: an operator who started it with the wrong database or store has time to notice.
FIRST_SWEEP_AFTER = timedelta(hours=1)
USAGE_KEPT = timedelta(days=90)
SWEEP_EVERY, SWEEP_AGAIN_AFTER = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class ChainPayouts:
    """Where creators are paid on chain, and with what."""

    client: ChainClient
    asset: PayoutAsset


class Scheduler:
    """Runs rounds of all scheduled work.

    A round may be cut off anywhere; the next one continues.
    """

    def __init__(
        self,
        db: Database,
        upkeep: Upkeep,
        *,
        pay_rules: PayRules = DEFAULT_RULES,
        payouts: ChainPayouts | None = None,
        cases: ChainCases | None = None,
        reconciler: Reconciler | None = None,
        sender: CallSender | None = None,
        jobs: Jobs | None = None,
        blobs: Callable[[], BlobStore] | None = None,
        webhooks: WebhookSender | None = None,
        endpoints: EndpointSender | None = None,
        emails: EmailSender | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        self._db = db
        self._upkeep = upkeep
        self._pay_rules = pay_rules
        self._payouts = payouts
        self._cases = cases
        self._reconciler = reconciler
        self._sender = sender
        self._jobs = jobs
        self._blobs = blobs
        self._senders = [sender for sender in (webhooks, endpoints, emails) if sender is not None]
        self._sweep: blob_sweep.Sweep | None = None
        self._next_sweep: datetime | None = None
        self._every_s = every_s
        self._last_reclaim: datetime | None = None
        self._lock = SessionLock(db.dsn, LOCK)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; outages are waited out."""
        # Beside the rounds: servers of others are waited for, and nothing else with them.
        sending = [
            threading.Thread(target=sender.run, args=(stop,), name=type(sender).__name__)
            for sender in self._senders
        ]
        for thread in sending:
            thread.start()
        pause_s = self._every_s
        while not stop.is_set():
            try:
                self.round(datetime.now(UTC))
                pause_s = self._every_s
            except StorageError as exc:
                pause_s = min(pause_s * 2, MAX_PAUSE_S)
                log.warning(
                    "scheduler.round_failed", code=exc.code, error=str(exc), pause_s=pause_s
                )
            stop.wait(pause_s)
        self._lock.release()
        for thread in sending:
            thread.join()

    def round(self, now: datetime) -> bool:
        """Do everything that is due. Returns: False where another scheduler is at work.

        Raises: DatabaseUnavailable.
        """
        if not self._lock.acquire():
            return False
        self._each("creators", lambda: creator_tasks.tick(self._db, now, rules=self._pay_rules))
        self._each("fraud", lambda: self._upkeep.tick(now))
        self._each("usage", lambda: self._forget_usage(now))
        self._each("record", lambda: record.append_due(self._db))
        self._each("anchor", lambda: record.anchor_due(self._db, now))
        self._each("sound index", lambda: self._tend_sounds(now))
        if (jobs := self._jobs) is not None:
            self._each("re-analyses", lambda: reanalysis.queue_incomplete(self._db, jobs))
            self._each("ended policies", lambda: reanalysis.queue_out_of_policy(self._db, jobs))
            self._each("claims of history", lambda: rejudge.apply_history(self._db, jobs))
            self._each("merged creators", lambda: rejudge.apply_merges(self._db, jobs))
        if (payouts := self._payouts) is not None:
            self._each(
                "payouts", lambda: advance_payouts(self._db, payouts.client, payouts.asset, now)
            )
        if (cases := self._cases) is not None:
            self._each("cases on chain", lambda: cases.tick(now))
        if (sender := self._sender) is not None:
            self._each("chain calls", sender.step)
        if (reconciler := self._reconciler) is not None:
            self._each("reconciliation", lambda: reconciler.tick(now))
        if (blobs := self._blobs) is not None:
            self._each("blobs", lambda: self._sweep_on(blobs, now))
        return True

    def _sweep_on(self, open_store: Callable[[], BlobStore], now: datetime) -> None:
        """Do one slice of the sweep, so that the rest of the round does not wait for all of it.

        A failed sweep starts anew later.
        """
        if self._next_sweep is None:
            self._next_sweep = now + FIRST_SWEEP_AFTER
        if now < self._next_sweep:
            return
        sweep, self._sweep = self._sweep, None
        self._next_sweep = now + SWEEP_AGAIN_AFTER
        sweep = sweep or blob_sweep.Sweep(self._db, open_store(), now)
        if sweep.step():
            self._next_sweep = sweep.began_at + SWEEP_EVERY
        else:
            self._sweep, self._next_sweep = sweep, now

    def _tend_sounds(self, now: datetime) -> int:
        """Merge the segments of the sound index, and reclaim its disk space once a day."""
        merged = 0
        while self._merge_once():
            merged += 1
        if merged and (self._last_reclaim is None or now - self._last_reclaim >= RECLAIM_EVERY):
            merge.reclaim(self._db.dsn)
            self._last_reclaim = now
        return merged

    def _forget_usage(self, now: datetime) -> None:
        with self._db.transaction() as conn:
            usage.forget(conn, (now - USAGE_KEPT).date())

    def _merge_once(self) -> bool:
        with self._db.transaction() as conn:
            return merge.merge_segments(conn)

    def _each(self, part: str, work: Callable[[], object]) -> None:
        """Run one part; its failure stops no other part, an outage of the database stops all."""
        try:
            done = work()
        except DatabaseUnavailable:
            raise
        except ChainError as exc:
            log.warning("scheduler.chain_unreachable", part=part, code=exc.code, error=str(exc))
            return
        except Exception:
            log.exception("scheduler.part_failed", part=part)
            return
        log.debug("scheduler.round", part=part, done=done)
