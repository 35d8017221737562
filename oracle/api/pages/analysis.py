"""The page of an analysis, with previews and media of works; its figures are the API's own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from oracle.api.access import Caller, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.match_drawings import match_details
from oracle.api.pages.rendering import show
from oracle.api.parties import unerased
from oracle.api.ranges import stored_media
from oracle.api.routes.analyses import load_view
from oracle.api.schemas.analyses import Neighbour
from oracle.api.services import ServicesDep
from oracle.appeals import verdicts as verdict_appeals
from oracle.appeals.errors import NothingToAppeal, TooLate
from oracle.errors import Busy
from oracle.notices import wording
from storage.cases import appeals
from storage.cases.appeals import Appeal
from storage.database import Connection
from storage.works import analyses, works
from storage.works.analyses import Analysis

PREVIEW_SIDE_PX = 640
DECODING_SLOTS = threading.BoundedSemaphore(2)
SLOT_TIMEOUT_S = 5.0

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/analyses/{analysis_id}", response_class=HTMLResponse)
def show_analysis(services: ServicesDep, caller: Reader, analysis_id: UUID) -> str:
    view = load_view(services.db, analysis_id)
    with services.db.transaction() as conn:
        analysis = analyses.get(conn, analysis_id)
        appeal = appeals.find_of_analysis(conn, analysis_id)
        may_appeal = _may_appeal(conn, caller, analysis, appeal)
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
        grounds={name: wording.GROUNDS[name] for name in wording.ORIGINALITY_GROUNDS},
    )


@router.get("/works/{work_id}/preview.jpg")
def preview(
    services: ServicesDep, _: Reader, work_id: UUID, at_ms: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """Render a small picture of a work, or of one moment of it, from its stored bytes."""
    with services.db.transaction() as conn:
        work = unerased(works.get_work(conn, work_id))
    with TemporaryDirectory(prefix="oracle-") as folder:
        source, small = Path(folder) / "media", Path(folder) / "preview.jpg"
        services.blobs.fetch(work.blob_key, source)
        with _decoding_slot():
            image = services.handlers[work.media_type].preview(
                source, min(at_ms, work.duration_ms or 0)
            )
        image.thumbnail((PREVIEW_SIDE_PX, PREVIEW_SIDE_PX))
        image.save(small, quality=85)
        return Response(
            small.read_bytes(), media_type="image/jpeg", headers={"Cache-Control": "max-age=86400"}
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


def _may_see(caller: Caller, appeal: Appeal) -> bool:
    """Tell whether the caller is a side of the appeal or a reviewer."""
    sides = (appeal.creator_id, appeal.other_creator_id)
    return caller.creator_id in sides if caller.creator_id is not None else caller.may("fraud")


def _may_appeal(conn: Connection, caller: Caller, analysis: Analysis, last: Appeal | None) -> bool:
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
