"""Waiting for decisions: one look at the database for all clients that wait in this process.

A look for each of them would take the time from the workers that they wait for.
"""

import asyncio
from enum import StrEnum
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from storage.database import Database
from storage.errors import StorageError
from storage.works import analyses

LOOK_EVERY_S = 0.1


class Until(StrEnum):
    """What is waited for: the end of an analysis, or that nothing of it is on its way to the chain
    either.
    """

    ENDED = "ended"
    DELIVERED = "delivered"


class Answers:
    """Tells clients when what they wait for is there. Used from one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[asyncio.Future[None], tuple[UUID, Until]] = {}
        self._watcher: asyncio.Task[None] | None = None

    async def wait(self, analysis_id: UUID, until: Until, seconds: float) -> None:
        """Return when it is there, or the time is over. Raises: StorageError."""
        if seconds <= 0:
            return
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = (analysis_id, until)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())
        try:
            await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            pass
        finally:
            self._waiting.pop(answer, None)

    async def _watch(self) -> None:
        while self._waiting:
            ids = sorted({analysis_id for analysis_id, _ in self._waiting.values()})
            try:
                there = await run_in_threadpool(self._look, ids)
            except StorageError as exc:
                self._tell({}, exc)
            else:
                self._tell(there)
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self, ids: list[UUID]) -> dict[UUID, set[Until]]:
        with self._db.transaction() as conn:
            ended = analyses.find_ended(conn, ids)
        return {
            analysis_id: {Until.ENDED, Until.DELIVERED} if delivered else {Until.ENDED}
            for analysis_id, delivered in ended.items()
        }

    def _tell(self, there: dict[UUID, set[Until]], failure: StorageError | None = None) -> None:
        for answer, (analysis_id, until) in list(self._waiting.items()):
            if answer.done():
                continue
            if failure is not None:
                answer.set_exception(failure)
            elif until in there.get(analysis_id, ()):
                answer.set_result(None)
