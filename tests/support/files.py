"""An HTTP server on loopback that serves what a test puts into it, well or badly."""

import gzip
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class FileServer:
    """Files and misbehaviours by path."""

    _server: ThreadingHTTPServer
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def put(self, path: str, content: bytes, content_type: str = "application/octet-stream") -> str:
        """Serve these bytes. Returns: the URL."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Type", content_type)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)

        return self._set(path, answer)

    def put_without_length(self, path: str, content: bytes) -> str:
        """Serve these bytes without saying how many there are."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.end_headers()
            request.wfile.write(content)

        return self._set(path, answer)

    def put_cut_short(self, path: str, content: bytes, announced: int) -> str:
        """Announce more bytes than are sent."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(announced))
            request.end_headers()
            request.wfile.write(content)

        return self._set(path, answer)

    def put_status(self, path: str, status: int) -> str:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_error(status)

        return self._set(path, answer)

    def put_redirect(self, path: str, location: str, status: int = 302) -> str:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            request.send_header("Location", location)
            request.send_header("Content-Length", "0")
            request.end_headers()

        return self._set(path, answer)

    def put_drip(self, path: str, pieces: int, pause_s: float) -> str:
        """Send a byte, wait, send a byte."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(pieces))
            request.end_headers()
            for _ in range(pieces):
                request.wfile.write(b".")
                request.wfile.flush()
                time.sleep(pause_s)

        return self._set(path, answer)

    def put_header_drip(self, path: str, pieces: int, pause_s: float) -> str:
        """Begin a header, and never come to its end."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Patience: ")
            for _ in range(pieces):
                request.wfile.write(b".")
                request.wfile.flush()
                time.sleep(pause_s)

        return self._set(path, answer)

    def put_compressed(self, path: str, content: bytes) -> str:
        """Send these bytes with gzip, whether or not the client takes that."""
        body = gzip.compress(content)

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Encoding", "gzip")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        return self._set(path, answer)

    def _set(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return self.url(path)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def new_file_server(tls: ssl.SSLContext | None = None) -> FileServer:
    """A server on a free port of 127.0.0.1, not yet started; over TLS if a context is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.requests.append((self.path, dict(self.headers)))
            answer = files.answers.get(self.path)
            try:
                if answer is None:
                    self.send_error(404)
                else:
                    answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client had enough

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    files = FileServer(server)
    return files
