"""Pay of the books on its way to the contract: base pay and grade go there, the contract does the rest itself.

The contract divides by its own verdict on the post, so what it would do is compared with the books before anything is
sent: where it judges the post otherwise (an appeal that has not reached it), the payment is held. A payment is made
once: the contract refuses a post's week a second time, and a run that died after sending finds it. It counts as paid
when its block is final; one that goes with its block is sent again. What a better grade adds later goes there as base
pay without a bonus, under a period of its own.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog

from oracle.chain import economy, verify
from oracle.chain.client import ChainClient
from oracle.chain.economy import ETHER, Split
from oracle.chain.report import Outcome
from oracle.chain.reverts import ContractReverted
from oracle.chain.signer import Signer
from oracle.chain.verify import PostResult, Redirect
from oracle.chain.wire import BlockId, hexed
from oracle.decision import Verdict
from oracle.money import Grade, bonus_bps, payout, redirect
from storage import ledger_chain
from storage.database import Connection, Database
from storage.ledger_chain import PayToSend, SentPay
from storage.ledger_stuck import StuckPay

log = structlog.get_logger()

# Each payment waits for its block: a round of more would keep everything else of the round waiting.
BATCH = 5
LOOKED_UP = 50
NUMBERS = {str(grade): number for number, grade in enumerate(Grade, start=1)}
VERDICTS = {
    Outcome.DERIVATIVE: Verdict.DERIVATIVE,
    Outcome.SELF_DUPLICATE: Verdict.SELF_DUPLICATE,
    Outcome.LICENSED: Verdict.LICENSED,
}  # the contract pays any other outcome as an original
HELD = "JudgedOtherwise"


@dataclass(frozen=True)
class Till:
    """What the vault pays with: a token, and how many of its smallest units are a cent."""

    token: bytes = ETHER
    units_per_cent: int = 1


@dataclass(frozen=True)
class Sent:
    """What one run did.

    Attributes:
        paid: in a block now; `final` of those before are so for good, `lost` went with their block.
        held: not sent, as the contract judges the post otherwise than the books.
        differing: were paid, but divided otherwise than in the books.
    """

    paid: int = 0
    refused: int = 0
    held: int = 0
    differing: int = 0
    final: int = 0
    lost: int = 0


def send_pay(db: Database, client: ChainClient, paymaster: Signer, till: Till, now: datetime) -> Sent:
    """Send what is booked and not on chain yet. Raises: ChainError, DatabaseUnavailable; the next run goes on."""
    with db.transaction() as lock:
        if not ledger_chain.try_lock(lock):
            return Sent()
        final, lost = _follow_sent(db, client, now)
        with db.transaction() as conn:
            due = ledger_chain.list_unsent(conn, now, BATCH)
        became = []
        for pay in due:
            with db.transaction() as conn:
                became.append(_send(conn, client, paymaster, till, pay, now))
    return Sent(
        paid=became.count("paid") + became.count("differing"), refused=became.count("refused"),
        held=became.count("held"), differing=became.count("differing"), final=final, lost=lost,
    )  # fmt: skip


def period_of(week: date, raised_to: str | None = None) -> bytes:
    """The 32 bytes that name a payment of a post on chain: SHA-256 of "week " and its Monday in ISO form.

    For what a better grade added later: followed by " raised to " and the grade.
    """
    name = f"week {week.isoformat()}" + (f" raised to {raised_to}" if raised_to else "")
    return hashlib.sha256(name.encode()).digest()


def agrees(split: Split, pay: PayToSend, till: Till) -> bool:
    """Whether the contract's parts are the books'.

    Exactly, where its units are cents; where they are smaller it floors twice (bonus, redirect) in those, and either
    floor may differ from the books' by less than a cent.
    """
    to_original, to_poster = owed(pay)
    differences = (
        split.to_original - to_original * till.units_per_cent,
        to_poster * till.units_per_cent - split.to_poster,
    )
    return all(abs(difference) < 2 * till.units_per_cent - 1 for difference in differences)


def owed(pay: PayToSend | StuckPay) -> tuple[int, int]:
    """Cents of a payment that the books give the original's creator and the poster by now."""
    whole, to_original = pay.to_original_minor + pay.to_poster_minor, pay.to_original_minor
    if pay.settled_redirect_bps is not None:
        to_original = min(to_original, redirect(whole, pay.settled_redirect_bps).to_original)
    return to_original, whole - to_original


