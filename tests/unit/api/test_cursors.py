"""A place in a list comes back as it was written, and nothing else passes for one."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from oracle.api.cursors import InvalidCursor, read_cursor, write_cursor

AT = datetime(2026, 11, 22, 10, 30, 15, 123_456, UTC)


@pytest.mark.parametrize(("key", "reads"), [(UUID(int=7), UUID), (bytes(range(32)), bytes.fromhex)])
def test_a_place_comes_back_as_it_was_written(key: UUID | bytes, reads) -> None:  # type: ignore[no-untyped-def]
    text = write_cursor(AT, key)
    assert text.isascii() and not set(text) & set("+/=&?")
    assert read_cursor(text, reads) == (AT, key)


def test_no_cursor_is_the_top() -> None:
    assert read_cursor(None, UUID) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "MjAyNg",
        "AAAA",
        "ü",
        write_cursor(AT.replace(tzinfo=None), UUID(int=1)),
        write_cursor(AT, b"xy"),
    ],
)
def test_what_was_changed_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(text, UUID)
