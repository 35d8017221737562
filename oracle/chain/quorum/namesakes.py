"""Other nodes with our key: each says hello with the name of its database, and the peers tell the
younger one of the older.

A peer cannot make one up: what it tells is signed with our own key, and not a minute old. Unseen
stays a node that reaches none of the peers that we reach, and one on a copy of our own database.
"""

import threading
from typing import Any

import structlog

from oracle.chain.core.report import domain_separator
from oracle.chain.core.wire import hexed
from oracle.chain.errors import InvalidReport, KeyUsedElsewhere
from oracle.chain.keys.signer import Signer
from oracle.chain.quorum.peers import FRESH_S, Body, open_envelope, seal
from storage.chain import node_status
from storage.database import Database

log = structlog.get_logger(__name__)

HELLO_EVERY_S = 20.0
MAX_TOLD = 4


class Namesakes:
    """What one signer has heard of others' databases, and of its own key's."""

    def __init__(self, db: Database, signer: Signer, chain_id: int, hub: bytes) -> None:
        self._db = db
        self._signer = signer
        self._domain = domain_separator(chain_id, hub)
        self._said_at = float("-inf")
        self._found: str | None = None
        # By signer and the name of the database: when, and the envelope.
        self._heard: dict[tuple[bytes, str], tuple[int, Body]] = {}
        self._lock = threading.Lock()

    def meet(self, sender: bytes, statement: Body, now: int) -> list[Body]:
        """Hear a signer's statement. Returns: fresh ones of its key by other databases.

        Raises: InvalidReport for what is none of that signer's, or old.
        """
        signer, body = open_envelope(statement, self._domain, sender, now)
        if signer != sender:
            raise InvalidReport(f"{hexed(sender)} says hello for another.")
        with self._lock:
            self._heard = {
                key: heard for key, heard in self._heard.items() if now - heard[0] <= FRESH_S
            }
            others = [
                envelope
                for (other, name), (_, envelope) in self._heard.items()
                if other == sender and name != body["instance"]
            ]
            self._heard[sender, str(body["instance"])] = now, statement
        return others[:MAX_TOLD]

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to say hello again. Args: now_s: Of a clock that never goes back."""
        due = now_s - self._said_at >= HELLO_EVERY_S
        if due:
            self._said_at = now_s
        return due

    def statement(self, now: int) -> Body:
        """Our own hello, for any peer."""
        instance, since = self._ours()
        body = {"instance": instance, "since": since}
        return seal(self._signer, self._domain, self._signer.address, now, body)

    def compare(self, told: Any, now: int) -> None:
        """Take what a peer tells of our key; a younger database is the other one's matter."""
        for envelope in told[:MAX_TOLD] if isinstance(told, list) else []:
            try:
                signer, body = open_envelope(envelope, self._domain, self._signer.address, now)
                theirs = float(body["since"]), str(body["instance"])
            except (InvalidReport, KeyError, TypeError, ValueError):
                continue  # a peer that makes things up
            instance, since = self._ours()
            if signer != self._signer.address or theirs[1] == instance:
                continue
            if theirs < (since, instance):
                self.notice("a hello of this minute")
            else:
                log.error("key.used_elsewhere", instance=theirs[1], reason="it is the younger one")

    def notice(self, what: str) -> None:
        """Note something that our key signed and we did not."""
        self._found = self._found or what

    def require_none(self) -> None:
        """Raises: KeyUsedElsewhere once one was found."""
        if self._found is not None:
            # The caller keeps it; what goes on is found again.
            found, self._found = self._found, None
            raise KeyUsedElsewhere(
                f"Peers have {found}, signed with the key of"
                f" {hexed(self._signer.address)}, that is not of this database: a second node uses"
                " the key, or the database is an older copy. Stop the other one, wait a minute,"
                " and run `oracle clear-latch` if this one had started."
            )

    def _ours(self) -> tuple[str, float]:
        with self._db.transaction() as conn:
            instance, since = node_status.instance(conn)
        return str(instance), since.timestamp()
