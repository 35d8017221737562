"""A JSON-RPC endpoint between the node and Anvil that fails, lags or lies on demand."""

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Call = dict[str, Any]
# A fault sees the call and a way to ask the real node; it returns an answer, or raises to drop the
# connection.
Fault = Callable[[Call, Callable[[Call], Any]], Any]


class Dropped(Exception):
    """Close the connection without an answer."""


class FaultyRpc:
    """Forwards to `upstream` until a fault is put in its way."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.fault: Fault | None = None
        self.calls: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    answer = (
                        [proxy.answer(call) for call in asked]
                        if isinstance(asked, list)
                        else proxy.answer(asked)
                    )
                except Dropped:
                    self.close_connection = True
                    return
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, call: Call) -> Any:
        self.calls.append(call["method"])
        fault = self.fault
        return fault(call, self.forward) if fault else self.forward(call)

    def forward(self, call: Call) -> Any:
        request = urllib.request.Request(
            self.upstream, json.dumps(call).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def faulty_rpc(upstream: str) -> Iterator[FaultyRpc]:
    proxy = FaultyRpc(upstream)
    yield proxy
    proxy.close()


def on_method(method: str, fault: Fault) -> Fault:
    """A fault of one method only."""
    return lambda call, forward: fault(call, forward) if call["method"] == method else forward(call)


def drop(_call: Call, _forward: Callable[[Call], Any]) -> Any:
    raise Dropped


def accept_then_drop(call: Call, forward: Callable[[Call], Any]) -> Any:
    """The endpoint takes the call, and its answer is lost on the way."""
    forward(call)
    raise Dropped


def constant(result: Any) -> Fault:
    """Always this result."""
    return lambda call, _forward: {"jsonrpc": "2.0", "id": call["id"], "result": result}


def refusal(code: int, message: str) -> Fault:
    """Always this JSON-RPC error."""
    return lambda call, _forward: {
        "jsonrpc": "2.0",
        "id": call["id"],
        "error": {"code": code, "message": message},
    }
