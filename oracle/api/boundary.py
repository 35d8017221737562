"""What a request passes before a route sees it: access first, then a bounded body, then text.

A route of this class knows its caller before it reads a byte of the body, takes no more of it than
it needs, waits for it no longer than a slow line takes, and holds no text that cannot be stored.
"""

import asyncio
import errno
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote_to_bytes

from fastapi import Path, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message

from oracle.api.access import Caller, Guard, admit, identity
from oracle.api.services import Services, get_services
from oracle.errors import (
    Busy,
    InvalidText,
    NoSpace,
    OracleError,
    RequestTooLarge,
    RequestTooSlow,
    UnexpectedField,
    UploadTooLarge,
)
from oracle.originality import admission

# A number of a row in a path, as the database counts.
Number = Annotated[int, Path(ge=0, lt=2**63)]
JSON_BYTES = 2**20
FORM_OVERHEAD_BYTES = 64 * 1024  # boundaries and the other fields of a form with a file
MAX_FIELDS, MAX_FILES, MAX_FIELD_BYTES = 32, 2, 64 * 1024
# A client that sends nothing for so long, or after a while less than this, has gone.
SILENCE_S = 20.0
GRACE_S, MIN_BYTES_PER_S = 30.0, 1024
# Each takes a megabyte of memory and its size on disk.
MAX_FILES_AT_ONCE, MAX_FILES_OF_ONE = 512, 128
LIMIT = "body_limit"


