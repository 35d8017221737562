"""Every route: access before the body, a bounded body, no text that cannot be stored."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient
from support.photos import photo

from oracle import app as app_module
from oracle.api import boundary
from oracle.api.boundary import BoundedRoute
from oracle.settings import Settings
from storage.database import Database

OPERATOR = (b"authorization", b"Bearer operator")
JSON = (b"content-type", b"application/json")
ANY = "00000000-0000-0000-0000-000000000000"
CHUNK = 64 * 1024
FORMS = ("/v1/uploads", "/v1/check", "/check", "/v1/shared-sources")
OPEN = {("POST", "/sign-in"), ("POST", "/sign-out"), ("POST", f"/confirm-email/{ANY}")}


@dataclass
class Answer:
    """What a route answered, and how much of the body it had read by then."""

    status: int = 0
    body: bytes = b""
    read_bytes: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


def ask(
    app: FastAPI,
    method: str,
    path: str,
    *headers: tuple[bytes, bytes],
    body: Iterator[bytes] | None = None,
    query: bytes = b"",
) -> Answer:
    """Call the application as its server does; what it leaves of the body is never made."""
    answer = Answer()

    async def receive() -> dict[str, Any]:
        chunk = next(body or iter(()), None)
        answer.read_bytes += len(chunk or b"")
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], dict(message["headers"])
        answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(errors="replace"),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"test"), *headers],
        "client": ("10.1.2.3", 1),
        "server": ("test", 80),
        "state": {},
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return answer


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path of ours, with an id in the place of each parameter."""
    found = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, BoundedRoute):
            assert context.path is not None
            parts = context.path.split("/")
            path = "/".join(ANY if part.startswith("{") else part for part in parts)
            found += [(method, path) for method in sorted(context.methods or ())]
    return sorted(set(found))


@pytest.fixture
def strict(settings: Settings, db: Database) -> Iterator[FastAPI]:
    """The application where every call takes a key."""
    http = settings.http.model_copy(update={"keys_required": True})
    app = app_module.create_app(settings.model_copy(update={"http": http}))
    with TestClient(app):
        yield app


def endless() -> Iterator[bytes]:
    while True:
        yield b"[" * CHUNK


def test_every_route_of_ours_is_behind_the_boundary(strict: FastAPI) -> None:
    beside = {
        context.path
        for context in iter_route_contexts(strict.routes)
        if not isinstance(context.original_route, BoundedRoute)
    }
    assert beside == {"/openapi.json", "/static", "/swagger"}
    assert len(routes(strict)) > 80


def test_without_a_key_no_route_reads_a_byte_of_the_body(strict: FastAPI) -> None:
    open_to_all = set()
    for method, path in routes(strict):
        if method in ("GET", "HEAD"):
            continue
        answer = ask(strict, method, path, JSON, body=endless())
        if answer.status == 401:
            assert (answer.code, answer.read_bytes) == ("key_required", 0), path
        else:
            open_to_all.add((method, path))
    assert open_to_all == OPEN


def sensible(path: str, answer: Answer) -> bool:
    """Whether it is no fault of the server's: of a chain there is none here."""
    return answer.status < 500 or path == "/readyz" or answer.code == "configuration_error"


def test_no_route_takes_more_than_it_needs_whoever_sends_it(strict: FastAPI) -> None:
    large = {
        "/v1/uploads": 2_000_000,
        "/v1/check": 2_000_000,
        "/check": 2_000_000,
        "/v1/shared-sources": 2_000_000,
        "/v1/engagement": 32 * 2**20,
        "/v1/earnings": 8 * 2**20,
        "/v1/histories": 8 * 2**20,
        f"/v1/appeals/{ANY}/attachments": 20 * 2**20,
        f"/appeals/{ANY}/file": 20 * 2**20,
        f"/analyses/{ANY}/appeal": 20 * 2**20,
        f"/fraud_alerts/{ANY}/appeal": 20 * 2**20,
    }
    for method, path in routes(strict):
        most = 0 if method in ("GET", "HEAD") else large.get(path, 0)
        limit = (most or boundary.JSON_BYTES) + boundary.FORM_OVERHEAD_BYTES
        answer = ask(strict, method, path, OPERATOR, JSON, body=endless())
        assert answer.read_bytes <= limit + CHUNK, path
        assert sensible(path, answer), (path, answer.body)
        announced = (b"content-length", str(limit + 1).encode())
        answer = ask(strict, method, path, OPERATOR, JSON, announced, body=endless())
        assert (answer.status, answer.read_bytes) == (413, 0), path
        code = "upload_too_large" if most in (2_000_000, 20 * 2**20) else None
        assert answer.code == (code or "request_too_large"), path


def test_deep_nesting_is_refused_and_takes_no_time(strict: FastAPI) -> None:
    for body in (b"[" * 900_000, b'{"a":' * 150_000, b"[" * 201 + b"]" * 201):
        answer = ask(strict, "POST", "/v1/works", OPERATOR, JSON, body=iter([body]))
        assert (answer.status, answer.code) == (422, "invalid_request")


