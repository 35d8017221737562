"""Access: who the caller is, what it may do, and how often; API keys with scopes."""

import hmac
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool

from oracle.api.languages import negotiate
from oracle.api.services import Services, get_services
from oracle.errors import KeyRequired, NotAllowed, TooManyRequests
from oracle.originality.admission import Poster
from oracle.rules.admission import Limits
from oracle.settings import HttpSettings, QueueSettings
from storage import api_keys, sessions, usage

Scope = Literal["upload", "read", "platform", "history", "fraud", "catalogue", "govern", "admin"]
SCOPES: tuple[Scope, ...] = (
    "upload",
    "read",
    "platform",
    "history",
    "fraud",
    "catalogue",
    "govern",
    "admin",
)
# What callers without a key may do as long as no keys are required. The rest always takes a key.
KEYLESS_SCOPES: frozenset[str] = frozenset({"upload", "read"})
COOKIE = "oracle_session"
ANONYMOUS = "anonymous"  # a caller without a key
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_bearer = HTTPBearer(auto_error=False, description="An API key, or the operator's token.")
_limiter = MovingWindowRateLimiter(MemoryStorage())


@dataclass(frozen=True)
class Caller:
    """The caller of a request.

    Attributes:
        name: The actor in audit logs.
        creator: Handle of the one creator the caller acts for, or None.
        namespace: Where the caller's posts on chain have their names (32 or 20 bytes), or None.
        by_link: Whether a platform signed the creator in, whose own key it is not.
        language: What pages are written in: as the creator chose, else as the browser asks.
        time_zone: As the creator chose.
    """

    name: str
    scopes: frozenset[str]
    creator: str | None = None
    creator_id: int | None = None
    key_id: int | None = None
    namespace: bytes | None = None
    by_link: bool = False
    language: str | None = None
    time_zone: str | None = None

    @property
    def poster(self) -> str:
        """Return who posts, for ids that are the poster's own; it outlives the key."""
        if self.namespace is not None:
            return f"platform:0x{self.namespace.hex()}"
        if self.creator_id is not None:
            return f"creator:{self.creator_id}"
        return f"key:{self.name}" if self.key_id is not None else self.name

    @property
    def signed_in(self) -> bool:
        """Return whether it is somebody: the holder of a key, or the operator."""
        return self.name != ANONYMOUS

    def poster_within(self, queue: QueueSettings) -> Poster:
        """Return the poster, and what it may post where its key says nothing else."""
        return Poster(self.poster, self.key_id, Limits(**queue.model_dump()))

    @property
    def is_platform(self) -> bool:
        """Return whether it speaks for a platform: a key of no creator, or the operator."""
        return self.creator_id is None and (self.key_id is not None or self.may("admin"))

    def may(self, scope: Scope) -> bool:
        """Tell whether the caller has that scope; admin has every one."""
        return scope in self.scopes or "admin" in self.scopes

    def may_see(self, creator_id: int | None) -> bool:
        """Tell whether the caller may see what belongs to a creator."""
        return self.creator_id is None or self.creator_id == creator_id

    def idempotency(self, key: str | None) -> str | None:
        """Return a client's idempotency key, prefixed so that clients do not share keys."""
        if key is None:
            return None
        whose = self.name if self.key_id is None else str(self.key_id)
        # A platform's key signs many creators in; none of them gets another one's answer.
        return f"{whose}/{key}" if self.creator_id is None else f"{whose}:{self.creator_id}/{key}"


