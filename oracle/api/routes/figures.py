"""How often the oracle was wrong, for everybody: from the public record and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter

from oracle.api.access import Anyone
from oracle.api.boundary import BoundedRoute
from oracle.api.services import ServicesDep
from oracle.rules.figures import COUNTED, Figures, figures
from storage.database import Connection
from storage.fraud import public_record

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["record"])


@router.get("/record/figures", summary="How often the oracle was wrong, from the public record")
def get_figures(services: ServicesDep, _: Anyone) -> dict[str, Any]:
    with services.db.transaction() as conn:
        return load_figures(conn).as_dict()


def load_figures(conn: Connection) -> Figures:
    """Compute the figures from the log as everybody may see it."""
    return figures(_public(conn))


def _public(conn: Connection) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for seq, step, body in public_record.bodies(conn, COUNTED):
        yield seq, step, json.loads(body)["facts"]
