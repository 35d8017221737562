"""A model hub on this machine: real HTTP, one file, and the faults that a long download meets."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHUNK_BYTES = 2**18
CDN_PATH = "/cdn/file"


class Hub:
    """Serves one file as the hub does: facts in the headers, bytes from a host behind a redirect.

    Attributes:
        content: the file that is served; etag: the SHA-256 that is named, of the content unless
            set.
        open: while clear, requests for bytes wait; set from the start.
        cut_at: offset at which the next answers break off, one each.
        starts: offset that each request for bytes began at.
    """

    def __init__(self, content: Path) -> None:
        self.content = content
        with content.open("rb") as file:
            self.etag: str | None = hashlib.file_digest(file, "sha256").hexdigest()
        self.open = threading.Event()
        self.open.set()
        self.cut_at: list[int] = []
        self.starts: list[int] = []
        self.ignores_ranges = False
        self.url = ""
        self.port = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._redirect()

    def do_GET(self) -> None:
        if self.path != CDN_PATH:
            self._redirect()
            return
        self.hub.open.wait()
        size = self.hub.content.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and not self.hub.ignores_ranges else 0
        self.hub.starts.append(start)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        end = self.hub.cut_at.pop(0) if self.hub.cut_at else size
        with self.hub.content.open("rb") as file:
            file.seek(start)
            while (left := end - file.tell()) > 0:
                self.wfile.write(file.read(min(left, CHUNK_BYTES)))
        self.close_connection = end < size

    def _redirect(self) -> None:
        if "/resolve/main/" not in self.path:  # the library asks for more than the file
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.hub.port}{CDN_PATH}")
        self.send_header("X-Repo-Commit", "0" * 40)
        if self.hub.etag is not None:
            self.send_header("X-Linked-Etag", f'"{self.hub.etag}"')
        self.send_header("X-Linked-Size", str(self.hub.content.stat().st_size))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """The tests look at `starts` instead."""


@contextmanager
def running_hub(content: Path) -> Iterator[Hub]:
    """A hub at `hub.url` that has the file under every name."""
    hub = Hub(content)
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.port = server.server_address[1]
        hub.url = f"http://127.0.0.1:{hub.port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hub
        hub.open.set()
        server.shutdown()
        thread.join()
