"""Filling an empty oracle with a sample platform, from its first page."""

import threading
from datetime import UTC, datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from oracle.api.access import Caller, Uploader
from oracle.api.boundary import BoundedRoute
from oracle.api.services import Services, ServicesDep
from oracle.demo import platform
from oracle.errors import Conflict, KeyRequired

log = structlog.get_logger()
router = APIRouter(route_class=BoundedRoute, include_in_schema=False)
_filling = threading.Lock()


def may_fill(services: Services, caller: Caller) -> bool:
    """Tell whether the caller may fill it, and there is nothing here yet."""
    if services.settings.http.keys_required and not caller.may("admin"):
        return False
    with services.db.transaction() as conn:
        return platform.is_empty(conn)


def is_filling() -> bool:
    """Tell whether it is being filled now."""
    return _filling.locked()


@router.post("/demo")
def fill(
    services: ServicesDep, caller: Uploader, sample: Annotated[Literal["platform"], Form()]
) -> RedirectResponse:
    """Begin to fill it; the first page says how far it is."""
    if services.settings.http.keys_required and not caller.may("admin"):
        raise KeyRequired("The operator fills it.")
    if not may_fill(services, caller) or not _filling.acquire(blocking=False):
        raise Conflict("There is something here already; a sample would stand among it.")

    def work() -> None:
        try:
            platform.fill(services.db, services.intake, datetime.now(UTC))
        except Exception:  # it is only a sample; what is there of it stays
            log.exception("demo.not_filled")
        finally:
            _filling.release()

    log.info("demo.began", sample=sample, by=caller.name)
    threading.Thread(target=work, name="demo", daemon=True).start()
    return RedirectResponse("/", status_code=303)
