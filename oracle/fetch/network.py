"""Connections to checked addresses that end at a deadline."""
# ruff: noqa: ARG002 (the signatures are httpcore's; the deadline replaces its timeouts)

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore2

from oracle.fetch.addresses import Resolver, check_addresses
from oracle.fetch.errors import UriTimeout

# The longest pause between two bytes of an answer. What a server needs to begin is bounded, as the
# whole transfer is, by the deadline alone.
MAX_SILENCE_S = 15.0
# The time limit holds for each write. Small writes notice a peer that reads a byte at a time.
WRITE_BYTES = 4096


@dataclass(frozen=True)
class Deadline:
    """A point in time of the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def left_s(self) -> float:
        """Return how much time is left. Raises: UriTimeout if none is."""
        left_s = self.at - time.monotonic()
        if left_s <= 0:
            raise UriTimeout
        return left_s

    def limit_s(self) -> float:
        """Return how long the next operation may take. Raises: UriTimeout if no time is left."""
        return min(self.left_s(), MAX_SILENCE_S)


class CheckedBackend(httpcore2.NetworkBackend):
    """Resolves a host once, refuses forbidden addresses, and connects to a checked one.

    Host header, TLS server name and certificate check use the host name as usual; they lie above
    this layer.
    """

    def __init__(self, resolver: Resolver, deadline: Deadline, *, allow_private: bool) -> None:
        self._resolver = resolver
        self._deadline = deadline
        self._allow_private = allow_private
        self._system = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = check_addresses(
            host, self._resolver(host, port), allow_private=self._allow_private
        )
        for address in addresses[:-1]:
            try:
                return self._connect(address, port)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port)

    def _connect(self, address: str, port: int) -> httpcore2.NetworkStream:
        stream = self._system.connect_tcp(address, port, timeout=self._deadline.limit_s())
        return DeadlineStream(stream, self._deadline)


class DeadlineStream(httpcore2.NetworkStream):
    """A stream that ends at a deadline, even if the peer keeps sending a byte now and then."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._answers = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limit_s = self._deadline.limit_s() if self._answers else self._deadline.left_s()
        read = self._stream.read(max_bytes, limit_s)
        self._answers = True
        return read

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), WRITE_BYTES):
            self._stream.write(buffer[start : start + WRITE_BYTES], self._deadline.limit_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.limit_s())
        return DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
