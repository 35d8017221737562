"""Cursors of paged lists: opaque to clients, and refused if they were changed."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from oracle.errors import OracleError

Key = TypeVar("Key")
Place = TypeVar("Place")


class InvalidCursor(OracleError):
    """This is no cursor of this list; leave it out to begin at the top."""

    code = "invalid_cursor"


def write_cursor(at: datetime | int, key: UUID | bytes) -> str:
    """Return the cursor after a row: its time or number, and a key that tells equal ones apart."""
    name = key.hex() if isinstance(key, bytes) else str(key)
    place = at.isoformat() if isinstance(at, datetime) else str(at)
    return base64.urlsafe_b64encode(f"{place}|{name}".encode()).decode().rstrip("=")


def read_cursor(text: str | None, key: Callable[[str], Key]) -> tuple[datetime, Key] | None:
    """Return time and key of the row that a cursor comes after; None for the top.

    Args:
        key: Reads the second part: `UUID`, or `bytes.fromhex`.
    Raises: InvalidCursor.
    """
    return _read(text, _moment, key)


def read_place(text: str | None, key: Callable[[str], Key]) -> tuple[int, Key] | None:
    """Return number and key of the row that a cursor comes after. Raises: InvalidCursor."""
    return _read(text, _number, key)


def _read(
    text: str | None, place: Callable[[str], Place], key: Callable[[str], Key]
) -> tuple[Place, Key] | None:
    if text is None:
        return None
    try:
        at, name = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        return place(at), key(name)
    except (ValueError, binascii.Error) as exc:
        raise InvalidCursor from exc


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise InvalidCursor
    return moment


def _number(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise InvalidCursor
    return number
