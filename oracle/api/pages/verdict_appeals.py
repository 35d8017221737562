"""Forms of appeals against verdicts: filing one, and deciding it."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import RedirectResponse

from oracle.api.access import FraudOfficer, Reader
from oracle.api.boundary import BoundedRoute, takes
from oracle.api.parties import actor_of, own_creator
from oracle.api.routes.appeals import attach_and_redirect, check_size, decide
from oracle.api.schemas.appeals import Decision
from oracle.api.services import ServicesDep
from oracle.appeals import verdicts as verdict_appeals
from oracle.appeals.attachments import MAX_BYTES

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.post("/analyses/{analysis_id}/appeal")
@takes(file=MAX_BYTES)
def appeal_form(
    services: ServicesDep,
    caller: Reader,
    analysis_id: UUID,
    ground: Annotated[str, Form()],
    statement: Annotated[str, Form(min_length=1, max_length=10_000)],
    file: Annotated[UploadFile | None, File()] = None,
) -> RedirectResponse:
    check_size(file)
    with services.db.transaction() as conn:
        number = verdict_appeals.appeal_verdict(
            conn,
            analysis_id,
            creator_id=own_creator(caller, None),
            actor=actor_of(caller),
            ground=ground,
            statement=statement,
            now=datetime.now(UTC),
        )
    return attach_and_redirect(services, caller, number, file)


@router.post("/appeals/{appeal_id}/decide")
def decide_form(
    services: ServicesDep,
    caller: FraudOfficer,
    appeal_id: UUID,
    outcome: Annotated[Literal["granted", "refused"], Form()],
    convinced: Annotated[str, Form(min_length=10, max_length=4000)],
    similarity: Annotated[str, Form(pattern=r"^(100|[0-9]{1,2}(\.[0-9]{1,2})?)?$")] = "",
    bad_faith: Annotated[bool, Form()] = False,
) -> RedirectResponse:
    decision = Decision(
        outcome=outcome,
        convinced=convinced,
        similarity_bps=round(float(similarity) * 100) if similarity else None,
        bad_faith=bad_faith,
    )
    decide(services, caller, appeal_id, decision)
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)
