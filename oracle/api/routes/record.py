"""The public record, for everybody: the hash-chained log, its heads on chain, evidence and receipts
by hash.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from oracle.api.access import Anyone
from oracle.api.boundary import BoundedRoute
from oracle.api.services import ServicesDep
from storage.chain import receipts
from storage.errors import NotFound
from storage.fraud import audit_log, public_record

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["record"])


@router.get("/record", summary="Head of the public record, and its heads on chain")
def get_record(services: ServicesDep, _: Anyone) -> dict[str, Any]:
    with services.db.transaction() as conn:
        seq, digest = audit_log.head(conn)
        anchors = public_record.list_anchors(conn, 30)
    return {
        "seq": seq,
        "hash": digest.hex(),
        "anchors": [
            {
                "day": one.day,
                "seq": one.seq,
                "hash": bytes(one.hash).hex(),
                "status": one.status,
                "transaction": "0x" + bytes(one.tx_hash).hex() if one.tx_hash else None,
            }
            for one in anchors
        ],
    }


@router.get("/record/steps", summary="Steps of the record; each hash is over the one before")
def list_steps(
    services: ServicesDep,
    _: Anyone,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """List steps. `hash` is SHA-256 over the 32 bytes of `previous_hash` and the bytes of `body`.

    The body of a step that names people is left out; its hash stays.
    """
    with services.db.transaction() as conn:
        steps = public_record.page(conn, after, limit)
    return {
        "steps": [
            {
                "seq": step.seq,
                "at": step.at,
                "step": step.step,
                "previous_hash": bytes(step.previous_hash).hex(),
                "hash": bytes(step.hash).hex(),
                "body": bytes(step.body).decode() if step.body is not None else None,
            }
            for step in steps
        ],
        "next": steps[-1].seq if len(steps) == limit else None,
    }


@router.get("/receipts/{evidence_hash}", summary="The receipt of a decision by its evidence hash")
def get_receipt_by_hash(services: ServicesDep, _: Anyone, evidence_hash: str) -> Response:
    with services.db.transaction() as conn:
        receipt = receipts.find_by_evidence(conn, _digest(evidence_hash))
    if receipt is None:
        raise _no_decision(evidence_hash)
    return Response(receipt, media_type="application/json")


@router.get("/evidence/{evidence_hash}", summary="The bytes of a final decision's evidence")
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
