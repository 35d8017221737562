"""What a child process is, and when it is restarted."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx2

FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
PROBE_TIMEOUT_S = 2.0


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """One program of the tree.

    Args:
        name: Prefix of each line that the child prints.
        argv: Command line. The child gets a session of its own, so the terminal's Ctrl-C does not
            reach it.
        env: Its whole environment; None passes ours on.
        ready: A URL that answers 2xx, or a function, once the child can be used; None: as soon as
            it runs.
        ready_timeout_s: A child that is not ready by then counts as crashed.
        stop_signal: Asks it to end.
        grace_s: How long it may take to end before it is killed.
        once: Not started again when it ends, however it ends; the tree goes on without it.
        max_failures: After so many failures in a row during the start the whole tree stops: what
            never worked is set up wrongly. Later it is tried again for ever, and the others go on,
            as where something else killed it.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    ready: Callable[[], bool] | str | None = None
    ready_timeout_s: float = 120.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 15.0
    max_failures: int = 5
    once: bool = False

    def is_ready(self) -> bool:
        """Ask the child. May block for PROBE_TIMEOUT_S, or as long as the function takes."""
        if self.ready is None:
            return True
        if callable(self.ready):
            return self.ready()
        try:
            return httpx2.get(self.ready, timeout=PROBE_TIMEOUT_S, trust_env=False).is_success
        except httpx2.HTTPError:
            return False


def backoff_s(failures: int) -> float:
    """Return the pause before the restart that follows so many failures in a row (at least 1)."""
    return float(min(FIRST_BACKOFF_S * 2 ** (failures - 1), MAX_BACKOFF_S))


def describe_exit(status: int) -> str:
    """Put an exit status of Popen into words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
