"""Child processes that end with their parent."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """Make a preexec_fn for Popen: the child gets this signal when the thread that started it ends.

    It is the thread, not the process (prctl(2)): start such a child from a thread that lives as
    long as the child should. None where the system lacks it; there a kill -9 of the parent leaves
    the child running.
    """
    if not sys.platform.startswith("linux"):
        return None
    # loaded before the fork; the child only makes the call
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the call
            os.kill(os.getpid(), number)

    return set_death_signal
