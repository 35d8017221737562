"""What each process counts of its own work, for Prometheus.

Where `PROMETHEUS_MULTIPROC_DIR` names a folder, the processes of one machine share their figures
through it, and any of them shows the sum; a process that ends keeps its share. Without it a process
shows its own. What stands in the database is collected from there, by any process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.registry import Collector

from oracle import traces

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the client's own name, read when it is imported
SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)

HTTP_SECONDS = Histogram(
    "oracle_http_request_seconds",
    "From a request to the first byte of its answer, by the route's template",
    ["method", "route", "status"],
    buckets=SECONDS,
)
JOBS = Counter(
    "oracle_jobs_total",
    "Jobs that a worker ended: done, again (tried once more later), failed",
    ["queue", "outcome"],
)
STAGE_SECONDS = Histogram(
    "oracle_stage_seconds",
    "Time of a stage of an analysis: fetch, extract, search, verify, conclude",
    ["media_type", "stage"],
    buckets=SECONDS,
)
VERDICTS = Counter("oracle_verdicts_total", "Decisions that were made", ["media_type", "verdict"])
VERDICT_SECONDS = Histogram(
    "oracle_verdict_seconds",
    "From acceptance to the decision, of uploads and requests",
    ["media_type"],
    buckets=SECONDS,
)
BLOB_SECONDS = Histogram(
    "oracle_blob_seconds",
    "Time of an operation of the blob store that succeeded",
    ["operation"],
    buckets=SECONDS,
)
BLOB_ERRORS = Counter(
    "oracle_blob_errors_total", "Operations that the blob store did not do", ["operation"]
)
DECODERS_STARTED = Counter("oracle_decoders_started_total", "Decoder processes that were started")
DECODER_FAILURES = Counter(
    "oracle_decoder_failures_total",
    "Calls that a decoder did not answer: died, slow, memory, crashed, nonsense",
    ["media_type", "how"],
)
WEBHOOKS = Counter(
    "oracle_webhook_posts_total", "Messages posted to receivers: delivered, failed", ["outcome"]
)


@contextmanager
def stage(media_type: str, name: str) -> Iterator[None]:
    """Time a stage of an analysis, however it ends, and trace it."""
    with STAGE_SECONDS.labels(media_type, name).time(), traces.step(name, media_type=media_type):
        yield


def exposition(*collectors: Collector) -> bytes:
    """Return the figures of this process, or of all that share its folder, and of `collectors`,
    in Prometheus' text format.
    """
    registry = CollectorRegistry()
    if FOLDER in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = b""
    else:
        text = generate_latest(REGISTRY)
    for collector in collectors:
        registry.register(collector)
    return text + generate_latest(registry)
