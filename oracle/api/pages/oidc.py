"""Signing in by the platform's OpenID provider."""

import hmac
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Anyone, Caller
from oracle.api.boundary import BoundedRoute
from oracle.api.oidc import Flow, Provider
from oracle.api.pages.home import LASTS, signed_in
from oracle.api.pages.rendering import show
from oracle.api.routes.names import check_may_sign_in
from oracle.api.services import Services, ServicesDep
from oracle.errors import ConfigurationError, KeyRequired
from oracle.originality.naming import find_creator
from storage import api_keys, sessions
from storage.errors import NotFound
from storage.works import creators, vouchers

FLOW_COOKIE, FLOW_S = "oracle_oidc", 600

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/oidc/begin")
def begin(services: ServicesDep, request: Request, _: Anyone) -> Response:
    """Send the browser to the provider; what its answer must match stays in a cookie."""
    flow = Flow.begin()
    answer = RedirectResponse(_provider(services, request).authorization_url(flow), 303)
    answer.set_cookie(
        FLOW_COOKIE,
        f"{flow.state}.{flow.nonce}.{flow.verifier}",
        httponly=True,
        samesite="lax",  # the provider sends the browser back from its own site
        secure=request.url.scheme == "https",
        max_age=FLOW_S,
        path="/oidc",
    )
    return answer


@router.get("/oidc/callback", response_class=HTMLResponse)
def callback(services: ServicesDep, request: Request, _: Anyone) -> Response:
    """Start the session of the creator whom the provider names, by the platform's key.

    The answer is a page that goes on and no redirect: a browser sends no strict cookie along
    redirects that another site began.
    """
    parts = request.cookies.get(FLOW_COOKIE, "").split(".")
    given = request.query_params
    ours = len(parts) == 3 and all(parts) and hmac.compare_digest(parts[0], given.get("state", ""))
    if not ours:
        raise KeyRequired("The sign-in took too long, or began in another browser. Begin again.")
    if not given.get("code"):
        raise KeyRequired("The provider did not sign you in. Begin again.")
    name = _provider(services, request).creator(str(request.url), Flow(*parts))
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        key = api_keys.find_named(conn, services.settings.oidc.key or "")
        if key is None or "platform" not in key.scopes or key.creator_id is not None:
            raise ConfigurationError("ORACLE_OIDC__KEY names no platform's key that is in use.")
        creator_id = find_creator(conn, name)
        if creator_id is None:
            raise NotFound(f"There is no creator {name} yet; who has posted is one.")
        platform = Caller(key.name, frozenset(), key_id=key.id, namespace=key.namespace)
        check_may_sign_in(conn, platform.poster, creator_id)
        vouchers.add(conn, creator_id, platform.poster)
        secret = sessions.start(conn, now, LASTS, key_id=key.id, creator_id=creator_id)
        handle = creators.get_creator(conn, creator_id).handle
    page = show("signed_in.html", None, to=f"/creators/{quote(handle)}")
    answer = signed_in(HTMLResponse(page), request, secret)
    answer.delete_cookie(FLOW_COOKIE, path="/oidc")
    return answer


def _provider(services: Services, request: Request) -> Provider:
    oidc = services.settings.oidc
    if oidc.issuer is None:
        raise NotFound("This oracle knows no OpenID provider; sign in with a key.")
    base = oidc.base_url or str(request.base_url)
    return Provider(oidc, f"{base.rstrip('/')}/oidc/callback")
