"""Scheduled work for fraud and appeals: passes, holds that end, notices, and the contract."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import structlog

from oracle.appeals import claims, reanalyses, reviews, verdict_notices
from oracle.appeals import verdicts as verdict_appeals
from oracle.chain.errors import ChainError
from oracle.chain.rpc.client import ChainClient
from oracle.fraud import alerts, chain_actions, chain_appeals
from oracle.fraud.passes import SPAN, full_hour, run_pass
from oracle.jobs import Jobs
from oracle.originality import quarantine, reanalysis
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.fraud import events as fraud_events

log = structlog.get_logger()

PASS_EVERY = timedelta(hours=1)
COMPARED_BACK = timedelta(days=7)
MADE_UP_BACK = timedelta(days=30)
# A pass covers a day, and its last hour is still running.
REACH = SPAN - PASS_EVERY


@dataclass(frozen=True)
class Tick:
    """The results of one round."""

    alerts: int
    ended: int
    notices_sent: int
    given_up: int  # calls that the contract will not take
    differences: int


class Upkeep:
    """Rounds of everything that is due. Safe at any time."""

    def __init__(
        self,
        db: Database,
        *,
        client: ChainClient | None = None,
        jobs: Jobs | None = None,
        alarm_creators: int = 0,
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._client = client
        self._alarm_creators = alarm_creators
        self._hour: datetime | None = None
        self._tried: set[datetime] = set()  # ends of passes of this hour
        self._last_compared: datetime | None = None

    def tick(self, now: datetime) -> Tick:
        """Do one round; a step that fails does not stop the others.

        Raises: DatabaseUnavailable.
        """
        # holds come first: money must not wait for anything else
        ended = _apart("holds", lambda: alerts.expire_due(self._db, now))
        ended += _apart("appeals", lambda: verdict_appeals.lapse_due(self._db, now))
        ended += _apart("reviews", lambda: reviews.lapse_due(self._db, now))
        _apart("re-analyses told", lambda: reviews.report_superseded(self._db, now))
        _apart("reviews held", lambda: reviews.hold_reopened(self._db, now))
        ended += _apart("claims", lambda: claims.lapse_due(self._db, now))
        notices_sent = _apart("notices", lambda: verdict_notices.send_due(self._db, now))
        if (jobs := self._jobs) is not None:
            _apart("rechecks", lambda: reanalysis.queue_rechecks(self._db, jobs))
        _apart("alarms", lambda: quarantine.raise_alarms(self._db, self._alarm_creators, now))
        _apart("re-analyses carried", lambda: reanalyses.carry(self._db, now))
        given_up = differences = 0
        if (client := self._client) is not None:
            given_up = _apart("chain", lambda: chain_actions.follow(self._db, now))
            if self._last_compared is None or now - self._last_compared >= PASS_EVERY:
                _apart("chain_appeals", lambda: chain_appeals.take_over(self._db, client, now))
                since = now - COMPARED_BACK
                differences = _apart(
                    "compare", lambda: len(chain_actions.reconcile(self._db, client, since=since))
                )
                self._last_compared = now
        return Tick(
            _apart("pass", lambda: self._pass(now)), ended, notices_sent, given_up, differences
        )

    def _pass(self, now: datetime) -> int:
        """Run this hour's pass, one that an outage left out, or one over a day of which more came.

        Returns: how many alerts it raised.

        A failed pass is repeated in the next hour, after an outage of the database at once.
        """
        hour = full_hour(now)
        if hour != self._hour:
            self._hour, self._tried = hour, set()
        newest = hour + PASS_EVERY
        with self._db.transaction() as conn:
            is_recorded = fraud_events.is_pass_recorded(conn, newest)
            missing = fraud_events.missing_passes(conn, now - MADE_UP_BACK, REACH)
            late = [
                datetime.combine(day, time(), UTC) + SPAN
                for day in fraud_events.late_days(conn, now - MADE_UP_BACK)
            ]
        late = [end for end in late if end <= hour]
        due = [
            end
            for end in [*([] if is_recorded else [newest]), *missing, *late]
            if end not in self._tried
        ]
        if not due:
            return 0
        end = due[0]
        self._tried.add(end)
        try:
            raised = len(run_pass(self._db, now, end=end, again=end in late).alerts)
            if end in late:
                with self._db.transaction() as conn:
                    fraud_events.clear_late(conn, (end - SPAN).date())
            return raised
        except DatabaseUnavailable:
            self._tried.discard(end)
            raise


def _apart(step: str, work: Callable[[], int]) -> int:
    """Run one step; its failure is logged and stops no other step.

    Raises: DatabaseUnavailable.
    """
    try:
        return work()
    except DatabaseUnavailable:
        raise
    except ChainError as exc:
        log.warning("fraud.chain_unreachable", step=step, error=str(exc), code=exc.code)
    except Exception:
        log.exception("fraud.step_failed", step=step)
    return 0
