"""Waiting for another process."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(condition: Callable[[], Found], *, timeout_s: float = 60.0) -> Found:
    """What the condition returns, once that is true.

    Raises: TimeoutError when that takes too long.
    """
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s in vain")
        time.sleep(0.02)
    return found
