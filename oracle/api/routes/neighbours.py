"""Neighbours of a work: earlier works it was compared with, and later works similar to it."""

import json
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from embeddings.sniff import MediaType
from oracle.api.access import ANONYMOUS, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.parties import unerased
from oracle.api.schemas.analyses import Neighbour, neighbour
from oracle.api.services import ServicesDep
from storage.works import analyses, neighbours, works
from storage.works.neighbours import LaterWork

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["works"])


class LaterNeighbour(BaseModel):
    """A later work whose newest verdict names this one as the nearest."""

    work_id: UUID
    analysis_id: UUID
    post_id: str
    media_type: MediaType
    creator: str | None
    registered_at: datetime
    verdict: Literal["original", "derivative", "self_duplicate", "licensed", "undecided"]
    similarity: float = Field(ge=0, le=1)
    similarity_bps: int


class NeighboursView(BaseModel):
    """The neighbours of a work, from stored verdicts; nothing is searched anew."""

    work_id: UUID
    analysis_id: UUID | None = Field(
        description="The analysis that the earlier ones are from; null before a verdict."
    )
    earlier: list[Neighbour] = Field(
        description="Earlier works that it was compared with, the most similar first."
    )
    later: list[LaterNeighbour] = Field(
        description="Later works that came near it, the newest first. None without a key; with a"
        " creator's key those that came near a work of theirs, or are theirs."
    )
    next_cursor: str | None = Field(
        description="Send it as `cursor` for more later works; null at the end."
    )


@router.get(
    "/works/{work_id}/neighbours",
    summary="Earlier works that are near a work, and later ones that came near it",
)
def get_neighbours(
    services: ServicesDep,
    caller: Reader,
    work_id: UUID,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> NeighboursView:
    with services.db.transaction() as conn:
        unerased(works.get_work(conn, work_id))
        before = read_cursor(cursor, UUID)
        # One id would reveal everyone accused of copying it, so later works take a key, of the
        # platform or of a side.
        later_works = (
            neighbours.later_works(
                conn, work_id, before=before, limit=limit + 1, creator_id=caller.creator_id
            )
            if caller.name != ANONYMOUS
            else []
        )
        newest = neighbours.newest_analysis(conn, work_id)
        evidence = analyses.get(conn, newest).evidence if newest else None
        matches = json.loads(evidence)["matches"] if evidence else []
        known = works.get_works(conn, [UUID(match["work"]["id"]) for match in matches])
        settled = neighbours.settled_apart(conn, work_id)
    last = later_works[limit - 1] if len(later_works) > limit else None
    return NeighboursView(
        work_id=work_id,
        analysis_id=newest,
        earlier=[
            match
            for match in (neighbour(match, known) for match in matches)
            if known[match.work_id].erased_at is None and match.work_id not in settled
        ],
        later=[_later(match) for match in later_works[:limit]],
        next_cursor=write_cursor(last.registered_at, last.work_id) if last else None,
    )


def _later(work: LaterWork) -> LaterNeighbour:
    return LaterNeighbour(
        work_id=work.work_id,
        analysis_id=work.analysis_id,
        post_id="0x" + bytes(work.post_id).hex(),
        media_type=work.media_type,  # type: ignore[arg-type]
        creator=work.creator,
        registered_at=work.registered_at,
        verdict=work.verdict,  # type: ignore[arg-type]
        similarity=work.similarity_bps / 10_000,
        similarity_bps=work.similarity_bps,
    )
