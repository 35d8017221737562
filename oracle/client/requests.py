"""Requests, before anything sends them: what both clients share."""

import io
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx2

from oracle.client.errors import ProblemError

Media = str | os.PathLike[str] | bytes | IO[bytes]
# Called with the bytes sent so far and all that there are; from 0 again where it is sent again.
Progress = Callable[[int, int], None]
RETRIED = frozenset({408, 429, 502, 503, 504})
TRIES, FIRST_WAIT_S, MAX_WAIT_S = 5, 0.5, 30.0


@dataclass
class Request:
    """A request that can be sent, several times if `repeatable`."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, Any] | None = None
    file: "Upload | None" = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True

    def options(self) -> dict[str, Any]:
        """Return the arguments for httpx2; a file begins at its start."""
        known = {name: value for name, value in self.query.items() if value is not None}
        form = {name: value for name, value in (self.form or {}).items() if value is not None}
        return {
            "params": known,
            "json": self.json,
            "data": form or None,
            "files": {"file": self.file.begin()} if self.file else None,
            "headers": dict(self.headers),
        }


class Upload:
    """A file on its way, which says how far it is."""

    def __init__(self, media: Media, progress: Progress | None) -> None:
        self._opened = isinstance(media, str | os.PathLike)
        if isinstance(media, bytes):
            self._file: IO[bytes] = io.BytesIO(media)
            name = None
        elif isinstance(media, str | os.PathLike):
            self._file = Path(media).open("rb")  # noqa: SIM115 - close() does
            name = Path(media).name
        else:
            self._file = media
            name = None
        self.name = name or Path(str(getattr(self._file, "name", "upload"))).name
        self._start = self._file.tell()
        self._size = self._file.seek(0, io.SEEK_END) - self._start
        self._progress = progress

    def begin(self) -> tuple[str, "Upload"]:
        """Go back to the start. Returns: what a form takes as a file."""
        self._file.seek(self._start)
        return self.name, self

    def close(self) -> None:
        """Close what was opened here."""
        if self._opened:
            self._file.close()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        if chunk and self._progress:
            self._progress(self._file.tell() - self._start, self._size)
        return chunk

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = self._start if whence == io.SEEK_SET else 0
        return self._file.seek(base + offset, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def __iter__(self) -> "Upload":
        return self

    def __next__(self) -> bytes:
        if chunk := self.read(2**16):
            return chunk
        raise StopIteration


def new_key(given: str | None) -> str:
    """Return an idempotency key: as given, or one for this call alone."""
    return given or str(uuid.uuid4())


def upload(
    media: Media,
    *,
    path: str,
    form: Mapping[str, Any],
    progress: Progress | None,
    idempotency_key: str | None = None,
    wait_s: float | None = None,
) -> Request:
    """Make the request that sends a file."""
    key = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    file = Upload(media, progress)
    return Request("POST", path, {"wait_s": wait_s}, form=form, file=file, headers=key)


def wait_before(tried: int, response: httpx2.Response | None) -> float:
    """Return how long to wait before a request is sent again, in seconds."""
    said = response.headers.get("retry-after", "") if response is not None else ""
    own = min(FIRST_WAIT_S * 2**tried, MAX_WAIT_S)
    return min(float(said), MAX_WAIT_S) if said.replace(".", "", 1).isdigit() else own


def is_done(request: Request, response: httpx2.Response, tried: int) -> bool:
    """Tell whether an answer is the last one."""
    again = request.repeatable and response.status_code in RETRIED and tried + 1 < TRIES
    return not again


def checked(response: httpx2.Response) -> httpx2.Response:
    """Return an answer that is none of an error. Raises: ProblemError."""
    if response.status_code < 400:
        return response
    try:
        body = response.json()
    except ValueError:
        body = {}
    known = body if isinstance(body, dict) else {}
    raise ProblemError(response.status_code, known, response.headers.get("x-request-id"))
