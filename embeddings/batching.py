"""Join the calls of several threads into one: a network works on eight pictures in less than eight
times one.

No thread of its own: the first caller waits a moment for company, runs the batch for all, and hands
out the results.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Call(Generic[Item, Result]):
    items: Sequence[Item]
    done: threading.Event = field(default_factory=threading.Event)
    results: Sequence[Result] = ()
    error: BaseException | None = None


class Batcher(Generic[Item, Result]):
    """Runs ``work`` over the joined items of the calls that come within ``wait_s`` of each other.

    work: takes at most ``max_items`` items (more only where one single call brings more) and
        returns one result for each, in order. One batch runs at a time; an exception of a batch is
        raised in every call that was in it.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result]],
        *,
        max_items: int = 32,
        wait_s: float = 0.004,
    ) -> None:
        self._work = work
        self._max_items = max_items
        self._wait_s = wait_s
        self._waiting: list[_Call[Item, Result]] = []
        self._lock = threading.Lock()
        self._running = threading.Lock()

    def __call__(self, items: Sequence[Item]) -> list[Result]:
        """The results of the given items, in order."""
        if not items:
            return []
        call: _Call[Item, Result] = _Call(items)
        with self._lock:
            self._waiting.append(call)
            alone = len(self._waiting) == 1
        if alone and self._running.locked():
            # a batch is running: company is likely by the time it ends
            call.done.wait(self._wait_s)
        while not call.done.is_set():
            with self._running:
                if not call.done.is_set():
                    self._run(self._take())
        if call.error is not None:
            raise call.error
        return list(call.results)

    def _take(self) -> list[_Call[Item, Result]]:
        with self._lock:
            taken: list[_Call[Item, Result]] = []
            size = 0
            while self._waiting and (
                not taken or size + len(self._waiting[0].items) <= self._max_items
            ):
                taken.append(self._waiting.pop(0))
                size += len(taken[-1].items)
            return taken

    def _run(self, calls: list[_Call[Item, Result]]) -> None:
        try:
            results = self._work([item for call in calls for item in call.items])
            at = 0
            for call in calls:
                call.results = results[at : at + len(call.items)]
                at += len(call.items)
        except BaseException as error:
            for call in calls:
                call.error = error
        finally:
            for call in calls:
                call.done.set()
