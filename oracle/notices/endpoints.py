"""Webhooks of platforms: registered, signed as Standard Webhooks, and switched off after days of
failure.
"""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog

from oracle.fetch.addresses import Resolver, resolve
from oracle.notices.webhooks import TIMEOUT_S, deliver, make_secret, parse_receiver
from storage import operator_alerts
from storage.cases import endpoints
from storage.cases.endpoints import Delivery, Endpoint
from storage.database import Connection, Database
from storage.errors import StorageError

log = structlog.get_logger()

EVENTS = (
    "analysis.decided",
    "analysis.changed",
    "work.matched",
    "alert.opened",
    "alert.resolved",
    "appeal.filed",
    "appeal.decided",
    "payout.paid",
    "payout.failed",
)
TEST = "webhook.test"
SLOTS, OF_HOST, A_TURN, TURN_S, LEASE = 16, 4, 20, 20.0, timedelta(minutes=2)
LOOK_EVERY_S = 0.5
TRIES = 12
FIRST_RETRY, MAX_RETRY, MAX_REST = timedelta(seconds=10), timedelta(hours=6), timedelta(hours=1)
DISABLED_AFTER = timedelta(days=5)
OLD_SECRET_SIGNS = timedelta(hours=24)
WEBHOOK_DISABLED = "webhook_disabled"  # of operator alerts


def register(
    conn: Connection,
    *,
    owner: str | None,
    url: str,
    events: Sequence[str],
    allow_private: bool = False,
) -> Endpoint:
    """Register where an owner's events go. Raises: InvalidWebhook."""
    target = parse_receiver(url, allow_private=allow_private)
    return endpoints.add(
        conn,
        uuid4(),
        owner=owner,
        url=url,
        host=target.netloc.decode().lower(),
        events=events,
        secret=make_secret(),
    )


def rotate(conn: Connection, number: UUID, now: datetime) -> str:
    """Give an endpoint another secret; the one of before signs too for a day. Returns: the new."""
    secret = make_secret()
    endpoints.rotate(conn, number, secret, now + OLD_SECRET_SIGNS)
    return secret


def payload(delivery: Delivery) -> bytes:
    """Return the body of an event, as canonical JSON."""
    document = {
        "type": delivery.event,
        "timestamp": delivery.created_at.astimezone(UTC).isoformat(),
        "data": dict(delivery.data),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def secrets_of(endpoint: Endpoint, now: datetime) -> list[str]:
    """Return what signs a delivery now."""
    old = endpoint.old_secret
    if (
        old is not None
        and endpoint.old_secret_until is not None
        and endpoint.old_secret_until > now
    ):
        return [endpoint.secret, old]
    return [endpoint.secret]


def is_given_up(failing_since: datetime | None, now: datetime) -> bool:
    """Tell whether an endpoint that fails again has failed for too long."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER


class EndpointSender:
    """Delivers events to platforms, each endpoint in a turn of its own."""

    def __init__(
        self,
        db: Database,
        *,
        allow_private: bool = False,
        resolver: Resolver = resolve,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`timeout_s` bounds one delivery."""
        self._db = db
        self._allow_private = allow_private
        self._resolver = resolver
        self._timeout_s = timeout_s
        self._slots = ThreadPoolExecutor(SLOTS, "endpoints")
        self._turns: set[Future[int]] = set()

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; then the turns that began end."""
        while not stop.is_set():
            try:
                self.begin_turns()
            except StorageError as exc:
                log.warning("endpoints.waiting", code=exc.code, error=str(exc))
            stop.wait(LOOK_EVERY_S)
        self._slots.shutdown(cancel_futures=True)

    def begin_turns(self) -> list[Future[int]]:
        """Begin a turn of each endpoint that is due, as far as slots are free.

        Returns: their turns; the result of one is how many events arrived.
        Raises: DatabaseUnavailable.
        """
        self._turns = {turn for turn in self._turns if not turn.done()}
        free = SLOTS - len(self._turns)
        if free == 0:
            return []
        with self._db.transaction() as conn:
            claimed = endpoints.claim(conn, free, OF_HOST, LEASE)
        begun = [self._slots.submit(self._turn, endpoint) for endpoint in claimed]
        self._turns.update(begun)
        return begun

    def _turn(self, endpoint: Endpoint) -> int:
        """Send an endpoint its events, oldest first, until one fails or its time is over."""
        until, arrived, retry_after = time.monotonic() + TURN_S, 0, None
        try:
            with self._db.transaction() as conn:
                waiting = endpoints.due(conn, endpoint.id, A_TURN)
            for delivery in waiting:
                if time.monotonic() > until:
                    break
                error = self._send(endpoint, delivery)
                last = delivery.tries + 1 >= TRIES
                delay = None if last else min(FIRST_RETRY * 3**delivery.tries, MAX_RETRY)
                with self._db.transaction() as conn:
                    endpoints.note(conn, delivery.id, error, delay)
                if error is not None:
                    failures = 0 if arrived else endpoint.failures
                    retry_after = min(FIRST_RETRY * 2 ** min(failures, 9), MAX_REST)
                    break
                arrived += 1
            with self._db.transaction() as conn:
                if arrived:  # what failed before is over
                    endpoints.release(conn, endpoint.id, None)
                if retry_after or not arrived:
                    endpoints.release(conn, endpoint.id, retry_after)
                if (
                    retry_after
                    and not arrived
                    and is_given_up(endpoint.failing_since, datetime.now(UTC))
                ):
                    _disable(conn, endpoint)
        except StorageError as exc:  # the claim ends by itself, and all is sent again then
            log.warning("endpoints.turn_lost", code=exc.code, error=str(exc))
        except Exception:
            log.exception("endpoints.turn_failed", endpoint_id=str(endpoint.id))
        return arrived

    def _send(self, endpoint: Endpoint, delivery: Delivery) -> str | None:
        error = deliver(
            endpoint.url,
            str(delivery.id),
            payload(delivery),
            secrets_of(endpoint, datetime.now(UTC)),
            resolver=self._resolver,
            allow_private=self._allow_private,
            timeout_s=self._timeout_s,
        )
        log.info("endpoint.sent", endpoint_id=str(endpoint.id), told=delivery.event, error=error)
        return error


def _disable(conn: Connection, endpoint: Endpoint) -> None:
    because = f"No delivery arrived for {DISABLED_AFTER.days} days."
    endpoints.disable(conn, endpoint.id, because)
    operator_alerts.report(
        conn,
        WEBHOOK_DISABLED,
        str(endpoint.id),
        f"The webhook of {endpoint.owner or 'the operator'} at {endpoint.url} was switched off:"
        f" {because} Its owner can enable it again and replay what had not arrived by then.",
        datetime.now(UTC),
    )
