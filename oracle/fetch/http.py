"""Fetch from HTTP and HTTPS servers that are not trusted."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import urljoin

import httpcore2
import httpx2

from oracle.fetch.addresses import Resolver
from oracle.fetch.errors import (
    UriInvalid,
    UriNotFound,
    UriRefused,
    UriSchemeUnsupported,
    UriTimeout,
    UriTooLarge,
    UriUnreachable,
)
from oracle.fetch.network import CheckedBackend, Deadline

MAX_REDIRECTS = 5
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
RETRY_STATUSES = frozenset({408, 425, 429})
HEADERS: dict[bytes | str, bytes | str] = {
    b"User-Agent": b"creativity-oracle/0.1 (+media verification)",
    b"Accept": b"*/*",
    b"Accept-Encoding": b"identity",
    b"Connection": b"close",
}


class HttpSource:
    """Gets one URL and follows redirects; each hop is checked like the first.

    Proxies, cookies and .netrc of this machine are not used: other servers must not see them.

    Args:
        tls: How servers are verified; by default by the system's certificate authorities.
    """

    def __init__(
        self, *, max_bytes: int, resolver: Resolver, tls: ssl.SSLContext | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._resolver = resolver
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # takes tens of ms, so it is made once
        return self._given_tls or httpx2.create_ssl_context(trust_env=False)

    @contextmanager
    def get(
        self, url: str, *, timeout_s: float, allow_private: bool, trust_first: bool = False
    ) -> Iterator[Iterator[bytes]]:
        """Yield the body in chunks. Raises: FetchError, here or while the chunks are read.

        Args:
            trust_first: The URL itself was chosen by the operator and may be private; targets of
                redirects may not.
        """
        deadline = Deadline.after(timeout_s)
        for hop in range(MAX_REDIRECTS + 1):
            backend = CheckedBackend(
                self._resolver, deadline, allow_private=allow_private or (trust_first and hop == 0)
            )
            with self._request(parse(url), backend) as response:
                location = _header(response, b"location")
                if response.status not in REDIRECT_STATUSES or not location:
                    self._check(response)
                    yield response.iter_stream()
                    return
                url = urljoin(url, location)
        raise UriRefused(f"The server redirects more than {MAX_REDIRECTS} times.")

    @contextmanager
    def _request(self, target: httpx2.URL, backend: CheckedBackend) -> Iterator[httpcore2.Response]:
        url = httpcore2.URL(
            scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
        )
        with (
            _translated_errors(target.host),
            httpcore2.ConnectionPool(self._tls, network_backend=backend) as pool,
            pool.stream("GET", url, headers={b"Host": target.netloc, **HEADERS}) as response,
        ):
            yield response

    def _check(self, response: httpcore2.Response) -> None:
        status = response.status
        if status in (404, 410):
            raise UriNotFound
        if status in RETRY_STATUSES or status >= 500:
            raise UriUnreachable(f"The server of the URI answered with status {status}.")
        if status != 200:
            raise UriRefused(f"The server of the URI answered with status {status}.")
        encoding = _header(response, b"content-encoding").lower()
        if encoding not in ("", "identity"):
            raise UriRefused(
                f"The server of the URI sends the media compressed ({encoding}), unasked."
            )
        announced = _header(response, b"content-length")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            raise UriTooLarge(
                f"The media has {announced} bytes; this oracle accepts {self._max_bytes}."
            )


def parse(url: str) -> httpx2.URL:
    """Parse an http or https URL that has a host and no credentials.

    Raises: UriInvalid, UriSchemeUnsupported.
    """
    try:
        target = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as exc:
        raise UriInvalid(f"This is not a valid URI: {exc}") from exc
    if target.scheme not in ("http", "https"):
        raise UriSchemeUnsupported
    if not target.host:
        raise UriInvalid("The URI names no host.")
    if target.port is not None and not 0 < target.port < 65_536:
        raise UriInvalid(f"There is no port {target.port}.")
    if target.userinfo:
        raise UriInvalid(
            "The URI carries a user name or password; media has to be reachable without."
        )
    return target


def _header(response: httpcore2.Response, name: bytes) -> str:
    return next(
        (value.decode("latin-1") for key, value in response.headers if key.lower() == name), ""
    ).strip()


@contextmanager
def _translated_errors(host: str) -> Iterator[None]:
    try:
        yield
    except httpcore2.TimeoutException as exc:
        raise UriTimeout(f"{host} did not answer in time.") from exc
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as exc:
        raise UriUnreachable(f"{host} cannot be reached: {exc}") from exc
