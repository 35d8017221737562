"""A real HTTP server on loopback that takes webhooks and remembers them."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class HookServer:
    """What was posted: path, headers and body.

    Anything under /broken is answered with 500, and under /hang not until it is released.
    """

    server: ThreadingHTTPServer
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        host, port = self.server.server_address[:2]
        return f"http://{host!s}:{port}{path}"


def start(host: str = "127.0.0.1") -> HookServer:
    """A server on a free port, running."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hooks.posts.append((self.path, dict(self.headers), body))
            if self.path.startswith("/hang"):
                hooks.released.wait(60)
            self.send_response(500 if self.path.startswith("/broken") else 204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    hooks = HookServer(ThreadingHTTPServer((host, 0), Handler))
    threading.Thread(target=hooks.server.serve_forever, args=(0.05,), daemon=True).start()
    return hooks
