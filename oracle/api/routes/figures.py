"""How often the oracle was wrong, for everybody: from the public record and nothing else."""

from typing import Any

from fastapi import APIRouter

from oracle.api.access import Anyone
from oracle.api.boundary import BoundedRoute
from oracle.api.services import ServicesDep

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["record"])


@router.get("/record/figures", summary="How often the oracle was wrong, from the public record")
def get_figures(services: ServicesDep, _: Anyone) -> dict[str, Any]:
    with services.db.transaction() as conn:
        return services.record.figures(conn).as_dict()
