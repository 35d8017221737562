"""Whether the oracle can be trusted right now: each figure, and of each red one what to do."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel, Field

from oracle.api.access import Admin
from oracle.api.boundary import BoundedRoute
from oracle.api.record_cache import RecordCache
from oracle.api.services import ServicesDep
from oracle.chain.core.readiness import problems
from oracle.originality import recall_probe
from oracle.settings import Settings
from storage import health, jobs, operator_alerts
from storage.chain import node_status, outbox, transactions
from storage.database import Connection
from storage.ledger import reconciliation
from storage.works import probes

router = APIRouter(route_class=BoundedRoute, tags=["operations"])

QUEUE_OLD_S = 600.0
SLOW_VERDICT_S = 120.0
OUTBOX_OLD_S = 1800.0
PROBE_OLD = timedelta(hours=3)
LEAST_FOUND = 0.9
COMPARED_OLD = timedelta(hours=26)
LEAST_FREE = 0.1
DEEP_REORG = 6


class StatusItem(BaseModel):
    """One figure; `ok` is null where nothing is known yet."""

    name: str
    ok: bool | None
    value: str
    advice: str | None = Field(description="What to do where it is not ok.")


@router.get("/v1/status", summary="Whether the oracle can be trusted now, figure by figure")
def get_status(services: ServicesDep, _: Admin) -> list[StatusItem]:
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        found = [
            *_work(conn, now),
            *_chain(conn, now),
            *_money(conn, now),
            *_record(conn, services.record, now),
            *_disk(services.settings),
        ]
    for item in found:
        if item.ok is not False:
            item.advice = None
    return found


class ProbeView(BaseModel):
    """How many near-copies of plants of one media type were found."""

    media_type: str
    planted: int
    found: int


@router.post("/v1/status/probe", summary="Look up near-copies of plants now, of each media type")
def run_probe(services: ServicesDep, _: Admin) -> list[ProbeView]:
    results = recall_probe.probe(services.db, services.handlers, datetime.now(UTC))
    return [
        ProbeView(media_type=one.media_type, planted=one.planted, found=one.found)
        for one in results
    ]


def _work(conn: Connection, now: datetime) -> Iterator[StatusItem]:
    waiting = health.analyses_waiting(conn)
    oldest = max((one.oldest_s or 0.0 for one in waiting), default=0.0)
    said = [f"{one.count} {one.name}s, oldest {_span(one.oldest_s or 0)}" for one in waiting]
    yield _item(
        "Queue",
        oldest < QUEUE_OLD_S,
        ", ".join(said) or "empty",
        "Start another worker (`oracle worker`), or look in its log at what the oldest one meets.",
    )
    beat = jobs.find_last_heartbeat(conn)
    yield _item(
        "Worker",
        None if beat is None else now - beat < timedelta(seconds=30),
        "no heartbeat yet" if beat is None else f"heartbeat {_ago(now - beat)} ago",
        "Start it: `oracle worker`. What was uploaded waits and is not lost.",
    )
    took = health.verdict_times(conn)
    yield _item(
        "Time to verdict, last day",
        None if took.p99_s is None else took.p99_s < SLOW_VERDICT_S,
        "no uploads"
        if took.median_s is None or took.p99_s is None
        else f"median {_span(took.median_s)}, 99th percentile {_span(took.p99_s)},"
        f" n = {took.count}",
        "See which media are slow (`/metrics`); more workers help a queue, not one long film.",
    )
    index = health.index_state(conn)
    yield _item(
        "Index",
        None if index.newest_at is None else True,
        f"{index.works} works"
        + (f", newest {_ago(now - index.newest_at)} ago" if index.newest_at else ""),
        "",
    )
    probed = probes.list_last(conn)
    yield _item(
        "Recall probe",
        all(one.found >= LEAST_FOUND * one.planted and now - one.at < PROBE_OLD for one in probed)
        if probed
        else None,
        "; ".join(
            f"{one.media_type}: {one.found} of {one.planted} planted near-copies found,"
            f" {_ago(now - one.at)} ago"
            for one in probed
        )
        or "not run yet",
        "Run it again (the button below). If it stays low, `reindex` the vectors' HNSW indexes;"
        " copies may have been called originals since the last good probe.",
    )


def _chain(conn: Connection, now: datetime) -> Iterator[StatusItem]:
    node = node_status.get(conn)
    wrong = problems(node, now)
    yield _item(
        "Node",
        None if node.last_poll_at is None else not wrong,
        "; ".join(f"{one.code}: {one.detail}" for one in wrong)
        or f"head {node.head_number}, finalized {node.finalized_number}",
        "Check CHAIN_RPC_URL and the node's log; after a breach of finality: `oracle clear-latch`.",
    )
    yield _item(
        "Reorgs",
        node.last_reorg_depth < DEEP_REORG,
        f"the last one took {node.last_reorg_depth} blocks",
        "Raise ORACLE_CHAIN__CONFIRMATIONS above that depth, or use another endpoint.",
    )
    oldest = outbox.oldest_open_s(conn)
    counts = outbox.counts(conn)
    yield _item(
        "Decisions on their way to the chain",
        oldest < OUTBOX_OLD_S,
        _counted(counts) + (f"; oldest open {_span(oldest)}" if oldest else ""),
        "See the fee below and the balance of the sending account; the node bumps and resends.",
    )
    calls = health.calls_waiting(conn)
    late = max((one.oldest_s or 0.0 for one in calls if one.name != "reverted"), default=0.0)
    yield _item(
        "Calls to the contracts",
        late < OUTBOX_OLD_S and not any(one.name == "reverted" for one in calls),
        _counted({one.name: one.count for one in calls}) or "none",
        "Those that reverted say why at /api/operator_alerts; others wait for their key's process.",
    )
    seen = transactions.traffic(conn, node.sender)
    yield _item(
        "Nonce and fee",
        None if node.sender is None else True,
        f"next nonce {seen.next_nonce}, {seen.in_flight} in flight, fee"
        f" {seen.max_fee_wei / 10**9:.2f} gwei, tip {seen.tip_wei / 10**9:.2f} gwei",
        "",
    )


def _money(conn: Connection, now: datetime) -> Iterator[StatusItem]:
    compared = reconciliation.last_run(conn)
    matters = operator_alerts.counts(conn)
    differences = matters.get("reconciliation", 0)
    yield _item(
        "Ledger and contract",
        None if compared is None else not differences and now - compared.at < COMPARED_OLD,
        "not compared yet"
        if compared is None
        else f"{differences} differences, compared {_ago(now - compared.at)} ago"
        f" ({compared.posts} posts, {compared.accounts} accounts)",
        "Each difference is at /stuck_payments, with both sides' numbers; the scheduler compares.",
    )
    rest = {kind: count for kind, count in matters.items() if kind != "reconciliation"}
    yield _item(
        "Matters for an operator",
        not rest,
        _counted(rest) or "none",
        "Read them at /stuck_payments, and note there what was done.",
    )
    sent = health.deliveries(conn)
    yield _item(
        "Webhooks of creators",
        sent.given_up == 0,
        f"{sent.pending} notices wait, {sent.given_up} given up this week, {sent.failing} receivers"
        " fail",
        "Tell those creators: their server did not answer for two days; /messages has the notices.",
    )
    sent = health.platform_deliveries(conn)
    yield _item(
        "Webhooks of platforms",
        sent.given_up == 0 and sent.disabled == 0,
        f"{sent.pending} events wait, {sent.given_up} given up this week, {sent.failing} receivers"
        f" fail, {sent.disabled} were disabled this week",
        "Tell those platforms: GET /v1/webhooks/{id}/deliveries has each error, and what was given"
        " up is sent again by its replay; a disabled receiver is registered anew.",
    )


def _record(conn: Connection, record: RecordCache, now: datetime) -> Iterator[StatusItem]:
    seen = record.check(conn, now)
    seq, digest = seen.head
    yield _item(
        "Public record",
        seen.broken is None,
        f"{seq} steps, head {digest.hex()[:16]}…, read from the first step on"
        f" {_ago(now - seen.whole_at)} ago"
        if seen.broken is None
        else f"broken at step {seen.broken}",
        "Somebody changed it: keep the database as it is, and compare it with the heads on chain.",
    )


def _disk(settings: Settings) -> Iterator[StatusItem]:
    folder = settings.data_dir.resolve()
    if not folder.exists():
        return
    usage = shutil.disk_usage(folder)
    yield _item(
        "Disk",
        usage.free > LEAST_FREE * usage.total,
        f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.1f} GiB free where the data is",
        "Make room before uploads are refused; blobs can be moved with BLOBS_URL.",
    )


def _item(name: str, ok: bool | None, value: str, advice: str) -> StatusItem:
    return StatusItem(name=name, ok=ok, value=value, advice=advice or None)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))


def _ago(span: timedelta) -> str:
    return _span(span.total_seconds())


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
