"""The report behind a post's standing on chain, and having it written down there."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from oracle.api.access import Reader, Uploader
from oracle.api.boundary import BoundedRoute
from oracle.api.services import Services, ServicesDep
from oracle.chain.sender import shows
from oracle.chain.sender.shows import Showable
from storage.chain.calls import Call
from storage.works import analyses

router = APIRouter(route_class=BoundedRoute, prefix="/v1/analyses/{analysis_id}", tags=["analyses"])


class ReportView(BaseModel):
    """A report, and the transaction by which any account shows it."""

    report: dict[str, Any] = Field(description="Every field that was signed, bytes as 0x-hex.")
    shown: bool = Field(
        description="Whether the contract knows the content; it needs no more then."
    )
    to: str = Field(description="The PostRegistry.")
    data: str = Field(description="The call `show(report)`, for whoever sends it.")
    asked: str | None = Field(
        description="Where the oracle's own transaction is: wanted, sent, included, final or"
        " reverted. None where nobody has asked it."
    )
    error: str | None


@router.get("/report", summary="The report behind the post's standing on chain, to show it there")
def get_report(services: ServicesDep, _: Reader, analysis_id: UUID) -> ReportView:
    found = _look(services, analysis_id)
    with services.db.transaction() as conn:
        return _view(services, found, shows.find_call(conn, found.report))


# Whoever may upload may have us pay for an attestation, too, which costs more.
@router.post("/report", status_code=202, summary="Have the oracle show that report on chain")
def show_report(services: ServicesDep, _: Uploader, analysis_id: UUID) -> ReportView:
    found = _look(services, analysis_id)
    with services.db.transaction() as conn:
        if not found.shown:
            shows.want(conn, found.report)
        return _view(services, found, shows.find_call(conn, found.report))


def _look(services: Services, analysis_id: UUID) -> Showable:
    with services.db.transaction() as conn:
        analysis = analyses.get(conn, analysis_id)
    return shows.look(services.db, services.chain(), analysis.post_id)


def _view(services: Services, found: Showable, call: Call | None) -> ReportView:
    return ReportView(
        report=found.report.to_dict(),
        shown=found.shown,
        to=services.chain().deployment.post_registry,
        data="0x" + found.call.data.hex(),
        asked=call.status if call else None,
        error=call.error_detail if call else None,
    )
