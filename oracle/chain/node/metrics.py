"""Prometheus metrics of the chain node, read from the database, so any process can show them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storage import operator_alerts
from storage.cases import reviews
from storage.chain import kept_attestations, node_status, outbox, requests, transactions
from storage.database import Connection, Database
from storage.errors import StorageError


class NodeCollector(Collector):
    """Collects the node's metrics. Register it once: `REGISTRY.register(NodeCollector(db))`.

    A scrape costs one short transaction.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering needs no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            with self._db.transaction() as conn:
                metrics = [*_status(conn), *_queues(conn), *_traffic(conn), *_reviews(conn)]
        except StorageError:
            yield _gauge("oracle_node_database_up", "Whether the node's tables can be read", 0)
            return
        yield _gauge("oracle_node_database_up", "Whether the node's tables can be read", 1)
        yield from metrics


def _status(conn: Connection) -> Iterator[Metric]:
    status = node_status.get(conn)
    now = datetime.now(UTC)
    yield _gauge(
        "oracle_node_finality_latched", "1 while the node stands still", int(status.latched)
    )
    yield _gauge(
        "oracle_node_last_reorg_depth_blocks", "Blocks the last reorg took", status.last_reorg_depth
    )
    heights = {
        "head": status.head_number,
        "finalized": status.finalized_number,
        "cursor": status.cursor_number,
    }
    yield _by(
        "oracle_node_block",
        "Heights as of the last round",
        "at",
        {k: v for k, v in heights.items() if v is not None},
    )
    if status.head_number is not None and status.cursor_number is not None:
        lag = status.head_number - status.cursor_number
        yield _gauge("oracle_node_lag_blocks", "Blocks that are not read yet", lag)
    if status.last_poll_at is not None:
        age = (now - status.last_poll_at).total_seconds()
        yield _gauge("oracle_node_lag_seconds", "Time since the last whole round", age)
    if status.balance_wei is not None:
        yield _gauge(
            "oracle_node_balance_wei",
            "What the sending account has left for gas",
            status.balance_wei,
        )
    standings = GaugeMetricFamily(
        "oracle_endpoint_standing",
        "1 for the standing an endpoint has now",
        labels=["endpoint", "standing"],
    )
    for endpoint in status.endpoints:
        standings.add_metric([str(endpoint["name"]), str(endpoint["standing"])], 1)
    yield standings


def _queues(conn: Connection) -> Iterator[Metric]:
    waiting = requests.counts(conn)
    yield _by(
        "oracle_inbox_requests",
        "Contracts' requests by state",
        "state",
        {
            "waiting": waiting.waiting,
            "accepted": waiting.accepted,
            "declined": waiting.declined,
            "conflict": waiting.conflict,
            "orphaned": waiting.orphaned,
        },
    )
    statuses = dict.fromkeys(
        ("pending", "sent", "included", "final", "refused"), 0
    ) | outbox.counts(conn)
    yield _by(
        "oracle_outbox_decisions",
        "Decisions by where they stand on their way to the chain",
        "status",
        statuses,
    )
    yield _by(
        "oracle_operator_alerts",
        "Open matters of the operator",
        "kind",
        operator_alerts.counts(conn),
    )
    yield _gauge(
        "oracle_attestations_kept",
        "Results of backfilled works that nobody needed on chain yet",
        kept_attestations.count(conn),
    )
    yield _gauge(
        "oracle_outbox_oldest_seconds",
        "Age of the oldest open decision",
        outbox.oldest_open_s(conn),
    )


def _reviews(conn: Connection) -> Iterator[Metric]:
    now = datetime.now(UTC)
    waiting, left = reviews.count_open(conn, now)
    yield _gauge("oracle_reviews_open", "Undecided works that wait for a person", waiting)
    if left is not None:
        yield _gauge(
            "oracle_reviews_next_deadline_seconds",
            "Time until the first of them ends by the rule",
            left.total_seconds(),
        )
    share = GaugeMetricFamily(
        "oracle_undecided_share",
        "Share of the last 30 days' works that could not be decided at first, 0 to 1",
        labels=["media_type", "reason"],
    )
    for rate in reviews.rates(conn, now - timedelta(days=30)):
        share.add_metric([rate.media_type, rate.reason or "all"], rate.undecided / rate.decided)
    yield share


def _traffic(conn: Connection) -> Iterator[Metric]:
    seen = transactions.traffic(conn, node_status.get(conn).sender)
    yield _gauge("oracle_tx_in_flight", "Transactions that are not final", seen.in_flight)
    yield _gauge("oracle_tx_next_nonce", "The nonce after our highest", seen.next_nonce)
    yield _gauge("oracle_tx_attempts", "Versions ever signed, replacements included", seen.attempts)
    yield _gauge("oracle_tx_sends", "Times signed bytes went out", seen.sends)
    yield _gauge("oracle_tx_fillers", "Nonces spent on nothing", seen.cancelling_count)
    fees = {"max_fee": seen.max_fee_wei, "tip": seen.tip_wei}
    yield _by("oracle_tx_fee_wei", "Fee per gas of the newest attempt", "part", fees)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _by(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
