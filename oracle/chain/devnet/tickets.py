"""Work that one thread does for others; each waits for a run that began after its request."""

import threading


class Tickets:
    """Requests served in batches: a run serves those made before it began, and no later ones."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requested = 0
        self._served = 0

    def request_and_wait(self, timeout_s: float) -> bool:
        """Request a run and wait for it. Returns: whether it ended in time."""
        with self._changed:
            self._requested += 1
            number = self._requested
            return self._changed.wait_for(lambda: self._served >= number, timeout_s)

    def waiting(self) -> int | None:
        """Return the number to pass to `serve` after a run, None if no request waits."""
        with self._changed:
            return self._requested if self._requested > self._served else None

    def serve(self, number: int) -> None:
        """Note that requests up to this number are served."""
        with self._changed:
            self._served = number
            self._changed.notify_all()
