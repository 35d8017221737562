"""What follows from the public record, kept by its head: each request reads what is new alone."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oracle.rules.figures import COUNTED, Figures, Tally
from storage.database import Connection
from storage.fraud import audit_log, public_record

START = (0, audit_log.FIRST)
# Who changes an old row changes no new one: so often all of it is read again.
WHOLE_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Checked:
    """How far the record is whole.

    Attributes:
        broken: The first number at which it is not; None where it is whole.
        head: Number and hash that it is whole up to.
        whole_at: When it was last read from its first row on.
    """

    broken: int | None
    head: tuple[int, bytes]
    whole_at: datetime


class RecordCache:
    """The figures and the check of one database's record. Threads may share it."""

    def __init__(self) -> None:
        self._counting, self._checking = threading.Lock(), threading.Lock()
        self._start()
        self._checked: Checked | None = None

    def _start(self) -> None:
        self._tally, self._counted = Tally(), START
        self._figures = self._tally.figures()

    def figures(self, conn: Connection) -> Figures:
        """Return the figures of all that is in the record now."""
        with self._counting:
            if not audit_log.has(conn, self._counted):  # another record than the one counted
                self._start()
            head = audit_log.head(conn)
            if head != self._counted:
                for step in _public(conn, self._counted[0], head[0]):
                    self._tally.add(*step)
                self._figures, self._counted = self._tally.figures(), head
            return self._figures

    def check(self, conn: Connection, now: datetime) -> Checked:
        """Check what is new in the record, and from time to time all of it."""
        with self._checking:
            known = self._checked
            if (
                known is None
                or known.broken is not None
                or now - known.whole_at >= WHOLE_EVERY
                or not audit_log.has(conn, known.head)
            ):
                known = Checked(None, START, now)
            broken, head = audit_log.read_on(conn, known.head)
            self._checked = Checked(broken, head, known.whole_at)
            return self._checked


def _public(conn: Connection, after: int, up_to: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for seq, step, body in public_record.bodies(conn, COUNTED, after, up_to):
        yield seq, step, json.loads(body)["facts"]
