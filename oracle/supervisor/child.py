"""One running child: its process and its output."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process, create_subprocess_exec
from collections.abc import Callable

from oracle.processes import die_with_parent
from oracle.supervisor.spec import ChildSpec

READY_POLL_S = 0.1
MAX_LINE = 64 * 1024
OUTPUT_DRAIN_S = 1.0

Say = Callable[[str, str], None]  # (name of the child, one line of output)


class Child:
    """One run of a child process.

    Start it from the main thread: the child dies with the thread that started it.
    """

    def __init__(self, spec: ChildSpec, process: Process, say: Say) -> None:
        self.spec = spec
        self._process = process
        self._say = say
        self._output = asyncio.create_task(self._forward_output())

    @classmethod
    async def start(cls, spec: ChildSpec, say: Say) -> "Child":
        """Start the process. Raises: OSError if the program cannot be run."""
        process = await create_subprocess_exec(
            *spec.argv,
            env=spec.env,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
            # A kill -9 of the supervisor must not leave the tree running either.
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        return cls(spec, process, say)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended the process."""
        return (self._process.returncode or 0) < 0

    async def wait(self) -> int:
        """Wait until the process ended and the rest of its output was printed.

        Returns: the exit status, -N for signal N.
        """
        status = await self._process.wait()
        self._kill_group()  # processes that it left behind would be in the way of its successor
        await asyncio.wait({self._output}, timeout=OUTPUT_DRAIN_S)
        self._output.cancel()
        return status

    async def wait_until_ready(self) -> bool:
        """Wait until the child is ready. Returns: False if it ended or timed out before."""
        deadline = asyncio.get_running_loop().time() + self.spec.ready_timeout_s
        while self._process.returncode is None:
            if await asyncio.to_thread(self.spec.is_ready):
                return True
            if asyncio.get_running_loop().time() > deadline:
                self._say(self.spec.name, f"not ready after {self.spec.ready_timeout_s:.0f} s")
                return False
            await asyncio.sleep(READY_POLL_S)
        return False

    async def stop(self) -> int:
        """Ask the process to end; after the grace period kill it and its process group.

        Returns: its exit status.
        """
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(self.spec.stop_signal)
        try:
            await asyncio.wait_for(self._process.wait(), self.spec.grace_s)
        except TimeoutError:
            self._say(
                self.spec.name, f"still running after {self.spec.grace_s:g} s of grace: killed"
            )
            self.kill()
        return await self.wait()

    def kill(self) -> None:
        """Kill the process and its process group, if it still runs."""
        if self._process.returncode is None:
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _forward_output(self) -> None:
        assert self._process.stdout is not None
        rest = b""
        while chunk := await self._process.stdout.read(MAX_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._say(self.spec.name, line.decode(errors="replace"))
        if rest:
            self._say(self.spec.name, rest.decode(errors="replace"))
