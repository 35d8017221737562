"""Children that do not outlive us."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """For Popen's preexec_fn: the kernel sends the child this signal when the thread that started
    it ends.

    The thread, not the process (prctl(2)): start such a child from a thread that lives as long as
    it should. None on systems without it; there a kill -9 of the parent leaves the child running.
    """
    if not sys.platform.startswith("linux"):
        return None
    # looked up before the fork; the child only makes the call
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os.kill(os.getpid(), number)

    return set_death_signal
