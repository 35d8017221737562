"""Places in a list, for clients to hand back: opaque, and refused if they were changed."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

from oracle.errors import OracleError


class InvalidCursor(OracleError):
    """This is no cursor of this list; leave it out to begin at the top."""

    code = "invalid_cursor"


def write_cursor(at: datetime, number: UUID) -> str:
    """The place after a row."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{number}".encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> tuple[datetime, UUID] | None:
    """The row that a place comes after; None for the top. Raises: InvalidCursor."""
    if text is None:
        return None
    try:
        at, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise InvalidCursor
        return moment, UUID(number)
    except (ValueError, binascii.Error) as exc:
        raise InvalidCursor from exc
