"""Where media may be fetched from."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses

from oracle.fetch import UriForbiddenAddress
from oracle.fetch.addresses import check_addresses, is_allowed

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"]
PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "::1",
    "fd12::1",
    "::ffff:10.0.0.1",
]
NEVER = [
    "169.254.169.254",  # metadata of most clouds
    "168.63.129.16",  # of Azure, at a public address
    "100.100.100.200",  # of Alibaba
    "192.0.0.192",  # of Oracle Cloud
    "fd00:ec2::254",  # of AWS
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",  # the same through NAT64
    "2002:a9fe:a9fe::1",  # through 6to4
    "::a9fe:a9fe",  # IPv4-compatible
    "fe80::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "100.64.0.1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert is_allowed(ipaddress.ip_address(text), allow_private=False)


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_only_if_allowed(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert not is_allowed(address, allow_private=False)
    assert is_allowed(address, allow_private=True)


@pytest.mark.parametrize("text", NEVER)
def test_some_addresses_never(text: str) -> None:
    assert not is_allowed(ipaddress.ip_address(text), allow_private=True)


def test_one_bad_address_of_a_host_is_enough() -> None:
    assert check_addresses("media.example", ["8.8.8.8"], allow_private=False) == ["8.8.8.8"]
    with pytest.raises(UriForbiddenAddress, match=r"media\.example leads to 10\.0\.0\.1"):
        check_addresses("media.example", ["8.8.8.8", "10.0.0.1"], allow_private=False)


@given(ip_addresses())
def test_nothing_is_allowed_that_the_standard_library_calls_not_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_allowed(address, allow_private=False):
        carried = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
        assert (carried or address).is_global or getattr(address, "teredo", None)


@given(ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_inside_an_ipv6_address(
    address: ipaddress.IPv4Address,
) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    assert is_allowed(mapped, allow_private=False) == is_allowed(address, allow_private=False)
