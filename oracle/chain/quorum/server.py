"""An HTTP server with a thread for each connection, and no more of those than it can bear."""

import json
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5
WAITING_TO_BE_TAKEN = 64  # what the kernel holds for us between two looks
UNREAD_BYTES = 1 << 16


class BoundedServer(ThreadingHTTPServer):
    """Takes so many connections at once, and so many from one address; the others are refused, and
    told why.

    A connection is given up that brings no whole message for so long, however it drips: else a few
    that never end would keep everybody else out. The handler says when it has a message (`heard`)
    and when it has answered (`waits`).
    """

    daemon_threads = True
    request_queue_size = WAITING_TO_BE_TAKEN

    def __init__(
        self,
        listen: tuple[str, int],
        handler: type[BaseHTTPRequestHandler],
        *,
        most: int,
        most_of_one: int,
        message_within_s: float,
    ) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._message_within_s = message_within_s
        self._waiting: dict[socket.socket, float] = {}  # since when for a message
        self._open: Counter[str] = Counter()
        self._told: set[str] = set()  # refusals that the log has, since a connection last ended
        self._lock = threading.Lock()
        super().__init__(listen, handler)

    def process_request(self, request: object, client_address: object) -> None:
        """Hand a new connection to a thread of its own, or refuse it."""
        assert isinstance(request, socket.socket)
        address = _host(client_address)
        with self._lock:
            in_all, of_one = self._open.total(), self._open[address]
            taken = in_all < self._most and of_one < self._most_of_one
            news = not taken and address not in self._told
            if taken:
                self._open[address] += 1
            else:
                self._told.add(address)
        if news:
            log.warning("peer.refused", address=address, connections=in_all, of_this_address=of_one)
        if not taken:
            _refuse(
                request,
                f"{in_all} connections are open, {of_one} of them from {address}; close some.",
            )
            self.shutdown_request(request)
            return
        self.waits(request)
        try:
            super().process_request(request, client_address)
        except RuntimeError as exc:  # no thread can be started
            self._gone(address, request)
            log.error("peer.no_thread", error=str(exc))
            self.shutdown_request(request)

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve one connection to its end."""
        assert isinstance(request, socket.socket)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._gone(_host(client_address), request)

    def waits(self, connection: socket.socket) -> None:
        """From now on a message is waited for."""
        with self._lock:
            self._waiting[connection] = time.monotonic()

    def heard(self, connection: socket.socket) -> None:
        """A whole message is here; answering it may take as long as it takes."""
        with self._lock:
            self._waiting.pop(connection, None)

    def service_actions(self) -> None:
        """Called between two looks for new connections: give up those that bring no message."""
        super().service_actions()
        began_before = time.monotonic() - self._message_within_s
        with self._lock:
            late = [
                connection for connection, since in self._waiting.items() if since < began_before
            ]
        for connection in late:
            self.heard(connection)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # its thread wakes up and ends

    def _gone(self, address: str, connection: socket.socket) -> None:
        with self._lock:
            self._waiting.pop(connection, None)
            self._told.clear()
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


def _refuse(connection: socket.socket, detail: str) -> None:
    """Say no without waiting: the thread that accepts must not hang on one that does not read."""
    body = json.dumps({"error": "too_many_connections", "detail": detail}).encode()
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {RETRY_AFTER_S}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.setblocking(False)
    with suppress(OSError):
        connection.sendall(head.encode() + body)
        # what lies unread when we close would take the answer with it
        connection.recv(UNREAD_BYTES)


def _host(client_address: object) -> str:
    assert isinstance(client_address, tuple)
    return str(client_address[0])
