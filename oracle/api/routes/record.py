"""The public record, for everybody: the hash-chained log, its heads on chain, evidence and receipts
by hash.
"""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from oracle.api.access import Anyone
from oracle.api.boundary import BoundedRoute
from oracle.api.routes.analyses import DOCUMENT
from oracle.api.services import ServicesDep
from storage.chain import receipts
from storage.errors import NotFound
from storage.fraud import audit_log, public_record

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["record"])


class AnchorView(BaseModel):
    """A head of the record that was written on chain."""

    day: date
    seq: int
    hash: str
    status: str
    transaction: str | None


class RecordView(BaseModel):
    """The head of the record, and its newest heads on chain."""

    seq: int
    hash: str
    anchors: list[AnchorView]


class StepView(BaseModel):
    """A step of the record.

    `hash` is SHA-256 over the 32 bytes of `previous_hash` and the bytes of `body`.
    """

    seq: int
    at: datetime
    step: str
    previous_hash: str
    hash: str
    body: str | None = Field(description="Null where it names people; its hash stays.")


class StepPage(BaseModel):
    """Steps of the record, the oldest first."""

    steps: list[StepView]
    next_cursor: int | None = Field(description="Send it as `cursor` to go on; null at the end.")


@router.get("/record", summary="Head of the public record, and its heads on chain")
def get_record(services: ServicesDep, _: Anyone) -> RecordView:
    with services.db.transaction() as conn:
        seq, digest = audit_log.head(conn)
        anchors = public_record.list_anchors(conn, 30)
    return RecordView(
        seq=seq,
        hash=digest.hex(),
        anchors=[
            AnchorView(
                day=anchor.day,
                seq=anchor.seq,
                hash=bytes(anchor.hash).hex(),
                status=anchor.status,
                transaction="0x" + bytes(anchor.tx_hash).hex() if anchor.tx_hash else None,
            )
            for anchor in anchors
        ],
    )


@router.get("/record/steps", summary="Steps of the record; each hash is over the one before")
def list_steps(
    services: ServicesDep,
    _: Anyone,
    cursor: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> StepPage:
    with services.db.transaction() as conn:
        steps = public_record.page(conn, cursor, limit)
    return StepPage(
        steps=[
            StepView(
                seq=step.seq,
                at=step.at,
                step=step.step,
                previous_hash=bytes(step.previous_hash).hex(),
                hash=bytes(step.hash).hex(),
                body=bytes(step.body).decode() if step.body is not None else None,
            )
            for step in steps
        ],
        next_cursor=steps[-1].seq if len(steps) == limit else None,
    )


@router.get(
    "/receipts/{evidence_hash}",
    responses=DOCUMENT,
    summary="The receipt of a decision by its evidence hash",
)
def get_receipt_by_hash(services: ServicesDep, _: Anyone, evidence_hash: str) -> Response:
    with services.db.transaction() as conn:
        receipt = receipts.find_by_evidence(conn, _digest(evidence_hash))
    if receipt is None:
        raise _no_decision(evidence_hash)
    return Response(receipt, media_type="application/json")


@router.get(
    "/evidence/{evidence_hash}",
    responses=DOCUMENT,
    summary="The bytes of a final decision's evidence",
)
def get_evidence_by_hash(services: ServicesDep, _: Anyone, evidence_hash: str) -> Response:
    """The bytes whose SHA-256 is on chain. They name nobody; works and creators are numbers."""
    with services.db.transaction() as conn:
        evidence = receipts.find_evidence(conn, _digest(evidence_hash))
    if evidence is None:
        raise _no_decision(evidence_hash)
    return Response(evidence, media_type="application/json")


def _digest(evidence_hash: str) -> bytes:
    """The 32 bytes of a hash as hex. Raises: NotFound."""
    try:
        digest = bytes.fromhex(evidence_hash.removeprefix("0x"))
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise _no_decision(evidence_hash)
    return digest


def _no_decision(evidence_hash: str) -> NotFound:
    return NotFound(f"There is no final decision with the evidence {evidence_hash}.")
