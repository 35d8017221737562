"""What happens by itself: passes, holds that end, letters that leave, and the contract that follows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from oracle.chain.client import ChainClient
from oracle.chain.errors import ChainError
from oracle.chain.signer import Signer
from oracle.fraud import alerts, appeals, chain_actions, chain_appeals, rechecks, verdict_letters, webhooks
from oracle.fraud.passes import full_hour, run_pass
from oracle.jobs import Jobs
from storage.database import Database
from storage.errors import StorageError

log = structlog.get_logger()

PASS_EVERY = timedelta(hours=1)
COMPARED_BACK = timedelta(days=7)


@dataclass(frozen=True)
class Court:
    """The contract's door, and the two accounts that must not be the same: who freezes and who decides."""

    client: ChainClient
    officer: Signer
    arbiter: Signer


@dataclass(frozen=True)
class Tick:
    """What one round did."""

    alerts: int
    ended: int
    letters: int
    delivered: int
    chain_calls: int
    differences: int


class Upkeep:
    """Rounds of everything that is due. Safe at any time; the calls to the contract from one process only."""

    def __init__(
        self, db: Database, *, court: Court | None = None, jobs: Jobs | None = None, allow_private: bool = False
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._court = court
        self._allow_private = allow_private
        self._last_pass: datetime | None = None
        self._last_compared: datetime | None = None

    def tick(self, now: datetime) -> Tick:
        """One round; what fails for a reason of its own does not keep the rest from being done.

        Raises: DatabaseUnavailable.
        """
        ended = alerts.expire_due(self._db, now)  # first: money must not wait for anything else
        ended += appeals.lapse_due(self._db, now)
        letters = verdict_letters.send_due(self._db, now)
        if self._jobs is not None:
            rechecks.queue_due(self._db, self._jobs)
        delivered = webhooks.deliver_pending(self._db, allow_private=self._allow_private)
        calls = differences = 0
        if self._court is not None:
            court = self._court
            calls = chain_actions.send_pending(self._db, court.client, officer=court.officer, arbiter=court.arbiter)
            if self._last_compared is None or now - self._last_compared >= PASS_EVERY:
                self._or_zero(lambda: chain_appeals.take_over(self._db, court.client, now))
                differences = self._or_zero(
                    lambda: len(chain_actions.reconcile(self._db, court.client, since=now - COMPARED_BACK))
                )
                self._last_compared = now
        return Tick(self._pass(now), ended, letters, delivered, calls, differences)

    def _pass(self, now: datetime) -> int:
        """This hour's pass, if it was not made. One that fails is made again next hour, after an outage at once."""
        hour = full_hour(now)
        if self._last_pass is not None and hour <= self._last_pass:
            return 0
        before, self._last_pass = self._last_pass, hour
        try:
            return len(run_pass(self._db, now).alerts)
        except StorageError:
            self._last_pass = before
            raise

    def _or_zero(self, work: Callable[[], int]) -> int:
        try:
            return work()
        except ChainError as exc:
            log.warning("fraud.chain_unreachable", error=str(exc), code=exc.code)
            return 0
