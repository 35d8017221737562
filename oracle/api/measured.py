"""How long requests take, and what stands in the database about the work of all processes."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oracle.metrics import HTTP_SECONDS
from storage import jobs
from storage.cases import webhooks
from storage.database import Connection, Database
from storage.errors import StorageError
from storage.ledger import reconciliation

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Measured:
    """ASGI middleware that times requests to the first byte of their answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Not the path that was asked for: anybody may ask for any number of those.
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in METHODS else "other"
                HTTP_SECONDS.labels(method, route, str(message["status"])).observe(
                    time.perf_counter() - began
                )
            await send(message)

        await self._app(scope, receive, observed)


class SystemCollector(Collector):
    """Collects queues, receivers and the reconciliation; one short transaction a scrape."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering needs no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            with self._db.transaction() as conn:
                metrics = [*_queues(conn), *_receivers(conn), *_reconciliation(conn)]
        except StorageError:
            yield GaugeMetricFamily("oracle_database_up", "Whether the database answers", value=0)
            return
        yield GaugeMetricFamily("oracle_database_up", "Whether the database answers", value=1)
        yield from metrics


def _queues(conn: Connection) -> Iterator[Metric]:
    count = GaugeMetricFamily("oracle_queue_jobs", "Jobs by state", labels=["queue", "state"])
    oldest = GaugeMetricFamily(
        "oracle_queue_oldest_seconds", "Age of the oldest job that waits", labels=["queue"]
    )
    attempts = GaugeMetricFamily(
        "oracle_queue_most_attempts", "Most tries behind a job of the queue", labels=["queue"]
    )
    for queue in jobs.queues(conn):
        count.add_metric([queue.queue, "waiting"], queue.waiting)
        count.add_metric([queue.queue, "running"], queue.running)
        attempts.add_metric([queue.queue], queue.attempts)
        if queue.oldest_s is not None:
            oldest.add_metric([queue.queue], queue.oldest_s)
    yield from (count, oldest, attempts)
    yield GaugeMetricFamily(
        "oracle_decisions_waiting",
        "Decisions that wait for earlier works",
        value=jobs.count_waiting_decisions(conn),
    )
    heartbeat = jobs.find_last_heartbeat(conn)
    if heartbeat is not None:
        yield GaugeMetricFamily(
            "oracle_worker_silent_seconds",
            "Since any worker last gave a sign",
            value=_age_s(heartbeat),
        )


def _receivers(conn: Connection) -> Iterator[Metric]:
    found = webhooks.backlog(conn)
    yield GaugeMetricFamily(
        "oracle_webhook_messages_waiting", "Messages not delivered yet", value=found.waiting
    )
    yield GaugeMetricFamily(
        "oracle_webhook_receivers_failing", "Receivers that failed last time", value=found.failing
    )
    if found.oldest_s is not None:
        yield GaugeMetricFamily(
            "oracle_webhook_oldest_seconds", "Age of the oldest of them", value=found.oldest_s
        )


def _reconciliation(conn: Connection) -> Iterator[Metric]:
    run = reconciliation.last_run(conn)
    if run is None:
        return
    yield GaugeMetricFamily(
        "oracle_reconciliation_age_seconds",
        "Since ledger and contract were last compared as a whole",
        value=_age_s(run.at),
    )
    yield GaugeMetricFamily(
        "oracle_reconciliation_differences", "Differences it found", value=run.differences
    )


def _age_s(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()
