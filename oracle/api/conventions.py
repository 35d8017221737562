"""HTTP as programs and proxies expect it: HEAD, conditional requests, first paths, rate limits.

Every path of the API begins with /v1. Those that were published under another name before are
answered by the same handlers.
"""

import hashlib
import re
from collections.abc import Iterator

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What was published under /api first, and nothing else: /v1 is the one root of all that is new.
_FIRST = re.compile(
    "/api(/(?:adjustments|creators|detect_fraud|earnings|engagement|fraud_alerts|fraud_audit"
    "|fraud_thresholds|grading|operator_alerts|posts|status|stuck_payments)(?:/.*)?)"
)
# What a script of another site may read of an answer.
EXPOSED = (
    "ETag",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "Verdict-In-Force",
    "X-Request-ID",
)
UPLOAD, UPLOADS = "/upload", "/v1/uploads"
# What a 304 repeats of the answer that it stands for (RFC 9110, section 15.4.5).
KEPT = frozenset(
    {b"cache-control", b"content-location", b"date", b"etag", b"expires", b"vary", b"link"}
)


def canonical(path: str) -> str:
    """Return the path of the API that a path names: itself, but for those of before."""
    if path == UPLOAD:
        return UPLOADS
    known = _FIRST.fullmatch(path)
    return f"/v1{known[1]}" if known else path


def alias_of(path: str) -> str | None:
    """Return the first name of a path of the API, None where it has no other."""
    first = UPLOAD if path == UPLOADS else path.replace("/v1", "/api", 1)
    return first if first != path and canonical(first) == path else None


def asked_path(request: Request) -> str:
    """Return the path that the client asked for."""
    path: str = request.scope.get("asked_path", request.url.path)
    return path


def matches(condition: str, etag: str) -> bool:
    """Tell whether an If-None-Match names an entity tag, compared weakly (RFC 9110, 8.8.3.2)."""
    tags = re.findall(r'(?:W/)?("[^"]*")', condition)
    return condition.strip() == "*" or etag.removeprefix("W/") in tags


class Conventions:
    """Answers HEAD as GET without a body, what a client has already with 304, and first paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = canonical(scope["path"])
        if path != scope["path"]:
            asked = scope["path"]
            scope = {**scope, "path": path, "raw_path": path.encode(), "asked_path": asked}
        scope.setdefault("state", {})
        if scope["method"] == "HEAD":
            await self._head(scope, receive, send)
        elif scope["method"] == "GET":
            await self._app(scope, receive, _Conditional(scope, send))
        else:
            await self._app(scope, receive, _Limited(scope, send))

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Ends a stream of events too, which would else go on unseen.
        with anyio.CancelScope() as asked:

            async def without_body(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                    await send({"type": "http.response.body", "body": b""})
                    asked.cancel()

            get = {**scope, "method": "GET"}
            await self._app(get, receive, _Conditional(get, without_body))


class _Limited:
    """Sends an answer with what its client may still ask for."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in self._scope["state"].get("rate_limit", {}).items():
                headers[name] = value
        await self._send(message)


class _Conditional(_Limited):
    """Sends 304 instead of what the client has already.

    A JSON answer that comes in one piece gets a tag here; others bring theirs.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        super().__init__(scope, send)
        self._condition = Headers(scope=scope).get("if-none-match")
        self._start: Message | None = None
        self._dropped = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            is_json = headers.get("content-type", "").startswith("application/json")
            if message["status"] == 200 and is_json and "etag" not in headers:
                self._start = message
                return
            await self._begin(message)
        elif self._start is not None:
            start, self._start = self._start, None
            if not message.get("more_body", False):
                digest = hashlib.sha256(message.get("body", b"")).hexdigest()[:32]
                MutableHeaders(scope=start)["ETag"] = f'W/"{digest}"'
            await self._begin(start)
            await self._body(message)
        else:
            await self._body(message)

    async def _begin(self, start: Message) -> None:
        etag = Headers(raw=start["headers"]).get("etag")
        if start["status"] == 200 and etag and self._condition and matches(self._condition, etag):
            self._dropped = True
            start = {**start, "status": 304, "headers": list(_kept(start["headers"]))}
            await super().__call__(start)
            await self._send({"type": "http.response.body", "body": b""})
        else:
            await super().__call__(start)

    async def _body(self, message: Message) -> None:
        if not self._dropped:
            await self._send(message)


def _kept(headers: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    return ((name, value) for name, value in headers if name.lower() in KEPT)
