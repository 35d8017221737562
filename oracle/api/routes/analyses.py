"""Analyses: verdict, evidence to the byte, receipt, and progress as events; works and erasure."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from oracle.api.access import Reader, Uploader, identity
from oracle.api.boundary import BoundedRoute
from oracle.api.parties import check_own_key
from oracle.api.schemas.analyses import (
    AnalysisView,
    ErasedView,
    PendingDecision,
    VerdictInForce,
    WorkView,
    analysis_view,
    changed_verdict,
    pending_decision,
    work_view,
)
from oracle.api.services import ServicesDep
from oracle.errors import NotAllowed
from oracle.originality.evidence import named_works
from storage.blobs import blob_key
from storage.cases import reviews, rulings
from storage.chain import outbox, receipts
from storage.database import Connection, Database
from storage.errors import NotFound
from storage.works import analyses, works
from storage.works.analyses import Analysis

log = structlog.get_logger()

EVENTS_MAX_S = 300.0
ENDED = ("final", "refused", None)
# A document whose bytes are hashed or signed: clients keep it as it comes.
DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object", "title": "Document"}}}}
}

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["analyses"])


def load_view(db: Database, analysis_id: UUID, say: Callable[[str], str] = str) -> AnalysisView:
    """Load an analysis with its work and attestation. Raises: NotFound, DatabaseUnavailable."""
    with db.transaction() as conn:
        analysis = analyses.get(conn, analysis_id)
        work = works.get_work(conn, analysis.work_id) if analysis.work_id else None
        attestation = outbox.find_attestation(conn, analysis_id)
        reanalysis = analyses.find_reanalysis(conn, analysis_id)
        verdicts, pending = load_verdicts(conn, analysis)
        review = reviews.find_of_analysis(conn, analysis_id)
        matched = works.get_works(conn, named_works(analysis))
    return analysis_view(
        analysis,
        work,
        attestation,
        reanalysis,
        matched=matched,
        review=review.id if review else None,
        verdicts=verdicts,
        pending=pending,
        say=say,
    )


def load_verdicts(
    conn: Connection, analysis: Analysis
) -> tuple[list[VerdictInForce], PendingDecision | None]:
    """Load what people decided about an analysis's post, and what they look into."""
    changes = rulings.changes(conn, analysis.post_id)
    views = [
        changed_verdict(change, rulings.get(conn, change.ruling_id) if change.ruling_id else None)
        for change in changes
    ]
    waiting = rulings.find_waiting(conn, analysis.post_id)
    return views, pending_decision(waiting) if waiting else None


@router.get(
    "/analyses/{analysis_id}", summary="Verdict, similarity, neighbours and the transaction"
)
def get_analysis(services: ServicesDep, _: Reader, analysis_id: UUID) -> AnalysisView:
    return load_view(services.db, analysis_id)


@router.get(
    "/analyses/{analysis_id}/evidence",
    responses=DOCUMENT,
    summary="The exact bytes that the hash on chain covers",
)
def get_evidence(services: ServicesDep, _: Reader, analysis_id: UUID) -> Response:
    with services.db.transaction() as conn:
        analysis = analyses.get(conn, analysis_id)
    if analysis.evidence is None or analysis.evidence_hash is None:
        raise NotFound(
            f"The analysis {analysis_id} is not decided yet; there is no evidence so far."
        )
    headers = {"ETag": f'"{analysis.evidence_hash.hex()}"'}
    return Response(bytes(analysis.evidence), media_type="application/json", headers=headers)


@router.get(
    "/analyses/{analysis_id}/receipt",
    responses=DOCUMENT,
    summary="Verdict and transaction as one signed document, once final",
)
def get_receipt(services: ServicesDep, _: Reader, analysis_id: UUID) -> Response:
    with services.db.transaction() as conn:
        analysis = analyses.get(conn, analysis_id)
        receipt = receipts.find(conn, analysis_id)
        verdicts, _pending = load_verdicts(conn, analysis)
    if receipt is None:
        raise NotFound(
            f"The decision {analysis_id} is not final on chain yet; its receipt is issued then."
        )
    # The document is signed and says what the oracle decided; what people made of it stands beside.
    in_force = verdicts[-1].verdict if verdicts else analysis.verdict
    headers = {"Verdict-In-Force": str(in_force), "Link": f'</v1/analyses/{analysis_id}>; rel="up"'}
    return Response(receipt, media_type="application/json", headers=headers)


def _may_follow(services: ServicesDep, request: Request, caller: Reader, analysis_id: UUID) -> str:
    """Return whose stream it is. Raises: NotFound, Busy."""
    with services.db.transaction() as conn:
        analyses.get(conn, analysis_id)
    whose = identity(caller, request)
    services.answers.check_room(whose)
    return whose


@router.get(
    "/analyses/{analysis_id}/events",
    response_class=EventSourceResponse,
    summary="Progress as server-sent events",
)
async def stream_events(
    services: ServicesDep, analysis_id: UUID, whose: Annotated[str, Depends(_may_follow)]
) -> AsyncIterator[ServerSentEvent]:
    # The dependency answers 404 or 503 before the stream begins. A stream ends after a while; the
    # client then opens the next.
    async with aclosing(services.answers.follow(analysis_id, whose, EVENTS_MAX_S)) as news:
        async for progress in news:
            data = {
                "status": progress.status,
                "stage": progress.stage,
                "done": progress.done,
                "total": progress.total,
                "verdict": progress.verdict,
                "attestation": progress.attestation,
            }
            yield ServerSentEvent(event="progress", data=data)
            if progress.ended and progress.attestation in ENDED:
                return


@router.delete(
    "/works/{work_id}", tags=["works"], summary="Erase a work: its media and its index entries"
)
def erase_work(services: ServicesDep, caller: Uploader, work_id: UUID) -> ErasedView:
    check_own_key(caller)
    with services.db.transaction() as conn:
        work = works.get_work(conn, work_id)
        if not caller.may("govern") and (
            caller.creator_id is None or caller.creator_id != work.creator_id
        ):
            raise NotAllowed(
                "A work is erased by its creator's own key, or by one with the scope 'govern'."
            )
        unshared = works.erase(conn, work_id)
        erased = works.get_work(conn, work_id)
        # with the sequence locked: otherwise an upload of the same bytes could lose them
        if unshared is not None:
            services.blobs.delete(blob_key(unshared))
    log.info(
        "work.erased", work_id=str(work_id), by=caller.name, media_deleted=unshared is not None
    )
    assert erased.erased_at is not None
    return ErasedView(
        work_id=work_id, erased_at=erased.erased_at, media_deleted=unshared is not None
    )


@router.get("/works/{work_id}", tags=["works"], summary="A registered work")
def get_work(services: ServicesDep, _: Reader, work_id: UUID) -> WorkView:
    with services.db.transaction() as conn:
        return work_view(works.get_work(conn, work_id))
