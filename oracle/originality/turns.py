"""What keeps fetches from crowding each other out, and saves reading a file again."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from oracle.jobs import RetrySoon
from oracle.media.handler import Extraction

Place = tuple[datetime, int]  # in the order of works: dated at, number
TURN_S = 1.0  # a fast server frees a turn in that time; a slow one must not fill all slots


class HostTurns:
    """Lets a few fetches at a time go to one host, so that a slow one holds up its own only."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._at_work: Counter[str] = Counter()
        self._freed = threading.Condition()

    @contextmanager
    def turn(self, uri: str) -> Iterator[None]:
        """Hold a turn at the URI's host. Raises: RetrySoon if none is free in time."""
        host = urlsplit(uri).netloc
        with self._freed:
            if not self._freed.wait_for(lambda: self._at_work[host] < self._per_host, TURN_S):
                raise RetrySoon(f"{self._per_host} files are being fetched from {host}.")
            self._at_work[host] += 1
        try:
            yield
        finally:
            with self._freed:
                self._at_work[host] -= 1
                if not self._at_work[host]:
                    del self._at_work[host]
                self._freed.notify_all()


class KeptExtractions:
    """Extractions of works whose decision waits; the last in the order goes when there are too
    many, since it is needed last.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[UUID, tuple[Place, Extraction]] = {}
        self._lock = threading.Lock()

    def keep(self, analysis_id: UUID, place: Place, extraction: Extraction) -> None:
        with self._lock:
            self._kept[analysis_id] = (place, extraction)
            while len(self._kept) > self._limit:
                del self._kept[max(self._kept, key=lambda one: self._kept[one][0])]

    def take(self, analysis_id: UUID) -> Extraction | None:
        """Return what was kept, once; None where it was not, or went."""
        with self._lock:
            kept = self._kept.pop(analysis_id, None)
        return kept[1] if kept else None

    def list_if_full(self) -> list[UUID]:
        """The analyses for which there is no room for another; none while there is room."""
        with self._lock:
            return list(self._kept) if len(self._kept) >= self._limit else []
