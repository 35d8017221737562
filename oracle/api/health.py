"""Whether the process lives, and whether the whole oracle can do its work right now."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Response

from oracle.api.services import ServicesDep
from storage import jobs, migrate, node_status, policies
from storage.errors import StorageError

router = APIRouter(tags=["operations"])

# The worker says hello every few seconds and the node after every look at the chain.
SILENT_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Check:
    """One condition of readiness."""

    ok: bool
    detail: str


@router.get("/healthz", summary="The process answers")
def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz", summary="Database, worker, node and channels", responses={503: {"description": "Not ready"}})
def readyz(services: ServicesDep, response: Response) -> dict[str, object]:
    checks = _checks(services)
    ready = all(check.ok for check in checks.values())
    response.status_code = 200 if ready else 503
    return {"ready": ready, "checks": checks, "channels": services.channels}


def _checks(services: ServicesDep) -> dict[str, Check]:
    try:
        with services.db.transaction() as conn:
            node = node_status.get(conn)
            heartbeat = jobs.find_last_heartbeat(conn)
            binding = policies.find_binding(conn)
        at_head = migrate.is_at_head(services.db.dsn)
    except StorageError as exc:
        return {"database": Check(False, str(exc))}
    return {
        "database": Check(at_head, "at the newest migration" if at_head else "migrations are missing"),
        "contracts": Check(binding is not None, f"hub 0x{binding.hub.hex()}" if binding else "none deployed or bound"),
        "worker": _recent(heartbeat, "heartbeat"),
        "node": _recent(node.last_poll_at, "look at the chain", node.error_detail)
        if not node.latched
        else Check(False, f"stopped by a breach of finality: {node.latch_reason}"),
    }


def _recent(at: datetime | None, what: str, error: str | None = None) -> Check:
    if at is None:
        return Check(False, error or f"no {what} yet")
    age = datetime.now(UTC) - at
    detail = f"last {what} {age.total_seconds():.0f} s ago" + (f"; {error}" if error else "")
    return Check(age < SILENT_AFTER, detail)
