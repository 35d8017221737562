"""Requests to other signers that end in time, however slowly the other side speaks."""
# ruff: noqa: ARG002 (the signatures are httpcore's; its time limits give way to the conversation's)

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpcore2

from oracle.fetch.network import DeadlineStream

HEADERS = [(b"Content-Type", b"application/json"), (b"Accept-Encoding", b"identity")]
KEPT_FOR_S = 20.0  # a signer's port closes a connection that is silent for 30 s

# Connections are kept for many conversations, so the limit belongs to the thread that speaks, not
# to the connection.
_ends_at: ContextVar[float] = ContextVar("_ends_at")


class Line:
    """An HTTP client for conversations with a limit on the whole of each.

    No proxy, cookie or compression: signers speak to each other directly.

    Args: longest_silence_s: How long the other side may say nothing at all.
    """

    def __init__(self, longest_silence_s: float) -> None:
        self._backend = _Backend(longest_silence_s)
        self._pool = httpcore2.ConnectionPool(
            network_backend=self._backend, max_connections=None, keepalive_expiry=KEPT_FOR_S
        )

    @contextmanager
    def post(self, url: str, body: bytes, within_s: float) -> Iterator[httpcore2.Response]:
        """Post JSON; the answer is read in the block, on this thread.

        Raises: OSError, here or while it is read.
        """
        token = _ends_at.set(time.monotonic() + within_s)
        try:
            with self._pool.stream(
                "POST",
                url,
                headers=HEADERS,
                content=body,
                extensions={"timeout": {"pool": within_s}},
            ) as response:
                yield response
        except httpcore2.TimeoutException as exc:
            raise TimeoutError(f"no answer within {within_s:.0f} s") from exc
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.UnsupportedProtocol,
        ) as exc:
            raise ConnectionError(str(exc) or type(exc).__name__) from exc
        finally:
            _ends_at.reset(token)

    def hang_up(self) -> None:
        """End what is under way, at its next byte or silence, and begin nothing any more."""
        self._backend.hung_up.set()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, longest_silence_s: float) -> None:
        self.hung_up = threading.Event()
        self._longest_silence_s = longest_silence_s
        self._system = httpcore2.SyncBackend()

    def limit_s(self) -> float:
        """How long the next operation may take.

        Raises: TimeoutException when there is no time left.
        """
        left_s = _ends_at.get() - time.monotonic()
        if left_s <= 0 or self.hung_up.is_set():
            raise httpcore2.TimeoutException
        return min(left_s, self._longest_silence_s)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        return DeadlineStream(self._system.connect_tcp(host, port, timeout=self.limit_s()), self)
