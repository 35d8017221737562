"""Waiting for decisions: one look at the database for all clients that wait in this process.

A look for each of them would take the time from the workers that they wait for.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import structlog
from starlette.concurrency import run_in_threadpool

from oracle.errors import Busy
from storage.database import Database
from storage.errors import StorageError
from storage.works import analyses
from storage.works.analyses import Progress

LOOK_EVERY_S = 0.1
# Of one process, and of one key or address.
MAX_STREAMS, MAX_STREAMS_OF_ONE = 1000, 100
log = structlog.get_logger()


class Until(StrEnum):
    """What is waited for: the end of an analysis, or that nothing of it is on its way to the chain
    either.
    """

    ENDED = "ended"
    DELIVERED = "delivered"


@dataclass(eq=False)
class _Stream:
    """A client that follows an analysis, and what it is to be told next."""

    analysis_id: UUID
    whose: str
    news: Progress | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Answers:
    """Tells clients when what they wait for is there. Used from one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[asyncio.Future[None], tuple[UUID, Until]] = {}
        self._streams: set[_Stream] = set()
        self._watcher: asyncio.Task[None] | None = None

    async def wait(self, analysis_id: UUID, until: Until, seconds: float) -> None:
        """Return when it is there, or the time is over. Raises: StorageError."""
        if seconds <= 0:
            return
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = (analysis_id, until)
        self._look_out()
        try:
            await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            pass
        finally:
            self._waiting.pop(answer, None)

    def check_room(self, whose: str) -> None:
        """Check that one more stream may begin, of that key or address. Raises: Busy."""
        count = Counter(stream.whose for stream in self._streams)
        if count.total() >= MAX_STREAMS or count[whose] >= MAX_STREAMS_OF_ONE:
            raise Busy("Too many event streams are open; close some, or ask for the analyses.")

    async def follow(
        self, analysis_id: UUID, whose: str, seconds: float
    ) -> AsyncGenerator[Progress, None]:
        """Yield how far an analysis is, whenever that changes, until the time is over.

        While the database cannot be reached nothing changes.
        """
        stream, last = _Stream(analysis_id, whose), None
        ends_at = time.monotonic() + seconds
        self._streams.add(stream)
        self._look_out()
        try:
            while (left_s := ends_at - time.monotonic()) > 0:
                try:
                    await asyncio.wait_for(stream.changed.wait(), left_s)
                except TimeoutError:
                    return
                stream.changed.clear()
                if stream.news is not None and stream.news != last:
                    last = stream.news
                    yield last
        finally:
            self._streams.discard(stream)

    def _look_out(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while self._waiting or self._streams:
            ids = {analysis_id for analysis_id, _ in self._waiting.values()}
            ids |= {stream.analysis_id for stream in self._streams}
            try:
                there = await run_in_threadpool(self._look, sorted(ids))
            except StorageError as exc:
                self._tell({}, exc)
            except Exception:
                log.exception("answers.look_failed")
            else:
                self._tell(there)
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self, ids: list[UUID]) -> dict[UUID, Progress]:
        with self._db.transaction() as conn:
            return analyses.find_progress(conn, ids)

    def _tell(self, there: dict[UUID, Progress], failure: StorageError | None = None) -> None:
        for answer, (analysis_id, until) in list(self._waiting.items()):
            if answer.done():
                continue
            seen = there.get(analysis_id)
            if failure is not None:
                answer.set_exception(failure)
            elif seen and seen.ended and (until is Until.ENDED or not seen.on_its_way):
                answer.set_result(None)
        for stream in self._streams:
            seen = there.get(stream.analysis_id)
            if seen is not None and seen != stream.news:
                stream.news = seen
                stream.changed.set()
