"""Which addresses may be connected to.

A name is resolved once and the connection goes to the addresses that were checked: a name server
that answers differently the second time (DNS rebinding) has no second time.
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
    """Addresses of a host, as the system knows them. Raises: UriUnreachable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise UriUnreachable(f"The name {host} cannot be resolved: {exc}") from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_addresses(host: str, addresses: list[str], *, allow_private: bool) -> list[str]:
    """The same addresses. Raises: UriForbiddenAddress if any of them is out of bounds."""
    for text in addresses:
        if not is_allowed(
            ipaddress.ip_address(text.split("%", maxsplit=1)[0]), allow_private=allow_private
        ):
            raise UriForbiddenAddress(
                f"{host} leads to {text}, an address that media is not fetched from."
            )
    return addresses


def is_allowed(address: Address, *, allow_private: bool) -> bool:
    """Whether media may be fetched from this address.

    Private and loopback addresses only if allowed (development); link-local, multicast, unspecified
    and metadata addresses never: nothing that holds media lives there.
    """
    if address in METADATA or any(address.version == 6 and address in network for network in NAT64):
        return False
    carried = _carried_ipv4(address)
    if carried is not None:
        return is_allowed(carried, allow_private=allow_private)
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


def _carried_ipv4(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside a mapped, 6to4 or Teredo address."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
