"""Where a viewer came from: inside the platform, an app, a private network, or a page outside.

Host names may be in any alphabet (UTS 46, by the library idna, BSD) and have underscores.
"""

import re
from collections.abc import Collection
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import idna

MAX_TEXT = 512
CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
WEB = ("", "http", "https")
PRIVATE_ENDINGS = (".local", ".internal", ".lan", ".home", ".corp", ".intranet", ".localhost")
# Traffic exchanges, which pay members in visits for visiting others; as in the public lists of
# referrer spam, kept small: a listed name is a hint for people, never a proof.
EXCHANGES = frozenset(
    {
        "10khits.com",
        "autosurf.cc",
        "easyhits4u.com",
        "feelingsurf.fr",
        "hitleap.com",
        "otohits.net",
        "rankboostup.com",
        "sparktraffic.com",
        "trafficg.com",
        "traffup.net",
        "webhits.io",
        "websyndic.com",
    }
)


class Source(StrEnum):
    """The kind of source that a referrer names."""

    UNKNOWN = "unknown"
    INSIDE = "inside"  # the platform, an app, a private network
    OUTSIDE = "outside"
    EXCHANGE = "exchange"


def plain_referrer(referrer: str) -> str | None:
    """Return host and path of a referrer, with the scheme of an app's; None without a host.

    Never its query, which identifies people.
    """
    return _plain(referrer.partition("?")[0].partition("#")[0])


@lru_cache(4096)
def source_of(referrer: str, own_domains: tuple[str, ...] = ()) -> Source:
    """Return the kind of a plain referrer. Never raises.

    Args:
        own_domains: The platform's own, with all below them; in lower case.
    """
    scheme, _, rest = referrer.rpartition("://")
    host = _ascii(rest.partition("/")[0].removeprefix("www."))
    if not host:
        return Source.UNKNOWN
    if scheme not in WEB or "." not in host or host.endswith(PRIVATE_ENDINGS):
        return Source.INSIDE
    if _is_below(host, own_domains):
        return Source.INSIDE
    try:
        return Source.OUTSIDE if ip_address(host).is_global else Source.INSIDE
    except ValueError:
        return Source.EXCHANGE if _is_below(host, EXCHANGES) else Source.OUTSIDE


@lru_cache(4096)
def _plain(referrer: str) -> str | None:
    try:
        parts = urlsplit(referrer.strip())
        host = parts.hostname
    except ValueError:
        return None
    if not host:
        return None
    scheme = "" if parts.scheme in WEB else f"{parts.scheme}://"
    return CONTROLS.sub("", scheme + host + parts.path.rstrip("/"))[:MAX_TEXT]


def _ascii(host: str) -> str:
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:  # underscores, for one
        return host.lower()


def _is_below(host: str, domains: Collection[str]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)
