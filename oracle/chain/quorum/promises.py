"""What a signer said it would sign: for a moment it says so of no other conclusion.

Two collectors that gather at once would otherwise split the signers between two reports, and
neither has a quorum until what was signed runs out.
"""

import threading
from dataclasses import dataclass, replace

from oracle.chain.core.report import PoCReport, ReportDraft


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised, to whom, and until when."""

    sender: bytes
    draft: ReportDraft
    until_s: float


class Promises:
    """Promises by request; each peer may hold a request up for a sixth of the time at most.

    Kept in memory: one that a crash forgets costs time, never a contradiction.
    """

    def __init__(self, lasts_s: float) -> None:
        self._lasts_s = lasts_s
        self._made: dict[bytes, Promise] = {}
        self._again_s: dict[tuple[bytes, bytes], float] = {}  # by request and peer
        self._lock = threading.Lock()

    def make(self, sender: bytes, report: PoCReport, now_s: float) -> bool:
        """Promise to sign this conclusion. Returns: False while another one is promised to another.

        Args: now_s: Of a clock that never goes back.
        """
        request_id, draft = report.request_id, report.draft()
        with self._lock:
            self._again_s = {key: at for key, at in self._again_s.items() if at > now_s}
            self._made = {key: one for key, one in self._made.items() if one.until_s > now_s}
            made = self._made.get(request_id)
            if made is None and (request_id, sender) not in self._again_s:
                self._made[request_id] = Promise(sender, draft, now_s + self._lasts_s)
                self._again_s[request_id, sender] = now_s + 6 * self._lasts_s
            elif made is not None and made.sender == sender:
                self._made[request_id] = replace(made, draft=draft)
            return made is None or made.sender == sender or made.draft == draft