@dataclass(frozen=True)
class BodyLimit:
    """How large the body of a route may be.

    Attributes:
        file_bytes: the largest file in it, 0 for none, None for media of up to
            ORACLE_LIMITS__UPLOAD_BYTES.
        registers: whether it posts a work, for which there has to be room.
        checks: whether it judges a file at once; one at a time of one caller.
    """

    body_bytes: int = JSON_BYTES
    file_bytes: int | None = 0
    registers: bool = False
    checks: bool = False

    def of(self, upload_bytes: int) -> tuple[int, int]:
        """Return the most bytes of the body, and those of a file in it."""
        file_bytes = upload_bytes if self.file_bytes is None else self.file_bytes
        return (file_bytes + FORM_OVERHEAD_BYTES if file_bytes else self.body_bytes), file_bytes


Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def takes(
    *, body: int = JSON_BYTES, file: int | None = 0, registers: bool = False, checks: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Mark a route that takes more than JSON_BYTES, or posts works; as BodyLimit has it."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, LIMIT, BodyLimit(body, file, registers, checks))
        return endpoint

    return mark


class BoundedRequest(Request):
    """A request whose body is read within limits of size, time and depth."""

    def __init__(self, request: Request, limit_bytes: int, file_bytes: int) -> None:
        super().__init__(request.scope, request.receive)
        self._unbounded = request.receive
        self._receive = self._receive_within_limits
        self._limit_bytes = limit_bytes
        self._file_bytes = file_bytes
        self._taken = 0
        self._began = time.monotonic()

    def check_length(self) -> None:
        """Refuse a body that announces more than is taken. Raises: RequestTooLarge."""
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limit_bytes:
            raise self._too_large()

    async def _receive_within_limits(self) -> Message:
        earned_s = GRACE_S + self._taken / MIN_BYTES_PER_S - (time.monotonic() - self._began)
        try:
            message = await asyncio.wait_for(self._unbounded(), max(0.0, min(SILENCE_S, earned_s)))
        except TimeoutError:
            raise RequestTooSlow from None
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            if self._taken > self._limit_bytes:
                raise self._too_large()
        return message

    def _too_large(self) -> OracleError:
        if self._file_bytes:
            return UploadTooLarge(
                f"The file is larger than the {self._file_bytes} bytes accepted here. Nothing was"
                " kept."
            )
        return RequestTooLarge(
            f"The body is larger than the {self._limit_bytes} bytes that this route takes. Nothing"
            " was kept; send less at once."
        )

    async def json(self) -> Any:
        """Parse the body. Raises: JSONDecodeError, for deep nesting too; InvalidText."""
        body = await self.body()
        try:
            value = from_json(body, allow_inf_nan=False)
        except ValueError as exc:
            raise json.JSONDecodeError(str(exc), "", 0) from exc
        # It refuses half a surrogate pair itself.
        if b"\\u0000" in body:
            for name, text in _texts(value):
                check_text(name, text)
        return value

    def form(self, **_: Any) -> Any:
        """Parse a form of few fields. Raises: InvalidText."""
        return super().form(
            max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
        )

    async def _get_form(self, **limits: Any) -> FormData:
        known = self._form is not None
        form = await super()._get_form(**limits)
        for name, value in () if known else form.multi_items():
            check_text("a field's name", name)
            if not isinstance(value, UploadFile):
                check_text(name, value)
        return form


class BoundedRoute(APIRoute):
    """A route behind the boundary; every route of the API is one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        guards = list(guards_of(self.dependant))
        limit: BodyLimit = getattr(self.endpoint, LIMIT, BodyLimit())
        # Pages take what links and browsers add, probes what those who probe add.
        checked = self.include_in_schema and self.path.startswith("/v1/")
        parameters = query_of(self.dependant) if checked else None

        async def bounded(request: Request) -> Response:
            check_url(request)
            if parameters is not None:
                check_query(request, parameters)
            if guards:
                await admit(request, guards)
            upload_bytes = get_services(request).settings.limits.upload_bytes
            within = BoundedRequest(request, *limit.of(upload_bytes))
            within.check_length()
            if limit.registers:
                await run_in_threadpool(_check_room, get_services(request), request.state.caller)
            if limit.file_bytes == 0 and not limit.registers:
                return await _handle(handle, within)
            caller: Caller = request.state.caller
            whose = identity(caller, request)
            checking = _checks.taken(whose) if limit.checks else nullcontext()
            with checking, _bodies.taken(whose):
                return await _handle(handle, within)

        return bounded


async def _handle(
    handle: Callable[[Request], Coroutine[Any, Any, Response]], request: Request
) -> Response:
    try:
        return await handle(request)
    except HTTPException as exc:
        # FastAPI answers 400 to whatever goes wrong while it reads a body.
        cause = exc.__cause__
        if isinstance(cause, OracleError):
            raise cause from None
        if _is_full(cause):
            raise NoSpace from cause
        raise
    except OSError as exc:
        if _is_full(exc):
            raise NoSpace from exc
        raise


def _is_full(exc: BaseException | None) -> bool:
    return isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT)


def _check_room(services: Services, caller: Caller) -> None:
    admission.check_room(services.db, caller.poster_within(services.settings.queue))


class Bodies:
    """How many works are on their way in at once, of all and of one key or address."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._whose: Counter[str] = Counter()

    @contextmanager
    def taken(self, whose: str) -> Iterator[None]:
        """Take a place for a file. Raises: Busy."""
        if self._whose.total() >= self._most or self._whose[whose] >= self._most_of_one:
            raise Busy("Too many files are on their way at once; nothing was kept. Try again.")
        self._whose[whose] += 1
        try:
            yield
        finally:
            self._whose[whose] -= 1
            self._whose += Counter()  # forget who has none


_bodies = Bodies(MAX_FILES_AT_ONCE, MAX_FILES_OF_ONE)  # of this process
_checks = Bodies(MAX_FILES_AT_ONCE, 1)


def check_url(request: Request) -> None:
    """Check the text of path and query. Raises: InvalidText."""
    if b"%00" in request.scope.get("raw_path", b"") or "\0" in request.scope["path"]:
        check_text("the path", request.scope["path"])
    query: bytes = request.scope["query_string"]
    if b"%00" in query or b"\0" in query:
        check_text("the query", unquote_to_bytes(query).decode(errors="replace"))


def query_of(dependant: Dependant) -> list[str]:
    """Return the names of the parameters that a route reads from the query."""
    own = [field.alias for field in dependant.query_params]
    return own + [name for inner in dependant.dependencies for name in query_of(inner)]


def check_query(request: Request, parameters: list[str]) -> None:
    """Check that a query has each parameter once and none that is not known.

    Raises: UnexpectedField, by its name.
    """
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in parameters:
            known = f"those known are {', '.join(parameters)}" if parameters else "it takes none"
            raise UnexpectedField(
                f"There is no query parameter {name[:64]!r} here; {known}. Nothing was done."
            )
        if times > 1:
            raise UnexpectedField(
                f"The query parameter {name!r} came {times} times; send it once. Nothing was done."
            )


def check_text(name: str, text: str) -> None:
    """Check that a text can be stored: no U+0000 and no half of a surrogate pair.

    Raises: InvalidText.
    """
    fault = "U+0000" if "\0" in text else None
    try:
        text.encode()
    except UnicodeEncodeError:
        fault = "half of a surrogate pair"
    if fault is not None:
        shown = name.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
        raise InvalidText(f"{shown[:64]} holds {fault}, which is no text. Nothing was kept.")


def printable(name: str) -> str | None:
    """Return a file name without control characters and outer blanks, at most 255 characters, None
    if nothing is left.
    """
    return "".join(sign for sign in name if sign.isprintable()).strip()[:255] or None


def _texts(value: Any, name: str = "the body") -> Iterator[tuple[str, str]]:
    """Yield every text of a JSON document with the name of the field that it is in."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield "a field's name", key
            yield from _texts(item, key)


def guards_of(dependant: Dependant) -> Iterator[Guard]:
    """Yield what guards a route."""
    if isinstance(dependant.call, Guard):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from guards_of(inner)
