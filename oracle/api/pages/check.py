"""Before you post: what would be decided, and what would change it."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import HTMLResponse

from oracle.api.access import Uploader, Visitor
from oracle.api.boundary import BoundedRoute, takes
from oracle.api.pages.match_drawings import clock
from oracle.api.pages.rendering import show, speaking_to
from oracle.api.routes import uploads
from oracle.api.schemas.analyses import CheckView, Neighbour, check_view
from oracle.api.services import ServicesDep
from oracle.notices import wording

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/check", response_class=HTMLResponse)
def check_form(caller: Visitor) -> str:
    return show("check.html", caller, result=None, advice=())


@router.post("/check", response_class=HTMLResponse)
@takes(file=None, checks=True)
def check(
    services: ServicesDep,
    caller: Uploader,
    file: Annotated[UploadFile, File()],
    creator: Annotated[str | None, Form(max_length=256)] = None,
) -> str:
    result = check_view(uploads.judge(services, caller, file, creator), speaking_to(caller))
    return show("check.html", caller, result=result, advice=_advice(result))


def _advice(result: CheckView) -> list[str]:
    """What the creator can do about a verdict that costs something; empty where none does."""
    if result.verdict == "undecided":
        return [f"It would help to have {wording.would_help(result.reason, result.media_type)}."]
    if result.verdict not in ("derivative", "self_duplicate"):
        return []
    match = result.original
    if match is None:
        return []
    lines = [_without(match, result.media_type)]
    if result.verdict == "derivative":
        whose = match.creator or "its creator"
        lines.append(
            f"If {whose} licenses it to you, nothing is redirected. A licence of before counts,"
            " too: post it, then appeal with the licence."
        )
    return lines


def _without(match: Neighbour, media_type: str) -> str:
    if match.segments:
        stretches = ", ".join(
            f"{clock(part.query_start_s)} to {clock(part.query_end_s)}" for part in match.segments
        )
        return (
            f"Without what it shares with the earlier work ({stretches}) it would be no copy of"
            " that one."
        )
    share = round(100 * match.query_coverage)
    return (
        f"{share} % of this {media_type} is in the earlier one. Without that part it would be no"
        " copy of that one."
    )
