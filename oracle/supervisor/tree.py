"""The tree: order of start, restarts, order of stop."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import TextIO

from oracle.supervisor.child import Child
from oracle.supervisor.spec import ChildSpec, backoff_s, describe_exit

OWN_NAME = "oracle"
# A child that lived so long has recovered: what happened before no longer counts.
HEALTHY_AFTER_S = 10.0


class Supervisor:
    """Runs children until it is told to stop or one of them cannot be kept running.

    Children start in the given order, each when the one before is ready, and stop in the reverse
    order. One that ends is started again after a pause that doubles with each failure, unless it
    was to run once. SIGINT and SIGTERM stop the tree in order; the second of them kills what is
    left. Run it in the main thread.
    """

    def __init__(self, children: Sequence[ChildSpec], *, output: TextIO | None = None) -> None:
        self._specs = tuple(children)
        self._output: TextIO | None = output or sys.stdout
        self._width = max(len(name) for name in (OWN_NAME, *(spec.name for spec in self._specs)))
        self._running: dict[str, Child] = {}
        self._stopping: asyncio.Event
        # held while a child starts, so that none is missed by the stop
        self._starting: asyncio.Lock
        self._gave_up = False

    def run(self) -> int:
        """Run the tree.

        Returns: 0 after an orderly stop, 1 if a child could not be kept running.
        """
        return asyncio.run(self._run())

    async def _run(self) -> int:
        self._stopping, self._starting = asyncio.Event(), asyncio.Lock()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number)
        keepers: list[asyncio.Task[None]] = []
        for spec in self._specs:
            ready = asyncio.Event()
            keeper = asyncio.create_task(self._keep(spec, ready))
            keeper.add_done_callback(self._on_keeper_done)
            keepers.append(keeper)
            await self._first_of(ready, self._stopping)
            if self._stopping.is_set():
                break
        else:
            self._say(OWN_NAME, "all running; Ctrl-C stops everything")
        await self._stopping.wait()
        async with self._starting:
            for keeper in keepers:
                keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for spec in reversed(self._specs):
            if spec.name in self._running:
                self._say(spec.name, describe_exit(await self._running[spec.name].stop()))
        return 1 if self._gave_up else 0

    async def _keep(self, spec: ChildSpec, ready: asyncio.Event) -> None:
        """Start the child, again and again; `ready` is set when it is first ready."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            how = await self._live_once(spec, ready)
            if spec.once:
                ready.set()
                self._say(spec.name, how)
                await loop.create_future()  # a keeper stays until it is cancelled
            failures = 1 if loop.time() - began > HEALTHY_AFTER_S else failures + 1
            if failures >= spec.most_failures:
                self._say(
                    spec.name, f"{how}; given up after {failures} failures, stopping everything"
                )
                return
            pause_s = backoff_s(failures)
            self._say(spec.name, f"{how}; starting it again in {pause_s:g} s")
            await asyncio.sleep(pause_s)

    async def _live_once(self, spec: ChildSpec, ready: asyncio.Event) -> str:
        """One life of the child. Returns: how it ended, in words."""
        try:
            async with self._starting:
                child = await Child.start(spec, self._say)
                self._running[spec.name] = child
        except OSError as exc:
            return f"cannot be started: {exc}"
        self._say(spec.name, f"started, pid {child.pid}")
        if await child.becomes_ready():
            ready.set()
            how = describe_exit(await child.wait())
        else:
            how = describe_exit(await child.stop()) + " before it was ready"
        del self._running[spec.name]
        return how

    def _on_keeper_done(self, keeper: "asyncio.Task[None]") -> None:
        """A child without its keeper would not be started again, so the tree does not go on
        without it.
        """
        if not keeper.cancelled():
            self._gave_up = True
            self._stopping.set()
            if error := keeper.exception():
                self._say(OWN_NAME, f"the supervisor itself failed: {error!r}")

    def _on_signal(self, number: signal.Signals) -> None:
        if not self._stopping.is_set():
            self._say(OWN_NAME, f"{number.name}: stopping")
            self._stopping.set()
            return
        self._say(OWN_NAME, f"{number.name} again: killing what is left")
        for child in self._running.values():
            child.kill()

    def _say(self, name: str, line: str) -> None:
        if self._output is None:
            return
        try:
            print(f"{name:<{self._width}} | {line}", file=self._output, flush=True)
        # nobody reads any more (`| head`); the children must not stall on full pipes for that
        except OSError:
            self._output = None

    @staticmethod
    async def _first_of(*events: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
