"""The tree of processes: order of start, restarts, order of stop."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from oracle.supervisor.child import Child
from oracle.supervisor.spec import ChildSpec, backoff_s, describe_exit

OWN_NAME = "oracle"
# A child that ran this long has recovered: earlier failures no longer count.
HEALTHY_AFTER_S = 10.0


class Supervisor:
    """Runs children until it is stopped, or one of them cannot be started at all.

    Children start in the given order, each when the one before is ready, and stop in the reverse
    order. One that ends is started again after a pause that doubles with each failure up to half a
    minute, unless it was to run once; the others go on meanwhile. SIGINT and SIGTERM stop the tree
    in order; the second of them kills what is left. Run it in the main thread.
    """

    def __init__(
        self,
        children: Sequence[ChildSpec],
        *,
        output: TextIO | None = None,
        on_down: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        """`on_down` is told which children are down, with the reason, whenever that changes."""
        self._specs = tuple(children)
        self._on_down = on_down
        self._down: dict[str, str] = {}
        self._all_running = False
        self._output: TextIO | None = output or sys.stdout
        self._width = max(len(name) for name in (OWN_NAME, *(spec.name for spec in self._specs)))
        self._running: dict[str, Child] = {}
        self._stopping: asyncio.Event
        # held while a child starts, so that the stop misses none
        self._starting: asyncio.Lock
        self._gave_up = False

    def run(self) -> int:
        """Run the tree.

        Returns: 0 after an orderly stop, 1 if a child could not be started.
        """
        return asyncio.run(self._run())

    async def _run(self) -> int:
        self._stopping, self._starting = asyncio.Event(), asyncio.Lock()
        self._on_down({})
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number)
        watchers: list[asyncio.Task[None]] = []
        for spec in self._specs:
            ready = asyncio.Event()
            watcher = asyncio.create_task(self._keep_running(spec, ready))
            watcher.add_done_callback(self._on_watcher_done)
            watchers.append(watcher)
            await self._wait_for_any(ready, self._stopping)
            if self._stopping.is_set():
                break
        else:
            self._all_running = True
            self._say(OWN_NAME, "all running; Ctrl-C stops everything")
        await self._stopping.wait()
        async with self._starting:
            for watcher in watchers:
                watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        for spec in reversed(self._specs):
            if spec.name in self._running:
                self._say(spec.name, describe_exit(await self._running[spec.name].stop()))
        return 1 if self._gave_up else 0

    async def _keep_running(self, spec: ChildSpec, ready: asyncio.Event) -> None:
        """Restart the child whenever it ends, during the start of the tree a few times only.

        `ready` is set when it is first ready.
        """
        failures, set_up = 0, False
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            how, killed = await self._run_once(spec, ready)
            if spec.once:
                ready.set()
                self._say(spec.name, how)
                await loop.create_future()  # a keeper stays until it is cancelled
            healthy = loop.time() - began > HEALTHY_AFTER_S
            failures = 1 if healthy else failures + 1
            # What others killed, or what has worked, is not set up wrongly.
            set_up = set_up or healthy or killed
            if failures >= spec.max_failures and not (set_up or self._all_running):
                self._say(
                    spec.name, f"{how}; given up after {failures} failures, stopping everything"
                )
                return
            if failures > 1:
                how += f", {failures} times in a row"
            pause_s = backoff_s(failures)
            self._say(spec.name, f"{how}; starting it again in {pause_s:g} s")
            self._note_down(spec.name, how)
            await asyncio.sleep(pause_s)

    async def _run_once(self, spec: ChildSpec, ready: asyncio.Event) -> tuple[str, bool]:
        """Run the child once. Returns: how it ended, in words, and whether others killed it."""
        try:
            async with self._starting:
                child = await Child.start(spec, self._say)
                self._running[spec.name] = child
        except OSError as exc:
            return f"cannot be started: {exc}", False
        self._say(spec.name, f"started, pid {child.pid}")
        self._note_down(spec.name, None)
        # Once the tree runs, a child that is not ready may be waiting for another that is down.
        if self._all_running or await child.wait_until_ready():
            ready.set()
            status = await child.wait()
            how, killed = describe_exit(status), status < 0
        else:
            killed = child.was_killed
            how = describe_exit(await child.stop()) + " before it was ready"
        del self._running[spec.name]
        return how, killed

    def _note_down(self, name: str, why: str | None) -> None:
        """Tell that a child is down, or with None that it runs."""
        before = dict(self._down)
        if why is None:
            self._down.pop(name, None)
        else:
            self._down[name] = why
        if self._down != before:
            self._on_down(self._down)

    def _on_watcher_done(self, watcher: "asyncio.Task[None]") -> None:
        """Stop the tree: a child without its watcher would not be restarted."""
        if not watcher.cancelled():
            self._gave_up = True
            self._stopping.set()
            if error := watcher.exception():
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
        # the reader is gone (`| head`); the children must not stall on full pipes because of that
        except OSError:
            self._output = None

    @staticmethod
    async def _wait_for_any(*events: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
