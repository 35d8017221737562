"""Which addresses media may be fetched from.

A name is resolved once, and the connection goes to the addresses that were checked. A name server
that answers differently the second time (DNS rebinding) is never asked a second time.
"""

import ipaddress
import socket
from collections.abc import Callable

from oracle.fetch.errors import UriForbiddenAddress, UriUnreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]

# Metadata services at addresses that count as public or as merely private.
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
# IPv6 prefixes that carry an IPv4 address to some gateway: RFC 6052 and RFC 8215.
NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system resolves it. Raises: UriUnreachable."""
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise UriUnreachable(f"The name {host} cannot be resolved: {exc}") from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def check_addresses(host: str, addresses: list[str], *, allow_private: bool) -> list[str]:
    """Return the addresses. Raises: UriForbiddenAddress if media may not come from one of them."""
    for text in addresses:
        if not is_allowed(
            ipaddress.ip_address(text.split("%", maxsplit=1)[0]), allow_private=allow_private
        ):
            raise UriForbiddenAddress(
                f"{host} leads to {text}, an address that media is not fetched from."
            )
    return addresses


def is_allowed(address: Address, *, allow_private: bool) -> bool:
    """Tell whether media may be fetched from this address.

    Private and loopback addresses are allowed in development only. Link-local, multicast,
    unspecified and metadata addresses never are: no media is stored there.
    """
    if address in METADATA or any(address.version == 6 and address in network for network in NAT64):
        return False
    embedded = _embedded_ipv4(address)
    if embedded is not None:
        return is_allowed(embedded, allow_private=allow_private)
    if address.is_loopback:
        return allow_private
    if (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    ):
        return False
    return allow_private if address.is_private else address.is_global


def _embedded_ipv4(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside a mapped, 6to4 or Teredo address."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
