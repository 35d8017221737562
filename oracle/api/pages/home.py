"""The first page, signing in and out, and the reference of the API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import (
    COOKIE,
    Anyone,
    Caller,
    Visitor,
    caller_of,
    operator_hash,
    require_same_site,
)
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.demo import is_filling, may_fill
from oracle.api.pages.rendering import show
from oracle.api.routes.names import check_may_sign_in
from oracle.api.services import ServicesDep
from oracle.demo import platform
from oracle.errors import KeyRequired
from storage import sessions
from storage.works import creators, vouchers

LASTS = timedelta(hours=12)

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)
Link = Annotated[str, Path(max_length=200)]


@router.get("/", response_class=HTMLResponse)
def home(services: ServicesDep, caller: Visitor) -> str:
    off = any(
        not channel["on"] for of_kind in services.channels.values() for channel in of_kind.values()
    )
    keyless = not services.settings.http.keys_required
    with services.db.transaction() as conn:
        sample = keyless and platform.stands_here(conn, datetime.now(UTC))
    return show(
        "home.html",
        caller,
        keyless=keyless,
        sample=sample,
        off=off,
        empty=may_fill(services, caller),
        filling=is_filling(),
    )


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in_form(services: ServicesDep, caller: Visitor, to: str = "/") -> str:
    oidc = services.settings.oidc.issuer is not None
    return show("sign_in.html", caller, problem=None, to=_local(to), oidc=oidc)


@router.post("/sign-in", response_class=HTMLResponse)
def sign_in(
    services: ServicesDep,
    request: Request,
    _: Anyone,
    key: Annotated[str, Form(max_length=200)],
    to: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Start a session of the key's holder; the key itself is not kept in the browser."""
    require_same_site(request)
    to = _local(to)
    try:
        if key.startswith((sessions.PREFIX, sessions.LINK_PREFIX)):
            raise KeyRequired("That is no key.")
        caller = caller_of(services, request, key)
    except KeyRequired as exc:
        oidc = services.settings.oidc.issuer is not None
        page = show("sign_in.html", None, problem=str(exc), to=to, oidc=oidc)
        return HTMLResponse(page, status_code=401)
    operator = None if caller.key_id else operator_hash(services.settings.http)
    with services.db.transaction() as conn:
        secret = sessions.start(
            conn, datetime.now(UTC), LASTS, key_id=caller.key_id, operator=operator
        )
    to = _first_page(caller) if to == "/" else to
    return signed_in(RedirectResponse(to, status_code=303), request, secret)


@router.get("/sign-in/{link}", response_class=HTMLResponse)
def link_form(caller: Visitor, link: Link) -> str:
    """Ask for a click: programs that look at links before people do must not use them up."""
    return show("sign_in_link.html", caller, link=link)


@router.post("/sign-in/{link}")
def use_link(services: ServicesDep, request: Request, _: Anyone, link: Link) -> Response:
    require_same_site(request)
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        found = sessions.use_link(conn, link, now)
        if found is None:
            raise KeyRequired("The link was used, or is older than five minutes. Ask for another.")
        key = Caller(found.key_name, frozenset(), key_id=found.key_id, namespace=found.namespace)
        check_may_sign_in(conn, key.poster, found.creator_id)
        # What the creator posts now is posted by another than the platform, which stays theirs.
        vouchers.add(conn, found.creator_id, key.poster)
        secret = sessions.start(conn, now, LASTS, key_id=found.key_id, creator_id=found.creator_id)
        handle = creators.get_creator(conn, found.creator_id).handle
    answer = RedirectResponse(f"/creators/{quote(handle)}", status_code=303)
    return signed_in(answer, request, secret)


@router.post("/sign-out")
def sign_out(services: ServicesDep, request: Request, _: Anyone) -> Response:
    if secret := request.cookies.get(COOKIE):
        with services.db.transaction() as conn:
            sessions.end(conn, secret)
    answer = RedirectResponse("/", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


def signed_in(answer: Response, request: Request, secret: str) -> Response:
    """Put a session into a cookie that scripts cannot read and other sites cannot use."""
    answer.set_cookie(
        COOKIE,
        secret,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        max_age=int(LASTS.total_seconds()),
    )
    return answer


@router.get("/guides", response_class=HTMLResponse)
def guides(caller: Visitor) -> str:
    return show("guides.html", caller)


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
