"""Pages for people: post a picture, watch it being judged, look at the evidence; figures are the API's own."""

import json
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import jinja2
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from oracle.api.access import Reader
from oracle.api.analyses import load_view
from oracle.api.schemas import Neighbour
from oracle.api.services import ServicesDep
from oracle.explain import percent
from storage import analyses, works

PREVIEW_SIDE_PX = 640
POLYGON_GRID = 1000  # polygons are drawn on a 1000 x 1000 grid that is stretched over the picture

router = APIRouter(include_in_schema=False)
templates = jinja2.Environment(loader=jinja2.PackageLoader("oracle.api"), autoescape=True, trim_blocks=True)
templates.filters["percent"] = percent


@router.get("/", response_class=HTMLResponse)
def home(services: ServicesDep) -> str:
    return templates.get_template("home.html").render(channels=services.channels)


@router.get("/style.css")
def style() -> Response:
    sheet = resources.files("oracle.api").joinpath("templates/style.css").read_text()
    return Response(sheet, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@router.get("/analyses/{analysis_id}", response_class=HTMLResponse)
def show_analysis(services: ServicesDep, _: Reader, analysis_id: UUID) -> str:
    view = load_view(services.db, analysis_id)
    with services.db.transaction() as conn:
        evidence = analyses.get(conn, analysis_id).evidence
    regions = _regions(evidence) if evidence else {}
    shown: list[Neighbour] = sorted(
        view.neighbours, key=lambda n: n.work_id != (view.original and view.original.work_id)
    )
    return templates.get_template("analysis.html").render(view=view, neighbours=shown, regions=regions)


@router.get("/works/{work_id}/preview.jpg")
def preview(services: ServicesDep, _: Reader, work_id: UUID) -> Response:
    """A small picture of a work, made from its stored bytes."""
    with services.db.transaction() as conn:
        work = works.get_work(conn, work_id)
    with TemporaryDirectory(prefix="oracle-") as folder:
        source, small = Path(folder) / "media", Path(folder) / "preview.jpg"
        services.blobs.fetch(work.blob_key, source)
        image = services.kinds[work.media_type].preview(source)
        image.thumbnail((PREVIEW_SIDE_PX, PREVIEW_SIDE_PX))
        image.save(small, quality=85)
        return Response(small.read_bytes(), media_type="image/jpeg", headers={"Cache-Control": "max-age=86400"})


def _regions(evidence: bytes) -> dict[str, dict[str, str]]:
    """Matched regions by work id, as points of SVG polygons on both pictures."""
    found = {}
    for match in json.loads(evidence).get("matches", []):
        sides = {"query": match.get("query_region"), "reference": match.get("reference_region")}
        found[match["work"]["id"]] = {side: _points(polygon) for side, polygon in sides.items() if polygon}
    return found


def _points(polygon: list[list[float]]) -> str:
    return " ".join(f"{x * POLYGON_GRID:.0f},{y * POLYGON_GRID:.0f}" for x, y in polygon)
