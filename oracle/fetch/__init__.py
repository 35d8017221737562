"""Fetch media from a URI that a stranger chose, without becoming the stranger's hands inside our
network.
"""

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
