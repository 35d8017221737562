"""The first page, signing in and out, and the style sheet."""

from importlib import resources
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import COOKIE, caller_of
from oracle.api.pages.rendering import templates
from oracle.api.services import ServicesDep
from oracle.errors import KeyRequired

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
def home(services: ServicesDep) -> str:
    return templates.get_template("home.html").render(
        channels=services.channels, keyless=not services.settings.http.keys_required
    )


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in_form() -> str:
    return templates.get_template("sign_in.html").render(problem=None)


@router.post("/sign-in", response_class=HTMLResponse)
def sign_in(
    services: ServicesDep, request: Request, key: Annotated[str, Form(max_length=200)]
) -> Response:
    """Store a key in a cookie that scripts cannot read and other sites cannot use."""
    try:
        caller = caller_of(services, request, key)
    except KeyRequired as exc:
        page = templates.get_template("sign_in.html").render(problem=str(exc))
        return HTMLResponse(page, status_code=401)
    home = (
        f"/creators/{quote(caller.creator)}"
        if caller.creator
        else "/fraud_alerts"
        if caller.may("fraud")
        else "/"
    )
    answer = RedirectResponse(home, status_code=303)
    answer.set_cookie(
        COOKIE,
        key,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        max_age=12 * 3600,
    )
    return answer


@router.post("/sign-out")
def sign_out() -> Response:
    answer = RedirectResponse("/", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/style.css")
def style() -> Response:
    sheet = resources.files("oracle.api").joinpath("templates/style.css").read_text()
    return Response(sheet, media_type="text/css", headers={"Cache-Control": "max-age=3600"})
