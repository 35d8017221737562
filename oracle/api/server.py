"""The HTTP server: uvicorn, with clients that have a limited time for headers and for answers."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from oracle.settings import HttpSettings

HEADERS_S = 10.0  # from the connection, or the answer before, to the last header of a request
READ_S = 60.0  # a client that takes nothing of an answer for so long has gone
MAX_CONNECTIONS = 2000  # further ones are told to come again
BACKLOG = 1024
STOP_S = 10.0  # what still runs then is cut off: clients send again, and each upload is kept once


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that closes connections on which nothing comes, or nothing is taken.

    A body has limits of its own, in `oracle.api.boundary`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._headers_due: asyncio.TimerHandle | None = None
        self._reading_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._headers_due, self._reading_due):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and self._headers_due is not None:
            self._headers_due.cancel()

    def on_response_complete(self) -> None:
        # Whatever comes until the next request, the rest of a refused body too, is bounded by it.
        self._expect_headers()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_due = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        if self._reading_due is not None:
            self._reading_due.cancel()
        super().resume_writing()

    def _expect_headers(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
        self._headers_due = self.loop.call_later(HEADERS_S, self._close)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def run(app: ASGIApp, http: HttpSettings) -> None:
    """Serve until SIGINT or SIGTERM; requests under way have STOP_S to end."""
    uvicorn.run(
        app,
        host=http.host,
        port=http.port,
        forwarded_allow_ips=http.forwarded_allow_ips,
        log_level="warning",
        http=ImpatientProtocol,
        ws="none",
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=int(STOP_S),
    )
