"""The first page, signing in and out, and the reference of the API."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import COOKIE, Caller, Visitor, caller_of
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.services import ServicesDep
from oracle.errors import KeyRequired

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
def home(services: ServicesDep, caller: Visitor) -> str:
    off = any(
        not channel["on"] for of_kind in services.channels.values() for channel in of_kind.values()
    )
    return show("home.html", caller, keyless=not services.settings.http.keys_required, off=off)


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in_form(caller: Visitor, to: str = "/") -> str:
    return show("sign_in.html", caller, problem=None, to=_local(to))


@router.post("/sign-in", response_class=HTMLResponse)
def sign_in(
    services: ServicesDep,
    request: Request,
    key: Annotated[str, Form(max_length=200)],
    to: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Store a key in a cookie that scripts cannot read and other sites cannot use."""
    try:
        caller = caller_of(services, request, key)
    except KeyRequired as exc:
        page = show("sign_in.html", None, problem=str(exc), to=_local(to))
        return HTMLResponse(page, status_code=401)
    to = _local(to)
    answer = RedirectResponse(_first_page(caller) if to == "/" else to, status_code=303)
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


@router.get("/docs", response_class=HTMLResponse)
def docs() -> str:
    return show("docs.html", None)


def _first_page(caller: Caller) -> str:
    if caller.creator:
        return f"/creators/{quote(caller.creator)}"
    return "/fraud_alerts" if caller.may("fraud") else "/"


def _local(path: str) -> str:
    """A page of ours to go on to; a path that leads elsewhere becomes the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
