"""Fetch media by URI: https, http, gs and walrus."""

import re
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from oracle.fetch.addresses import Resolver, resolve
from oracle.fetch.errors import (
    UriInvalid,
    UriNotFound,
    UriRefused,
    UriSchemeUnsupported,
    UriTimeout,
    UriUnreachable,
)
from oracle.fetch.http import HttpSource, parse
from oracle.fetch.sink import Fetched, write_capped
from storage.blobs import BlobMissing, BlobStoreRefused, BlobStoreUnavailable
from storage.blobs.gcs import new_reader, stream_object

MAX_URI = 2048
WALRUS_BLOB_ID = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in unpadded base64url


class Fetcher:
    """Fetches media by https, http, gs and walrus URIs into files, with limits of size and time.

    Args:
        max_bytes: Largest media.
        timeout_s: Limit for one whole fetch, redirects included.
        allow_private: Allow loopback and private addresses (development only).
        walrus_aggregator: Base URL of the aggregator that walrus:// blobs are read from. The
            operator chose it, so it may be private.
        gcs: Makes the client that gs:// objects are read with; by default with this machine's
            credentials, if any.
        resolver: Resolves a host to addresses.
        tls: How https servers are verified; by default by the usual certificate authorities.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_s: float = 120.0,
        allow_private: bool = False,
        walrus_aggregator: str | None = None,
        gcs: Callable[[], Any] = new_reader,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._allow_private = allow_private
        self._walrus = walrus_aggregator.rstrip("/") if walrus_aggregator else None
        self._make_gcs = gcs
        self._gcs: Any = None
        self._http = HttpSource(max_bytes=max_bytes, resolver=resolver, tls=tls)

    def fetch(self, uri: str, into: Path) -> Fetched:
        """Fetch the media behind a URI into a file; no file remains after a failure.

        Raises: FetchError; its `code` says what happened, `retryable` whether to try again.
        """
        self.check(uri)
        scheme = urlsplit(uri).scheme.lower()
        if scheme == "gs":
            return self._fetch_gs(uri, into)
        if scheme == "walrus":
            return self._fetch_walrus(uri, into)
        return self._fetch_http(uri, into)

    def check(self, uri: str) -> None:
        """Refuse a URI that can never be fetched. Does not touch the network.

        Raises: UriInvalid, UriSchemeUnsupported.
        """
        if len(uri) > MAX_URI or any(char <= " " or char == "\x7f" for char in uri):
            raise UriInvalid(
                f"A URI has at most {MAX_URI} characters, and no blanks or control characters."
            )
        try:
            parts = urlsplit(uri)
        except ValueError as exc:
            raise UriInvalid(f"This is not a valid URI: {exc}") from exc
        if parts.scheme == "gs":
            _gs_parts(uri)
        elif parts.scheme == "walrus":
            self._walrus_url(uri)
        else:
            parse(uri)

    def _fetch_http(self, url: str, into: Path, *, trusted: bool = False) -> Fetched:
        with self._http.get(
            url, timeout_s=self._timeout_s, allow_private=self._allow_private, trust_first=trusted
        ) as chunks:
            return write_capped(chunks, into, self._max_bytes)

    def _fetch_walrus(self, uri: str, into: Path) -> Fetched:
        try:
            return self._fetch_http(self._walrus_url(uri), into, trusted=True)
        except UriNotFound as exc:
            # An aggregator may answer "not found" for a while after a blob was stored.
            raise UriUnreachable("The Walrus aggregator does not know this blob (yet).") from exc

    def _fetch_gs(self, uri: str, into: Path) -> Fetched:
        bucket, name = _gs_parts(uri)
        try:
            if self._gcs is None:
                self._gcs = self._make_gcs()
            return write_capped(
                self._until_deadline(stream_object(self._gcs, bucket, name)), into, self._max_bytes
            )
        except BlobMissing as exc:
            raise UriNotFound(str(exc)) from exc
        except BlobStoreRefused as exc:
            raise UriRefused(str(exc)) from exc
        except BlobStoreUnavailable as exc:
            raise UriUnreachable(str(exc)) from exc

    def _until_deadline(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        deadline = time.monotonic() + self._timeout_s
        for chunk in chunks:
            yield chunk
            if time.monotonic() > deadline:
                raise UriTimeout

    def _walrus_url(self, uri: str) -> str:
        if self._walrus is None:
            raise UriSchemeUnsupported(
                "This oracle has no Walrus aggregator configured; use an https URI."
            )
        blob_id = uri.removeprefix("walrus://")
        if not WALRUS_BLOB_ID.fullmatch(blob_id):
            raise UriInvalid("A Walrus URI is walrus:// and a blob id of 43 characters.")
        return f"{self._walrus}/v1/blobs/{blob_id}"


def _gs_parts(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    name = unquote(parts.path.removeprefix("/"))
    if (
        not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", parts.netloc)
        or not name
        or parts.query
    ):
        raise UriInvalid("A Google Cloud Storage URI is gs://bucket/object.")
    return parts.netloc, name
