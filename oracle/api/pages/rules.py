"""Pages of the rules that the platform sets itself: of grades, and of the detectors."""

import json
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from oracle.api.access import Caller, Governor
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.routes import fraud, grading
from oracle.api.routes.grading import NewRules, Rules
from oracle.api.schemas.fraud import DryRunRequest, ThresholdsRequest
from oracle.api.services import Services, ServicesDep
from oracle.errors import OracleError

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

M = TypeVar("M", bound=BaseModel)
Kind = Literal["grades", "detectors"]
Document = Annotated[str, Form(max_length=50_000)]
Note = Annotated[str, Form(min_length=1, max_length=500)]
Moment = Annotated[str, Form(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d$")]


class InvalidRules(OracleError):
    """These are no rules; nothing was changed."""

    code = "invalid_rules"


@router.get("/rules/{kind}", response_class=HTMLResponse)
def rules_page(services: ServicesDep, caller: Governor, kind: Kind) -> str:
    return _page(services, caller, kind, None, None)


@router.post("/rules/{kind}/dry-run", response_class=HTMLResponse)
def dry_run_form(services: ServicesDep, caller: Governor, kind: Kind, document: Document) -> str:
    if kind == "grades":
        graded = grading.try_rules(services, caller, _read(Rules, document, note="a dry run"))
        result = graded.model_dump(mode="json")
    else:
        tried = fraud.try_thresholds(services, caller, _read(DryRunRequest, document))
        result = tried.model_dump(mode="json")
    return _page(services, caller, kind, document, result)


@router.post("/rules/{kind}")
def adopt_form(
    services: ServicesDep,
    caller: Governor,
    kind: Kind,
    document: Document,
    note: Note,
    effective_from: Moment,
) -> RedirectResponse:
    more = {"note": note, "effective_from": f"{effective_from}:00Z"}
    if kind == "grades":
        grading.add_rules(services, caller, _read(NewRules, document, **more))
    else:
        fraud.put_thresholds(services, caller, _read(ThresholdsRequest, document, **more))
    return RedirectResponse(f"/rules/{kind}", status_code=303)


def _page(
    services: Services,
    caller: Caller,
    kind: Kind,
    document: str | None,
    result: dict[str, Any] | None,
) -> str:
    if document is None:
        document = _current(services, caller, kind)
    return show("rules.html", caller, kind=kind, document=document, result=result)


def _current(services: Services, caller: Caller, kind: Kind) -> str:
    if kind == "grades":
        newest = grading.list_rules(services, caller)[0]
        fields = set(Rules.model_fields) - {"note"}
        return newest.model_dump_json(include=fields, indent=1)
    limits = fraud.get_thresholds(services, caller)
    return limits.model_dump_json(include={"limits"}, indent=1)


def _read(model: type[M], document: str, **more: str) -> M:
    """Raises: InvalidRules."""
    try:
        return model.model_validate({**json.loads(document), **more})
    except (ValueError, TypeError, RecursionError) as exc:  # a ValidationError is a ValueError
        raise InvalidRules(f"Nothing was changed. {exc}") from exc
