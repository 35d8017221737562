"""Whether the process is alive, and whether the whole oracle is ready."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from oracle import metrics
from oracle.api.boundary import BoundedRoute
from oracle.api.measured import SystemCollector
from oracle.api.services import Services, ServicesDep
from oracle.chain.core.readiness import problems
from oracle.chain.node.metrics import NodeCollector
from oracle.errors import Busy
from oracle.probes import PROBE_S
from oracle.supervisor import PROCESSES, read_down
from storage import jobs, migrate, operator_alerts
from storage.chain import node_status
from storage.chain.node_status import NodeStatus
from storage.errors import StorageError
from storage.ledger import reconciliation
from storage.ledger.reconciliation import LastRun
from storage.migrate import SAID, Schema
from storage.works import policies

router = APIRouter(route_class=BoundedRoute, tags=["operations"])

# The worker's heartbeat comes every few seconds.
SILENT_AFTER = timedelta(seconds=30)
# Shown beside the others: an operator has to look, and taking the API away would help nobody.
ADVISORY = frozenset({"payouts", "reconciliation"})


@dataclass(frozen=True)
class Check:
    """One condition of readiness."""

    ok: bool
    detail: str


class HealthView(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadyView(BaseModel):
    """Whether the whole oracle works, and what does not."""

    ready: bool
    checks: dict[str, Check]
    channels: dict[str, dict[str, Any]]


@router.get("/healthz", summary="The process answers")
async def healthz() -> HealthView:
    return HealthView()


@router.get(
    "/readyz",
    summary="Database, worker, node and channels",
    responses={503: {"description": "Not ready", "model": ReadyView}},
)
async def readyz(services: ServicesDep, response: Response) -> ReadyView:
    checks = await services.probe(lambda: _checks(services))
    if checks is None:
        checks = {"database": Check(False, f"silent for {PROBE_S:g} s")}
    ready = all(check.ok for name, check in checks.items() if name not in ADVISORY)
    response.status_code = 200 if ready else 503
    return ReadyView(
        ready=ready,
        checks=checks,
        channels={kind: dict(each) for kind, each in services.channels.items()},
    )


def _checks(services: Services) -> dict[str, Check]:
    try:
        with services.db.transaction(wait_s=PROBE_S) as conn:
            schema = migrate.schema_of(conn)
            if schema in (Schema.NONE, Schema.OLDER):
                return {"database": Check(False, SAID[schema])}
            node = node_status.get(conn)
            heartbeat = jobs.find_last_heartbeat(conn)
            binding = policies.find_binding(conn)
            matters = operator_alerts.counts(conn)
            compared = reconciliation.last_run(conn)
    except StorageError as exc:
        return {"database": Check(False, str(exc))}
    return _processes(services) | {
        "database": Check(True, SAID[schema]),
        "contracts": Check(
            binding is not None,
            f"hub 0x{binding.hub.hex()}" if binding else "none deployed or bound",
        ),
        "worker": _recent(heartbeat, "heartbeat"),
        "node": _node(node),
        "payouts": _matters(
            matters, "payout_differs", "divided otherwise by the contract than by the ledger"
        ),
        "reconciliation": _reconciliation(matters, compared),
    }


def _reconciliation(matters: Mapping[str, int], compared: LastRun | None) -> Check:
    if compared is None:
        return Check(True, "ledger and contract were not compared yet")
    differences = _matters(matters, "reconciliation", "differences between ledger and contract")
    return Check(
        differences.ok,
        f"{differences.detail}; {compared.posts} posts and {compared.accounts} accounts compared at"
        f" block {compared.block_number}, {compared.at:%Y-%m-%d %H:%M} UTC",
    )


def _matters(matters: Mapping[str, int], kind: str, what: str) -> Check:
    count = matters.get(kind, 0)
    return Check(count == 0, f"{count} {what}" + ("; see /v1/operator_alerts" if count else ""))


def _processes(services: Services) -> dict[str, Check]:
    """Whether all processes of the tree run that this one is part of; nothing where it is in
    none.
    """
    down = read_down(services.settings.data_dir.resolve() / PROCESSES)
    if down is None:
        return {}
    said = "; ".join(f"{name} {why}" for name, why in down.items())
    return {"processes": Check(not down, said or "all running")}


def _node(node: NodeStatus) -> Check:
    found_problems = problems(node, datetime.now(UTC))
    if found_problems:
        return Check(
            False, "; ".join(f"{problem.code}: {problem.detail}" for problem in found_problems)
        )
    return Check(True, f"head {node.head_number}, finalized {node.finalized_number}")


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def show_metrics(services: ServicesDep) -> Response:
    collectors = NodeCollector(services.db), SystemCollector(services.db)
    shown = await services.scrape(lambda: metrics.exposition(*collectors))
    if shown is None:
        raise Busy(f"The figures take longer than {PROBE_S:g} s. Try again.")
    return Response(shown, media_type=CONTENT_TYPE_LATEST)


def _recent(at: datetime | None, what: str) -> Check:
    if at is None:
        return Check(False, f"no {what} yet")
    age = datetime.now(UTC) - at
    return Check(age < SILENT_AFTER, f"last {what} {age.total_seconds():.0f} s ago")
