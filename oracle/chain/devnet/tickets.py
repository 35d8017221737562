"""Work that one thread does for others, who wait until what they asked for was begun after they
asked.
"""

import threading


class Tickets:
    """Requests served in batches: one run serves all who asked before it began, and nobody who
    asked later.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = 0
        self._served = 0

    def ask_and_wait(self, timeout_s: float) -> bool:
        """Whether a run that began after this call has ended in time."""
        with self._changed:
            self._asked += 1
            mine = self._asked
            return self._changed.wait_for(lambda: self._served >= mine, timeout_s)

    def waiting(self) -> int | None:
        """The number to hand to `serve` after a run, or none if nobody waits."""
        with self._changed:
            return self._asked if self._asked > self._served else None

    def serve(self, number: int) -> None:
        with self._changed:
            self._served = number
            self._changed.notify_all()
