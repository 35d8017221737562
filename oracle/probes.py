"""Liveness and readiness of a process without an API: worker, scheduler, node.

`/healthz`: its loop goes round. `/readyz`: it can do its work now. `/metrics`: what it counted. For
orchestrators on a network that is private; there is nothing to read here but these three.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST

from oracle import metrics
from oracle.errors import ConfigurationError

CLIENT_S = 5.0
PROBE_S = 3.0  # a look that takes longer finds nothing
# A round may take long, and an outage of the chain or the database is waited out in between.
SILENT_AFTER_S = 600.0


class Pulse(threading.Event):
    """A process's wish to stop, which also tells when its main loop last asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = threading.current_thread()
        self.beat()

    def beat(self) -> None:
        """Note that the loop goes round."""
        self._at = time.monotonic()

    def is_set(self) -> bool:
        if threading.current_thread() is self._loop:
            self.beat()
        return super().is_set()

    @property
    def age_s(self) -> float:
        """How long ago the loop went round."""
        return time.monotonic() - self._at


@contextmanager
def probes(address: str | None, pulse: Pulse, problem: Callable[[], str | None]) -> Iterator[None]:
    """Answer probes meanwhile, at an address HOST:PORT; not at all without one.

    Args: problem: why the process cannot do its work now, None where it can.
    Raises: ConfigurationError.
    """
    if address is None:
        yield
        return
    host, _, port = address.rpartition(":")

    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_S

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, metrics.exposition())
                return
            why: str | None = "there is nothing here"
            status = 404
            if self.path in ("/healthz", "/readyz"):
                silent = pulse.age_s > SILENT_AFTER_S
                why = f"its loop stands still since {pulse.age_s:.0f} s" if silent else None
                if why is None and self.path == "/readyz":
                    why = problem()
                status = 200 if why is None else 503
            body = json.dumps({"ok": why is None, "detail": why or "all is well"}).encode()
            self._answer(status, "application/json", body)

        def _answer(self, status: int, media_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    host = host.strip("[]") or "127.0.0.1"

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    try:
        server = Server((host, int(port)), Handler)
    except (OSError, ValueError, OverflowError) as exc:
        raise ConfigurationError(f"--probe {address}: cannot listen there ({exc}).") from exc
    threading.Thread(target=server.serve_forever, daemon=True, name="probes").start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
