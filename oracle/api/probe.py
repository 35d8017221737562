"""One look for all that ask at the same time, and never a second beside one that hangs."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from oracle.probes import PROBE_S

T = TypeVar("T")


class Probe(Generic[T]):
    """Shares the result of a look between those that ask meanwhile, or at most `keep_s` later."""

    def __init__(self, keep_s: float = 0.0) -> None:
        self._keep_s = keep_s
        self._look: asyncio.Task[T] | None = None
        self._found_at = -math.inf

    async def __call__(self, look: Callable[[], T]) -> T | None:
        """Return what the look finds, None where that takes longer than PROBE_S."""
        if self._look is not None and self._look.done():
            if time.monotonic() - self._found_at < self._keep_s:
                return self._look.result()  # of whichever event loop it was
            self._look = None
        if self._look is None:
            self._look = asyncio.create_task(self._find(look))
        try:
            return await asyncio.wait_for(asyncio.shield(self._look), PROBE_S)
        except TimeoutError:
            return None

    async def _find(self, look: Callable[[], T]) -> T:
        found = await run_in_threadpool(look)
        self._found_at = time.monotonic()
        return found