def _judged_otherwise(client: ChainClient, pay: PayToSend, till: Till) -> dict[str, Any] | None:
    """What the contract says about a post; None where it would pay as the books do."""
    result = verify.find_result(client, pay.post_id)
    if result is None:
        return None  # the contract refuses a post it does not know, by a name of its own
    told = verify.read_redirect(client, pay.post_id)
    if _judged_alike(result, told, pay, till):
        return None
    return {
        "outcome": result.outcome.name.lower(), "status": result.status.name.lower(),
        "redirect_bps": told.redirect_bps, "beneficiary": hexed(told.beneficiary),
    }  # fmt: skip


def _judged_alike(result: PostResult, told: Redirect, pay: PayToSend, till: Till) -> bool:
    """Whether the contract would pay nobody but whom the books pay, the original's creator no more than they do."""
    verdict, grade, today = VERDICTS.get(result.outcome, Verdict.ORIGINAL), Grade(pay.grade), pay.today
    if (bonus_bps(grade, verdict), told.redirect_bps) != (bonus_bps(grade, Verdict(today.verdict)), today.redirect_bps):
        return False
    if today.redirect_bps and told.beneficiary != today.creditor_account:
        return False
    shares = payout(pay.base_minor * till.units_per_cent, grade, verdict, told.redirect_bps).shares
    to_original, to_poster = (part * till.units_per_cent for part in owed(pay))
    less_than_a_cent = 2 * till.units_per_cent - 1
    # A higher bonus of a post that turned out original is the poster's gain and nobody's loss.
    return abs(shares.to_original - to_original) < less_than_a_cent and to_poster - shares.to_poster < less_than_a_cent


def _follow_sent(db: Database, client: ChainClient, now: datetime) -> tuple[int, int]:
    """How many that were sent are final now, and how many are lost."""
    head = client.head()
    block = client.finalized(head).number
    with db.transaction() as conn:
        sent = ledger_chain.list_sent(conn, block, LOOKED_UP)
    final = lost = 0
    for pay in sent:
        if _is_paid(client, pay, block=block):
            with db.transaction() as conn:
                ledger_chain.keep_paid(conn, pay.transaction_id, now)
            final += 1
        elif _is_paid(client, pay, block=head.number):
            with db.transaction() as conn:
                ledger_chain.keep_moved(conn, pay.transaction_id, head.number)
        else:
            with db.transaction() as conn:
                ledger_chain.keep_lost(conn, pay.transaction_id, now)
            log.warning("pay.lost", transaction=pay.transaction_id)
            lost += 1
    return final, lost


def _is_paid(client: ChainClient, pay: PayToSend | SentPay, *, block: BlockId = "latest") -> bool:
    vault = client.deployment.bonus_vault
    return bool(
        client.read("BonusVault", vault, "isPaid", pay.post_id, period_of(pay.week, pay.raised_to), block=block)
    )


def _send(conn: Connection, client: ChainClient, paymaster: Signer, till: Till, pay: PayToSend, now: datetime) -> str:
    """What became of it: paid (also where an earlier run had sent it), differing, refused or held."""
    if _is_paid(client, pay):
        ledger_chain.keep_sent(conn, pay.transaction_id, None, None, block=client.head().number, now=now)
        return "paid"
    if (says := _judged_otherwise(client, pay, till)) is not None:
        ledger_chain.keep_unpaid(conn, pay.transaction_id, "held", HELD, now, says)
        log.error("pay.held", transaction=pay.transaction_id, post="0x" + pay.post_id.hex(), books=pay.today.verdict)
        return "held"
    try:
        split = economy.credit_bonus(
            client, paymaster, pay.post_id, period_of(pay.week, pay.raised_to), pay.base_minor * till.units_per_cent,
            NUMBERS[pay.grade], token=till.token,
        )  # fmt: skip
    except ContractReverted as exc:
        ledger_chain.keep_unpaid(conn, pay.transaction_id, "refused", exc.revert.name, now)
        log.warning("pay.refused", transaction=pay.transaction_id, error=exc.revert.name)
        return "refused"
    same = agrees(split, pay, till)
    parts = (split.to_original, split.to_poster)
    ledger_chain.keep_sent(conn, pay.transaction_id, parts, same, block=client.head().number, now=now)
    if not same:
        log.error("pay.differs", transaction=pay.transaction_id, to_original=split.to_original)
    return "paid" if same else "differing"