def test_a_body_that_stops_is_given_up(strict: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary, "SILENCE_S", 0.2)

    async def silent() -> dict[str, Any]:
        await asyncio.sleep(60)
        raise AssertionError("was waited for")

    async def run() -> int:
        status = 0

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/works",
            "raw_path": b"/v1/works",
            "query_string": b"",
            "root_path": "",
            "headers": [OPERATOR, JSON],
            "client": ("10.1.2.3", 1),
            "state": {},
        }
        await strict(scope, silent, send)  # type: ignore[arg-type]
        return status

    assert asyncio.run(run()) == 408


def test_a_body_that_drips_is_given_up(strict: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary, "GRACE_S", 0.2)

    def drips() -> Iterator[bytes]:
        import time

        while True:
            time.sleep(0.05)
            yield b" "

    answer = ask(strict, "POST", "/v1/works", OPERATOR, JSON, body=drips())
    assert (answer.status, answer.code) == (408, "request_too_slow")
    assert answer.read_bytes < 20


TAKE_NONE = {"/sign-out", "/v1/detect_fraud", "/v1/engagement", "/v1/status/probe"}
NO_TEXT = {
    "a NUL": "\0",
    "a NUL within": "a\0b",
    "half a pair": "\ud800",
    "the other half": "a\udc00",
    "a pair the wrong way": "\udc00\ud800",
}


@pytest.mark.parametrize("kind", NO_TEXT)
def test_text_that_cannot_be_stored_is_refused_by_every_route(kind: str, strict: FastAPI) -> None:
    text = NO_TEXT[kind]
    schema = strict.openapi()
    # Every route has one boundary: two kinds at all of them, the others at every eighth.
    every = 1 if kind in ("a NUL within", "half a pair") else 8
    for method, path in list(routes(strict))[::every]:
        for body in ({"x": text}, {text: 1}, [{"a": [text]}], _filled(schema, method, path, text)):
            document = json.dumps(body).encode()  # \u0000 and \ud800 as escapes
            if method in ("GET", "HEAD", "DELETE") or path in FORMS:
                continue
            answer = ask(strict, method, path, OPERATOR, JSON, body=iter([document]))
            assert sensible(path, answer), (path, answer.body)
            if answer.status < 300:
                assert path in TAKE_NONE or path.endswith(("/report", "/vouchers")), path
        shown = text.encode("utf-8", "surrogatepass")
        escaped = b"".join(b"%%%02X" % byte for byte in shown).decode()
        for name in ("cursor", "creator", "status", "q"):
            answer = ask(strict, method, path, OPERATOR, query=f"{name}={escaped}".encode())
            assert sensible(path, answer), (path, answer.body)
        if "\0" in text and ANY in path:
            answer = ask(strict, method, path.replace(ANY, text), OPERATOR)
            assert (answer.status, answer.code) == (422, "invalid_text"), path


def _filled(schema: dict[str, Any], method: str, path: str, text: str) -> dict[str, Any]:
    """A body with that text in every field that the route knows."""
    for template, operations in schema["paths"].items():
        parts = zip(template.split("/"), path.split("/"), strict=False)
        same = len(template.split("/")) == len(path.split("/"))
        if not same or not all(a == b or a.startswith("{") for a, b in parts):
            continue
        content = operations.get(method.lower(), {}).get("requestBody", {}).get("content", {})
        name = content.get("application/json", {}).get("schema", {}).get("$ref", "").split("/")[-1]
        model = schema["components"]["schemas"].get(name, {})
        return dict.fromkeys(model.get("properties", {}), text)
    return {}


@pytest.mark.parametrize("charset", ["utf-8", "utf-7", "raw_unicode_escape", "punycode"])
def test_forms_hold_text_too(charset: str, client: TestClient) -> None:
    written = {
        "utf-8": b"a\0b",
        "utf-7": b"+2AA-",
        "raw_unicode_escape": b"\\ud800",
        "punycode": b"a\0-",
    }[charset]
    for name in (b"creator", b"title", b"external_id", b"category", written):
        part = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        body = (
            part % (name, written)
            + b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.jpg"\r\n\r\n'
            + photo("temple")
            + b"\r\n--b--\r\n"
        )
        kind = f"multipart/form-data; boundary=b; charset={charset}"
        answer = client.post("/upload", content=body, headers={"Content-Type": kind})
        assert answer.status_code in (400, 422), (name, answer.text)


def test_a_form_of_many_files_or_fields_is_refused(client: TestClient) -> None:
    many = [("file", (f"{n}.jpg", b"x" * 1000)) for n in range(50)]
    assert client.post("/upload", files=many).status_code == 400
    fields = {f"f{n}": "x" for n in range(100)}
    answer = client.post("/upload", data=fields, files={"file": photo("temple")})
    assert answer.status_code == 400
    answer = client.post("/upload", data={"title": "x" * 70_000}, files={"file": photo("temple")})
    assert answer.status_code == 400
