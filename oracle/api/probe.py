"""One look for all that ask at the same time, and never a second beside one that hangs."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from oracle.probes import PROBE_S

T = TypeVar("T")


class Probe(Generic[T]):
    """Shares the result of a look between those that ask while it is under way."""

    def __init__(self) -> None:
        self._look: asyncio.Task[T] | None = None

    async def __call__(self, look: Callable[[], T]) -> T | None:
        """Return what the look finds, None where that takes longer than PROBE_S."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(run_in_threadpool(look))
        try:
            return await asyncio.wait_for(asyncio.shield(self._look), PROBE_S)
        except TimeoutError:
            return None
