"""Pay of the books on its way to the contract: base pay and grade go there, the contract does the rest itself.

The contract divides by its own verdict on the post, so every payment is also a check that books and chain agree.
A payment is made once: the contract refuses a post's week a second time, and a run that died after sending finds it.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

import structlog

from oracle.chain import economy
from oracle.chain.client import ChainClient
from oracle.chain.economy import ETHER, Split
from oracle.chain.reverts import ContractReverted
from oracle.chain.signer import Signer
from oracle.money import Grade
from storage import ledger_chain
from storage.database import Connection, Database
from storage.ledger_chain import PayToSend

log = structlog.get_logger()

BATCH = 50
NUMBERS = {str(grade): number for number, grade in enumerate(Grade, start=1)}


@dataclass(frozen=True)
class Till:
    """What the vault pays with: a token, and how many of its smallest units are a cent."""

    token: bytes = ETHER
    units_per_cent: int = 1


@dataclass(frozen=True)
class Sent:
    """What one run did; `differing` were paid, but divided otherwise than in the books."""

    paid: int = 0
    refused: int = 0
    differing: int = 0


def send_pay(db: Database, client: ChainClient, paymaster: Signer, till: Till, now: datetime) -> Sent:
    """Send what is booked and not on chain yet. Raises: ChainError, DatabaseUnavailable; the next run goes on."""
    paid = refused = differing = 0
    with db.transaction() as lock:
        if not ledger_chain.try_lock(lock):
            return Sent()
        with db.transaction() as conn:
            due = ledger_chain.list_unsent(conn, BATCH)
        for pay in due:
            with db.transaction() as conn:
                became = _send(conn, client, paymaster, till, pay, now)
            paid += became is not None
            refused += became is None
            differing += became is False
    return Sent(paid, refused, differing)


def period_of(week: date) -> bytes:
    """The 32 bytes that name a week on chain: SHA-256 of "week " and its Monday in ISO form."""
    return hashlib.sha256(f"week {week.isoformat()}".encode()).digest()


def agrees(split: Split, pay: PayToSend, till: Till) -> bool:
    """Whether the contract's parts are the books'.

    Exactly, where its units are cents; where they are smaller it floors twice (bonus, redirect) in those, and either
    floor may differ from the books' by less than a cent.
    """
    differences = (
        split.to_original - pay.to_original_minor * till.units_per_cent,
        pay.to_poster_minor * till.units_per_cent - split.to_poster,
    )
    return all(abs(difference) < 2 * till.units_per_cent - 1 for difference in differences)


def _send(
    conn: Connection, client: ChainClient, paymaster: Signer, till: Till, pay: PayToSend, now: datetime
) -> bool | None:
    """Whether the contract agreed, True also where it had paid before; None where it refused."""
    period = period_of(pay.week)
    if client.read("BonusVault", client.deployment.bonus_vault, "isPaid", pay.post_id, period):
        ledger_chain.keep_paid(conn, pay.transaction_id, None, None, now)
        return True
    try:
        split = economy.credit_bonus(
            client, paymaster, pay.post_id, period, pay.base_minor * till.units_per_cent, NUMBERS[pay.grade],
            token=till.token,
        )  # fmt: skip
    except ContractReverted as exc:
        ledger_chain.keep_refused(conn, pay.transaction_id, exc.revert.name, now)
        log.warning("pay.refused", transaction=pay.transaction_id, error=exc.revert.name)
        return None
    same = agrees(split, pay, till)
    ledger_chain.keep_paid(conn, pay.transaction_id, (split.to_original, split.to_poster), same, now)
    if not same:
        log.error("pay.differs", transaction=pay.transaction_id, to_original=split.to_original)
    return same
