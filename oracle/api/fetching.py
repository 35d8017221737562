"""Fetches that requests wait for: on threads of their own, and none of a tenant that takes all."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from anyio import CapacityLimiter, fail_after
from anyio.to_thread import run_sync

from oracle.errors import FetchesFull

T = TypeVar("T")

RETRY_AFTER_S = 5


class FetchTurns:
    """Threads for fetches, of which each poster has a share.

    Args:
        total: threads. each: of one poster. patience_s: how long a fetch waits for its turn.
    """

    def __init__(self, total: int, each: int, patience_s: float) -> None:
        self._all = CapacityLimiter(total)
        self._each = each
        self._patience_s = patience_s
        self._of: dict[str, CapacityLimiter] = {}

    async def run(self, poster: str, fetch: Callable[[], T]) -> T:
        """Fetch when it is the poster's turn. Raises: FetchesFull, and what the fetch raises."""
        async with self._turn(poster):
            return await run_sync(fetch, limiter=CapacityLimiter(1))

    @asynccontextmanager
    async def _turn(self, poster: str) -> AsyncIterator[None]:
        mine = self._of.setdefault(poster, CapacityLimiter(self._each))
        me = object()
        try:
            # A poster's own first: whoever waits for them holds none that others need.
            await self._acquire(mine, me, "Your other fetches are not done yet")
            try:
                await self._acquire(self._all, me, "Too many servers are being waited for")
                try:
                    yield
                finally:
                    self._all.release_on_behalf_of(me)
            finally:
                mine.release_on_behalf_of(me)
        finally:
            if not mine.borrowed_tokens and not mine.statistics().tasks_waiting:
                self._of.pop(poster, None)

    async def _acquire(self, limiter: CapacityLimiter, borrower: object, why: str) -> None:
        try:
            with fail_after(self._patience_s):
                await limiter.acquire_on_behalf_of(borrower)
        except TimeoutError:
            raise FetchesFull(
                f"{why}; nothing was kept. Send it again later, or upload the file itself.",
                retry_after_s=RETRY_AFTER_S,
            ) from None
