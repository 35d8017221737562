"""An HTTP server with a thread for each connection, and no more of those than it can bear."""

import json
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5
WAITING_TO_BE_TAKEN = 64  # what the kernel holds for us between two looks
UNREAD_BYTES = 1 << 16


class BoundedServer(ThreadingHTTPServer):
    """Takes so many connections at once, and so many from one address; the others are refused, and told why."""

    daemon_threads = True
    request_queue_size = WAITING_TO_BE_TAKEN

    def __init__(
        self, listen: tuple[str, int], handler: type[BaseHTTPRequestHandler], *, most: int, most_of_one: int
    ) -> None:
        self._most = most
        self._most_of_one = most_of_one
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
            _refuse(request, f"{in_all} connections are open, {of_one} of them from {address}; close some.")
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError as exc:  # no thread can be started
            self._gone(address)
            log.error("peer.no_thread", error=str(exc))
            self.shutdown_request(request)

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve one connection to its end."""
        assert isinstance(request, socket.socket)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._gone(_host(client_address))

    def _gone(self, address: str) -> None:
        with self._lock:
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
    try:
        connection.sendall(head.encode() + body)
        connection.recv(UNREAD_BYTES)  # what lies unread when we close would take the answer with it
    except OSError:
        pass


def _host(client_address: object) -> str:
    assert isinstance(client_address, tuple)
    return str(client_address[0])
