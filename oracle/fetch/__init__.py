"""Fetch media from a URI that a client chose, without letting it reach our own network."""

from oracle.fetch.errors import (
    FetchError,
    UriForbiddenAddress,
    UriInvalid,
    UriNotFound,
    UriRefused,
    UriSchemeUnsupported,
    UriTimeout,
    UriTooLarge,
    UriUnreachable,
)
from oracle.fetch.fetcher import Fetcher
from oracle.fetch.sink import Fetched

__all__ = [
    "FetchError",
    "Fetched",
    "Fetcher",
    "UriForbiddenAddress",
    "UriInvalid",
    "UriNotFound",
    "UriRefused",
    "UriSchemeUnsupported",
    "UriTimeout",
    "UriTooLarge",
    "UriUnreachable",
]
