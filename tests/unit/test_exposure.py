"""Who can reach the API, and whether it may then do without keys."""

from pathlib import Path

import pytest

from oracle.errors import ConfigurationError
from oracle.settings import Settings
from oracle.wiring import check_exposure

LOOPBACK = ("127.0.0.1", "127.8.9.10", "::1", "localhost")
REACHABLE = ("0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "203.0.113.4", "no-such-host.invalid")


def settings(host: str, **http: bool) -> Settings:
    return Settings(data_dir=Path("unused"), http={"host": host, **http})


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_alone_needs_no_keys(host: str) -> None:
    check_exposure(settings(host))


@pytest.mark.parametrize("host", REACHABLE)
def test_others_need_keys_or_the_flag(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"KEYS_REQUIRED=true.*ALLOW_KEYLESS=true"):
        check_exposure(settings(host))
    check_exposure(settings(host, keys_required=True))
    check_exposure(settings(host, allow_keyless=True))
