"""Creators as clients name them: by address or by name, in any spelling."""

import re

from oracle.chain.core.ids import ADDRESS, escrow_account, parse_account
from oracle.errors import InvalidCreator, NameResembles
from storage.database import Connection
from storage.names import canonical, is_name, mixed_scripts, plain, skeletons
from storage.works import creators
from storage.works.creators import Creator

# What was meant as an address: as long as one, or nothing but hex and about as long.
MEANT_AS_ADDRESS = re.compile(r"0x(.{40}|[0-9a-f]{32,})")


def parse_creator(creator: str) -> tuple[str, bytes, bool]:
    """Return handle, account (20 bytes) and whether that account is a wallet.

    A creator without a wallet is paid into an escrow account derived from the canonical name, so
    that it is the same whichever spelling comes first.

    Raises: InvalidCreator.
    """
    shown, name = plain(creator), canonical(creator)
    if MEANT_AS_ADDRESS.fullmatch(name):
        account = parse_account(shown)
        if account is None or account == bytes(20):
            raise InvalidCreator(
                f"'{creator}' is not a valid address: 0x and 40 hex digits, checksum right if"
                " mixed case."
            )
        return name, account, True
    if not is_name(name):
        raise InvalidCreator(
            f"'{creator}' is not a valid creator: use an address or 1 to 64 letters, digits, spaces"
            " and . _ @ : + - ' ·"
        )
    return shown, escrow_account(name), False


def find_creator(conn: Connection, creator: str) -> int | None:
    """Return the number of a creator given as address or name, None for one who never posted."""
    known = creators.find_creator(conn, creator)
    if known is None and ADDRESS.fullmatch(address := canonical(creator)):
        return creators.find_creator_of(conn, bytes.fromhex(address[2:]))
    return known


def ensure_creator(conn: Connection, creator: str, *, vetted: bool = False) -> int:
    """Return the number of a creator given as address or name, registered if new.

    Args: vetted: whether somebody judged the name already: another signer who registered it, or
        who vouches for it and for those that it is read as.
    Raises: InvalidCreator, NameResembles.
    """
    parse_creator(creator)
    known = find_creator(conn, creator)
    return register(conn, creator, vetted=vetted).id if known is None else known


def register(conn: Connection, creator: str, *, vetted: bool = False) -> Creator:
    """Register a new creator; a known one is returned as it is.

    Raises: InvalidCreator, NameResembles.
    """
    if not vetted:
        check_name(conn, creator)
    handle, account, has_wallet = parse_creator(creator)
    name = None if has_wallet else canonical(creator)
    return creators.ensure_creator(conn, handle, account, has_wallet, account_name=name)


def check_name(conn: Connection, creator: str) -> None:
    """Check that a creator is registered or may be.

    Raises: InvalidCreator, NameResembles where people would take the name for another one.
    """
    handle, _, has_wallet = parse_creator(creator)
    if has_wallet or find_creator(conn, handle) is not None:
        return
    scripts = mixed_scripts(handle)
    resembled = creators.find_resembling(conn, handle)
    if scripts:
        reads = next(iter(resembled.values()), skeletons(handle)[0])
        raise NameResembles(
            f"'{handle}' mixes the scripts {' and '.join(map(str.title, scripts))} and reads as"
            f" '{reads}'; use letters of one script. Nothing was kept."
        )
    if resembled:
        raise NameResembles(
            f"'{handle}' reads as '{next(iter(resembled.values()))}', who is registered; choose a"
            " name that people can tell apart, or let the operator vouch for it. Nothing was kept."
        )
