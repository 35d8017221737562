"""Scheduled work for what people decide: the contract is told, read back, and reminded of its
deadlines.
"""

import time
from dataclasses import dataclass
from datetime import datetime

from oracle.appeals import (
    chain_deadlines,
    chain_questions,
    chain_verdicts,
    ruling_notices,
    rulings,
    vetoes,
)
from oracle.chain.node.case_reader import CaseReader
from oracle.chain.rpc.client import ChainClient
from oracle.payouts import wallet_transactions, wallets
from storage.chain import node_status
from storage.database import Database

DEADLINES_EVERY_S = 5.0


@dataclass(frozen=True)
class Tick:
    """The results of one round."""

    events: int
    verdicts: int
    calls: int
    told: int


class ChainCases:
    """Rounds of everything that people decide about posts. Safe at any time."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        *,
        may_claim: bool,
        deadlines_every_s: float = DEADLINES_EVERY_S,
    ) -> None:
        """
        Args:
            may_claim: Whether this process has the key on whose word a disputed share is held.
        """
        self._db = db
        self._client = client
        self._may_claim = may_claim
        self._reader = CaseReader(db, client)
        self._deadlines_every_s = deadlines_every_s
        self._kept_at = float("-inf")

    def tick(self, now: datetime) -> Tick:
        """Do one round; it may be cut off anywhere. Raises: ChainError, DatabaseUnavailable."""
        with self._db.transaction() as conn:
            status = node_status.get(conn)
        if status.latched:
            return Tick(0, 0, 0, 0)  # what was final is not: an operator has to look first
        head, finalized = self._client.look(status.known_final)
        events = self._reader.follow(finalized)
        verdicts = chain_verdicts.follow(self._db, self._client, finalized, now)
        vetoes.ask_again(self._db, now)
        chain_questions.take_over(self._db, now)
        wanted = rulings.advance(
            self._db, self._client, head, finalized, now, may_claim=self._may_claim
        )
        wanted += wallets.follow(self._db, head, now)
        wallet_transactions.follow(self._db, self._client, finalized, now)
        if time.monotonic() - self._kept_at >= self._deadlines_every_s:
            wanted += chain_deadlines.keep(self._db, self._client, head, finalized, now)
            self._kept_at = time.monotonic()
        return Tick(events, verdicts, wanted, ruling_notices.send_due(self._db, now))
