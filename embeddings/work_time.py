"""How long one file may be worked on: its length and its size in pixels bound what is kept, not
what it costs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from embeddings.errors import MediaTooLong


class WorkTime:
    """A wall clock that starts with the object; ``paused`` stops it while others work."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._until = time.monotonic() + most_s

    def check(self) -> None:
        """Raises: MediaTooLong once the time is up."""
        if time.monotonic() >= self._until:
            raise MediaTooLong(
                f"Decoding the file was given up after {self._most_s:,.0f} s, the most that is"
                " spent on one. Send it in parts, or with fewer or smaller frames."
            )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done inside does not count."""
        since = time.monotonic()
        try:
            yield
        finally:
            self._until += time.monotonic() - since