class Guard:
    """A dependency: the caller, who was admitted before the body was read (`BoundedRoute`).

    Args: scope: what it takes; None lets everybody in, whatever is required elsewhere.
    """

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    async def __call__(
        self, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        caller: Caller = request.state.caller
        return caller


class Visit(Guard):
    """Who looks at a page for everybody: a key that is no longer known is nobody's."""


async def admit(request: Request, guards: Sequence[Guard]) -> Caller:
    """Return the caller if it may use a route with these guards.

    Raises: KeyRequired (401) without a valid key, NotAllowed (403), TooManyRequests (429),
        DatabaseUnavailable.
    """
    services = get_services(request)
    scopes = [guard.scope for guard in guards if guard.scope is not None]
    visits = any(isinstance(guard, Visit) for guard in guards)
    bearer = await _bearer(request) if scopes else None
    cookie = request.cookies.get(COOKIE) if scopes or visits else None
    secret = bearer.credentials if bearer else cookie
    try:
        caller = await run_in_threadpool(caller_of, services, request, secret)
    except KeyRequired:
        if scopes or not visits:
            raise
        caller = await run_in_threadpool(caller_of, services, request, None)
    if caller.language is None:
        accept = request.headers.get("accept-language", "")
        caller = replace(caller, language=negotiate(accept))
    request.state.caller = caller
    if bearer is None and secret is not None and request.method not in SAFE_METHODS:
        require_same_site(request)
    for scope in scopes:
        if not caller.may(scope):
            if secret is None:
                raise KeyRequired
            raise NotAllowed(f"The key {caller.name!r} lacks the scope {scope!r}.")
    return caller


def caller_of(services: Services, request: Request, secret: str | None) -> Caller:
    """Return the caller with this secret, within its rate limit.

    Raises: KeyRequired, TooManyRequests.
    """
    try:
        caller, per_minute = _caller(services, secret)
    except KeyRequired:
        # Guessing keys is limited too.
        _check_rate(
            services, Caller("stranger", frozenset()), services.settings.http.per_minute, request
        )
        raise
    _check_rate(services, caller, per_minute, request)
    return caller


def require_same_site(request: Request) -> None:
    """Check that a request with our cookie comes from our own pages: browsers send it from any.

    Raises: NotAllowed.
    """
    said, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if said is not None:  # the browser compared what it asked for; a proxy may have changed Host
        ours = said in ("same-origin", "none")
    else:
        ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not ours:
        raise NotAllowed("The request came from another site.")


def _caller(services: Services, secret: str | None) -> tuple[Caller, int]:
    settings = services.settings.http
    if secret is None:
        scopes = frozenset() if settings.keys_required else KEYLESS_SCOPES
        return Caller(ANONYMOUS, scopes), settings.per_minute
    token = settings.admin_token
    if token is not None and hmac.compare_digest(
        secret.encode(), token.get_secret_value().encode()
    ):
        return Caller("operator", frozenset({"admin"})), settings.per_minute
    if secret.startswith(sessions.PREFIX):
        return _session_caller(services, secret)
    with services.db.transaction() as conn:
        key = api_keys.find(conn, secret)
    if key is None:
        raise KeyRequired("That key is unknown or was revoked.")
    return Caller(
        key.name,
        frozenset(key.scopes),
        creator=key.creator,
        creator_id=key.creator_id,
        key_id=key.id,
        namespace=key.namespace,
        language=key.language,
        time_zone=key.time_zone,
    ), key.per_minute


def identity(caller: Caller, request: Request) -> str:
    """Return whose share a request takes: its key's, or without one its address's."""
    if caller.key_id is not None:
        return caller.name
    return f"{caller.name} {request.client.host if request.client else ''}"


def _session_caller(services: Services, secret: str) -> tuple[Caller, int]:
    """Return the caller of a browser's session; it ends with the key or token that began it."""
    settings = services.settings.http
    with services.db.transaction() as conn:
        session = sessions.find(conn, secret, datetime.now(UTC))
    if session is None or session.operator not in (None, operator_hash(settings)):
        raise KeyRequired("Your session has ended. Sign in again.")
    return Caller(
        session.name,
        frozenset(session.scopes),
        session.creator,
        session.creator_id,
        session.key_id,
        session.namespace,
        session.by_link,
        session.language,
        session.time_zone,
    ), session.per_minute or settings.per_minute


def operator_hash(settings: HttpSettings) -> bytes | None:
    """Return what is stored of the operator's token, None where there is none."""
    token = settings.admin_token
    return api_keys.hash_secret(token.get_secret_value()) if token else None


def _check_rate(services: Services, caller: Caller, per_minute: int, request: Request) -> None:
    limit, whose = RateLimitItemPerMinute(per_minute), identity(caller, request)
    if not _limiter.hit(limit, whose):
        reset = _limiter.get_window_stats(limit, whose).reset_time
        raise TooManyRequests(f"More than {per_minute} requests in a minute.", reset_at=reset)
    # What this process alone has not seen too much of is counted with what the others saw.
    with services.db.transaction() as conn:
        hits, next_minute_s = usage.hit(conn, whose)
    request.state.rate_limit = {
        "RateLimit-Limit": str(per_minute),
        "RateLimit-Remaining": str(max(0, per_minute - int(hits))),
        "RateLimit-Reset": str(math.ceil(next_minute_s)),
    }
    if hits > per_minute:
        reset = time.time() + next_minute_s
        raise TooManyRequests(f"More than {per_minute} requests in a minute.", reset_at=reset)


Anyone = Annotated[Caller, Depends(Guard(None))]
Visitor = Annotated[Caller, Depends(Visit(None))]
Uploader = Annotated[Caller, Depends(Guard("upload"))]
Platform = Annotated[Caller, Depends(Guard("platform"))]
Reader = Annotated[Caller, Depends(Guard("read"))]
FraudOfficer = Annotated[Caller, Depends(Guard("fraud"))]
Historian = Annotated[Caller, Depends(Guard("history"))]
Cataloguer = Annotated[Caller, Depends(Guard("catalogue"))]
Governor = Annotated[Caller, Depends(Guard("govern"))]
Admin = Annotated[Caller, Depends(Guard("admin"))]
