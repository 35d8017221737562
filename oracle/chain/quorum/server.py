"""What uvicorn does not limit: connections of one address, a message that drips, an answer that
nobody reads.
"""

import asyncio
import json
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, cast

import structlog
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5
WAITING_TO_BE_TAKEN = 64  # what the kernel holds for us between two looks
UNREAD_BYTES = 1 << 16
CLOSES_WITHIN_S = 1


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections are taken at once, of all addresses and of one, and how long each may
    keep us waiting.
    """

    capacity: int
    capacity_per_address: int
    message_within_s: float


class BoundedServer:
    """Serves an app on a thread of its own. Connections beyond the limits are refused, and told
    why.

    A connection is given up that brings no whole message for so long, however it drips, or does not
    take its answer:
    else a few that never end would keep everybody else out. Answering may take as long as it takes.
    """

    def __init__(self, app: ASGIApp, listen: tuple[str, int], limits: ConnectionLimits) -> None:
        protocol = type("LimitedProtocol", (_BoundedProtocol,), {"limits": limits, "told": set()})
        self._socket = socket.create_server(listen, backlog=WAITING_TO_BE_TAKEN)
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(
            _close_after_refusal(app),
            http=protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=WAITING_TO_BE_TAKEN,
            timeout_keep_alive=int(limits.message_within_s) + 1,
            timeout_graceful_shutdown=CLOSES_WITHIN_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), daemon=True, name="peer-server"
        )
        self._thread.start()

    def close(self) -> None:
        """Take nothing any more, and wait for what is being answered."""
        self._server.should_exit = True
        self._thread.join()


class _BoundedProtocol(H11Protocol):
    limits: ClassVar[ConnectionLimits]
    told: ClassVar[set[str]]  # addresses whose refusal the log has, since a connection last ended
    _gives_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        address = self._address()
        in_all = len(self.connections) - 1
        of_one = (
            sum(cast(_BoundedProtocol, other)._address() == address for other in self.connections)
            - 1
        )
        if in_all < self.limits.capacity and of_one < self.limits.capacity_per_address:
            return
        self.connections.discard(self)
        if address not in self.told:
            self.told.add(address)
            log.warning("peer.refused", address=address, connections=in_all, of_this_address=of_one)
        transport.write(
            _refusal(f"{in_all} connections are open, {of_one} of them from {address}; close some.")
        )
        with suppress(OSError):  # what lies unread when we close would take the answer with it
            os.read(transport.get_extra_info("socket").fileno(), UNREAD_BYTES)
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self.connections:
            self.told.clear()
        super().connection_lost(exc)
        if self._gives_up is not None:
            self._gives_up.cancel()

    def handle_events(self) -> None:
        super().handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch()

    def _watch(self) -> None:
        """Give the connection up in time while it is the other side's turn: to send a message,
        or to read an answer.
        """
        ours = self.cycle and not self.cycle.more_body and not self.cycle.response_complete
        if not ours or self.flow.write_paused:
            self._gives_up = self._gives_up or self.loop.call_later(
                self.limits.message_within_s, self.transport.abort
            )
        elif self._gives_up is not None:
            self._gives_up.cancel()
            self._gives_up = None

    def _address(self) -> str:
        return self.client[0] if self.client else ""


def _close_after_refusal(app: ASGIApp) -> ASGIApp:
    """Rubbish is a whole message, too: nobody keeps a connection by it."""

    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] != 200:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await app(scope, receive, send_closing)

    return closing


def _refusal(detail: str) -> bytes:
    body = json.dumps({"error": "too_many_connections", "detail": detail}).encode()
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {RETRY_AFTER_S}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
