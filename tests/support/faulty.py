"""Things that break while an oracle runs: a disk that fills up, a blob store that answers badly."""

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHUNK = bytes(2**20)
KEPT_HEADERS = ("content-type", "content-range", "authorization", "range")


@contextmanager
def full(folder: Path, seconds: float) -> Iterator[None]:
    """A disk without a free byte, for a while."""
    filler, stop = folder / "filler", threading.Event()

    def fill() -> None:
        with filler.open("ab", buffering=0) as file:
            while not stop.wait(0.05):  # what others give back is taken, too
                try:
                    while not stop.is_set():
                        file.write(CHUNK)
                except OSError as exc:
                    if exc.errno != errno.ENOSPC:
                        raise

    filling = threading.Thread(target=fill)
    filling.start()
    try:
        yield
        time.sleep(seconds)
    finally:
        stop.set()
        filling.join()
        filler.unlink()


class FaultyStore:
    """A proxy before a blob store: "well", "503", "slow" (5 s an answer) or "truncated"."""

    def __init__(self, url: str) -> None:
        self.state = "well"
        target, store = url.removeprefix("http://"), self

        class Proxy(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if store.state == "503":
                    self.send_error(503)
                    return
                if store.state == "slow":
                    time.sleep(5.0)
                connection = HTTPConnection(target, timeout=60)
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() in (*KEPT_HEADERS, "host") or name.lower().startswith("x-")
                }
                connection.request(self.command, self.path, body, headers)
                response = connection.getresponse()
                content = response.read()
                connection.close()
                self.send_response(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                media = self.command == "GET" and "alt=media" in self.path
                if store.state == "truncated" and media:
                    self.wfile.write(content[: len(content) // 2])
                    self.close_connection = True
                elif self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def broken(self, state: str, seconds: float) -> Iterator[None]:
        """Answer in that way for a while."""
        self.state = state
        try:
            yield
            time.sleep(seconds)
        finally:
            self.state = "well"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
