"""The page of an analysis, with previews and media of works; its figures are the API's own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from PIL import Image

from embeddings.image.pairs import common_points
from oracle.api.access import Caller, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.match_drawings import match_details
from oracle.api.pages.rendering import show, speaking_to
from oracle.api.parties import unerased
from oracle.api.ranges import stored_media
from oracle.api.routes.analyses import load_view
from oracle.api.routes.reviews import review_view
from oracle.api.schemas.analyses import Neighbour
from oracle.api.services import Services, ServicesDep
from oracle.appeals import verdicts as verdict_appeals
from oracle.appeals.errors import NothingToAppeal, TooLate
from oracle.errors import Busy
from oracle.notices import wording
from storage.cases import appeals, reviews
from storage.cases.appeals import Appeal
from storage.database import Connection
from storage.errors import NotFound
from storage.works import analyses, works
from storage.works.analyses import Analysis
from storage.works.works import Work

PREVIEW_SIDE_PX = 640
DECODING_SLOTS = threading.BoundedSemaphore(2)
SLOT_TIMEOUT_S = 5.0
LINES_SHOWN = 60
Line = tuple[float, ...]  # x, y here and x, y there, relative to width and height

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/analyses/{analysis_id}", response_class=HTMLResponse)
def show_analysis(
    services: ServicesDep, caller: Reader, analysis_id: UUID, ground: str | None = None
) -> str:
    view = load_view(services.db, analysis_id, speaking_to(caller))
    with services.db.transaction() as conn:
        analysis = analyses.get(conn, analysis_id)
        appeal = appeals.find_of_analysis(conn, analysis_id)
        may_appeal = may_appeal_verdict(conn, caller, analysis, appeal)
        review = reviews.find_of_analysis(conn, analysis_id)
        if review and (review.status != "open" or caller.creator_id != review.creator_id):
            review = None  # it is told to its creator, while it can still help
    evidence = analysis.evidence
    matches = (
        {match["work"]["id"]: match for match in json.loads(evidence).get("matches", [])}
        if evidence
        else {}
    )
    duration_s = (view.work.duration_ms or 0) / 1000 if view.work else 0.0
    details = {id: match_details(match, duration_s) for id, match in matches.items()}
    alike = [near for near in view.neighbours if near.verified or near.similarity_bps > 0]
    shown: list[Neighbour] = sorted(
        alike, key=lambda n: n.work_id != (view.original and view.original.work_id)
    )
    return show(
        "analysis.html",
        caller,
        view=view,
        shown=shown,
        details=details,
        appeal=appeal if appeal and _may_see(caller, appeal) else None,
        may_appeal=may_appeal,
        ground=ground,
        review=review_view(review) if review and caller.creator_id is not None else None,
        base_bps=analysis.base_redirect_bps,
        grounds={name: wording.GROUNDS[name] for name in wording.ORIGINALITY_GROUNDS},
    )


def may_appeal_verdict(
    conn: Connection, caller: Caller, analysis: Analysis, last: Appeal | None
) -> bool:
    """Tell whether the caller's own work was judged so, and an appeal is possible now."""
    if (
        caller.creator_id is None
        or caller.creator_id != analysis.creator_id
        or (last and last.status == "open")
    ):
        return False
    try:
        verdict_appeals.check_appealable(conn, analysis, datetime.now(UTC))
    except (NothingToAppeal, TooLate):
        return False
    return True


@router.get("/analyses/{analysis_id}/lines/{work_id}")
def common_lines(services: ServicesDep, _: Reader, analysis_id: UUID, work_id: UUID) -> list[Line]:
    """Find key points that a picture and one it matches have in common, to be drawn on demand."""
    with services.db.transaction() as conn:
        analysis = analyses.get(conn, analysis_id)
        evidence = json.loads(analysis.evidence) if analysis.evidence else {}
        match = next(
            (m for m in evidence.get("matches", []) if m["work"]["id"] == str(work_id)), None
        )
        if match is None or analysis.work_id is None:
            raise NotFound(f"The analysis {analysis_id} names no match with {work_id}.")
        both = [unerased(works.get_work(conn, number)) for number in (analysis.work_id, work_id)]
    alignment = match_details(match, 0).alignment
    if not alignment or any(work.media_type != "image" for work in both):
        return []
    here, there = (
        _small(services, work, at)
        for work, at in zip(both, (0, match.get("frame_ms") or 0), strict=True)
    )
    found = common_points(
        np.asarray(here), np.asarray(there), np.array(alignment).reshape(3, 3), limit=LINES_SHOWN
    )
    return [tuple(round(value, 4) for value in line) for line in found.tolist()]


@router.get("/works/{work_id}/preview.jpg")
def preview(
    services: ServicesDep, _: Reader, work_id: UUID, at_ms: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """Render a small picture of a work, or of one moment of it, from its stored bytes."""
    with services.db.transaction() as conn:
        work = unerased(works.get_work(conn, work_id))
    image, drawn = _small(services, work, min(at_ms, work.duration_ms or 0)), BytesIO()
    image.save(drawn, "JPEG", quality=85)
    return Response(
        drawn.getvalue(), media_type="image/jpeg", headers={"Cache-Control": "max-age=86400"}
    )


@router.get("/works/{work_id}/media")
def media(
    services: ServicesDep,
    _: Reader,
    work_id: UUID,
    part: Annotated[str | None, Header(alias="Range")] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Stream the stored bytes of a work, to be played beside what it matches."""
    with services.db.transaction() as conn:
        work = unerased(works.get_work(conn, work_id))
    return stored_media(services.blobs, work, part, if_range)


def _small(services: Services, work: Work, at_ms: int) -> Image.Image:
    """Draw a work, or a moment of it, no larger than a preview. Raises: Busy, EmbeddingError."""
    with TemporaryDirectory(prefix="oracle-") as folder:
        source = Path(folder) / "media"
        services.blobs.fetch(work.blob_key, source)
        with _decoding_slot():
            image = services.handlers[work.media_type].preview(source, at_ms)
    image.thumbnail((PREVIEW_SIDE_PX, PREVIEW_SIDE_PX))
    return image.convert("RGB")


def _may_see(caller: Caller, appeal: Appeal) -> bool:
    """Tell whether the caller is a side of the appeal or a reviewer."""
    sides = (appeal.creator_id, appeal.other_creator_id)
    return caller.creator_id in sides if caller.creator_id is not None else caller.may("fraud")


@contextmanager
def _decoding_slot() -> Iterator[None]:
    """Reserve a slot for decoding: previews must not take the API's threads from uploads.

    Raises: Busy.
    """
    if not DECODING_SLOTS.acquire(timeout=SLOT_TIMEOUT_S):
        raise Busy
    try:
        yield
    finally:
        DECODING_SLOTS.release()
