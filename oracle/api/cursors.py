"""Cursors of paged lists: opaque to clients, and refused if they were changed."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from oracle.errors import OracleError

Key = TypeVar("Key")


class InvalidCursor(OracleError):
    """This is no cursor of this list; leave it out to begin at the top."""

    code = "invalid_cursor"


def write_cursor(at: datetime, key: UUID | bytes) -> str:
    """Return the cursor after a row: its time, and a key that tells rows of that time apart."""
    name = key.hex() if isinstance(key, bytes) else str(key)
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{name}".encode()).decode().rstrip("=")


def read_cursor(text: str | None, key: Callable[[str], Key]) -> tuple[datetime, Key] | None:
    """Return time and key of the row that a cursor comes after; None for the top.

    Args:
        key: Reads the second part: `UUID`, or `bytes.fromhex`.
    Raises: InvalidCursor.
    """
    if text is None:
        return None
    try:
        at, name = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise InvalidCursor
        return moment, key(name)
    except (ValueError, binascii.Error) as exc:
        raise InvalidCursor from exc
