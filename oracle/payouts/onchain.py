"""Pay of the ledger on its way to the contract: base pay and grade go there, the contract does the
rest itself.

The contract divides by its own verdict on the post, so what it would do is compared with the ledger
before anything is sent: where it judges the post otherwise (an appeal that has not reached it), the
payment is held. A payment is made once: the contract refuses a post's week a second time, and a run
that died after sending finds it. It counts as paid when its block is final; one that goes with its
block is sent again. What a better grade adds later goes there as base pay without a bonus, under a
period of its own.

What a person withholds, to pay it another way, is not sent any more. It is confirmed only when
nothing that was sent for it can still be mined: the nonce of the last such transaction is spent in
a final block, and the contract has not paid.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from oracle.chain.contracts import payments, verify
from oracle.chain.contracts.payments import ETHER, Split
from oracle.chain.contracts.verify import PostResult, Redirect
from oracle.chain.core.report import Outcome
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.core.wire import BlockId, hexed
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import ChainClient
from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade, bonus_bps, payout, redirect
from storage.database import Database
from storage.ledger import onchain as ledger_chain
from storage.ledger import stuck as ledger_stuck
from storage.ledger.onchain import PayToSend, SentPay, Signed
from storage.ledger.stuck import StuckPay

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
# A transaction that was not mined for so long may have been forgotten; until then none is sent
# beside it.
FORGOTTEN_AFTER = timedelta(minutes=30)


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
        held: not sent, as the contract judges the post otherwise than the ledger.
        differing: were paid, but divided otherwise than in the ledger.
        waiting: were sent before and are not mined yet.
        confirmed: were withheld, and can be paid another way now.
    """

    paid: int = 0
    refused: int = 0
    held: int = 0
    differing: int = 0
    final: int = 0
    lost: int = 0
    waiting: int = 0
    confirmed: int = 0


class _NotToBeSent(Exception):
    """It was withheld between the look at it and the sending."""


def send_pay(
    db: Database, client: ChainClient, paymaster: Signer, till: Till, now: datetime
) -> Sent:
    """Send what is booked and not on chain yet.

    Raises: ChainError, DatabaseUnavailable; the next run goes on.
    """
    with db.transaction() as lock:
        if not ledger_chain.try_lock(lock):
            return Sent()
        final, lost = _follow_sent(db, client, now)
        confirmed = _confirm_withheld(db, client, now)
        with db.transaction() as conn:
            due = ledger_chain.list_unsent(conn, now, BATCH)
        became = [_send(db, client, paymaster, till, pay, now) for pay in due]
    return Sent(
        paid=became.count("paid") + became.count("differing"),
        refused=became.count("refused"),
        held=became.count("held"),
        differing=became.count("differing"),
        final=final,
        lost=lost,
        waiting=became.count("waiting"),
        confirmed=confirmed,
    )


def period_of(week: date, raised_to: str | None = None) -> bytes:
    """The 32 bytes that name a payment of a post on chain: SHA-256 of "week " and its Monday in ISO
    form.

    For what a better grade added later: followed by " raised to " and the grade.
    """
    name = f"week {week.isoformat()}" + (f" raised to {raised_to}" if raised_to else "")
    return hashlib.sha256(name.encode()).digest()


def agrees(split: Split, pay: PayToSend, till: Till) -> bool:
    """Whether the contract's parts are the ledger'.

    Exactly, where its units are cents; where they are smaller it floors twice (bonus, redirect) in
    those, and either floor may differ from the ledger' by less than a cent.
    """
    to_original, to_poster = owed(pay)
    differences = (
        split.to_original - to_original * till.units_per_cent,
        to_poster * till.units_per_cent - split.to_poster,
    )
    return all(abs(difference) < 2 * till.units_per_cent - 1 for difference in differences)


def owed(pay: PayToSend | StuckPay) -> tuple[int, int]:
    """Cents of a payment that the ledger give the original's creator and the poster by now."""
    whole, to_original = pay.to_original_minor + pay.to_poster_minor, pay.to_original_minor
    if pay.settled_redirect_bps is not None:
        to_original = min(to_original, redirect(whole, pay.settled_redirect_bps).to_original)
    return to_original, whole - to_original


def _judged_otherwise(client: ChainClient, pay: PayToSend, till: Till) -> dict[str, Any] | None:
    """What the contract says about a post; None where it would pay as the ledger do."""
    result = verify.find_result(client, pay.post_id)
    if result is None:
        return None  # the contract refuses a post it does not know, by a name of its own
    told = verify.read_redirect(client, pay.post_id)
    if _judged_alike(result, told, pay, till):
        return None
    return {
        "outcome": result.outcome.name.lower(),
        "status": result.status.name.lower(),
        "redirect_bps": told.redirect_bps,
        "beneficiary": hexed(told.beneficiary),
    }


def _judged_alike(result: PostResult, told: Redirect, pay: PayToSend, till: Till) -> bool:
    """Whether the contract would pay nobody but whom the ledger pay, the original's creator no
    more than they do.
    """
    verdict, grade, today = (
        VERDICTS.get(result.outcome, Verdict.ORIGINAL),
        Grade(pay.grade),
        pay.today,
    )
    if (bonus_bps(grade, verdict), told.redirect_bps) != (
        bonus_bps(grade, Verdict(today.verdict)),
        today.redirect_bps,
    ):
        return False
    if today.redirect_bps and told.beneficiary != today.creditor_account:
        return False
    shares = payout(pay.base_minor * till.units_per_cent, grade, verdict, told.redirect_bps).shares
    to_original, to_poster = (part * till.units_per_cent for part in owed(pay))
    less_than_a_cent = 2 * till.units_per_cent - 1
    # A higher bonus of a post that turned out original is the poster's gain and nobody's loss.
    return (
        abs(shares.to_original - to_original) < less_than_a_cent
        and to_poster - shares.to_poster < less_than_a_cent
    )


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


def _confirm_withheld(db: Database, client: ChainClient, now: datetime) -> int:
    """How many that were withheld cannot reach the contract any more: those may be paid another
    way.
    """
    with db.transaction() as conn:
        withheld = ledger_stuck.list_unconfirmed(conn, BATCH)
    if not withheld:
        return 0
    head = client.head()
    final_block = client.finalized(head).number
    confirmed = 0
    for pay, signed in withheld:
        paid = _is_paid(client, pay)
        if paid:
            log.warning("pay.withheld_was_paid", transaction=pay.transaction_id)
        open_still = (
            paid
            or _is_paid(client, pay, block=final_block)
            or _is_paid(client, pay, block="pending")
        )
        if signed is not None and client.account_nonce(signed.by, final_block) <= signed.nonce:
            open_still = True
        with db.transaction() as conn:
            if paid:
                ledger_chain.keep_sent(
                    conn, pay.transaction_id, None, None, block=head.number, now=now
                )
            else:
                ledger_stuck.keep_confirmed(conn, pay.transaction_id, now, confirmed=not open_still)
        confirmed += not open_still
    return confirmed


def _is_paid(client: ChainClient, pay: PayToSend | SentPay, *, block: BlockId = "latest") -> bool:
    vault = client.deployment.bonus_vault
    return bool(
        client.read(
            "BonusVault",
            vault,
            "isPaid",
            pay.post_id,
            period_of(pay.week, pay.raised_to),
            block=block,
        )
    )


def _send(
    db: Database, client: ChainClient, paymaster: Signer, till: Till, pay: PayToSend, now: datetime
) -> str:
    """What became of it: paid (also where an earlier run had sent it), differing, refused, held
    or waiting.
    """
    number = pay.transaction_id
    if (found := _found(db, client, pay, now)) is not None:
        return found
    if (says := _judged_otherwise(client, pay, till)) is not None:
        with db.transaction() as conn:
            ledger_chain.keep_unpaid(conn, number, "held", HELD, now, says)
        log.error(
            "pay.held", transaction=number, post="0x" + pay.post_id.hex(), books=pay.today.verdict
        )
        return "held"

    def keep_signed(nonce: int) -> None:
        with db.transaction() as conn:
            if not ledger_chain.keep_signed(conn, number, Signed(paymaster.address, nonce, now)):
                raise _NotToBeSent

    try:
        split = payments.credit_bonus(
            client,
            paymaster,
            pay.post_id,
            period_of(pay.week, pay.raised_to),
            pay.base_minor * till.units_per_cent,
            NUMBERS[pay.grade],
            token=till.token,
            before_sending=keep_signed,
        )
    except _NotToBeSent:
        return "held"
    except ContractReverted as exc:
        # What was sent before may have been mined meanwhile, or be about to be: that is no refusal.
        if (found := _found(db, client, pay, now)) is not None:
            return found
        with db.transaction() as conn:
            ledger_chain.keep_unpaid(conn, number, "refused", exc.revert.name, now)
        log.warning("pay.refused", transaction=number, error=exc.revert.name)
        return "refused"
    same = agrees(split, pay, till)
    with db.transaction() as conn:
        parts = (split.to_original, split.to_poster)
        ledger_chain.keep_sent(conn, number, parts, same, block=client.head().number, now=now)
    if not same:
        log.error("pay.differs", transaction=number, to_original=split.to_original)
    return "paid" if same else "differing"


def _found(db: Database, client: ChainClient, pay: PayToSend, now: datetime) -> str | None:
    """Whether an earlier run has paid it, or has a transaction under way that may; None where
    neither is known.
    """
    if _is_paid(client, pay):
        with db.transaction() as conn:
            ledger_chain.keep_sent(
                conn, pay.transaction_id, None, None, block=client.head().number, now=now
            )
        return "paid"
    signed, waits = pay.signed, _is_paid(client, pay, block="pending")
    # not every endpoint knows what is pending
    if signed is not None and now - signed.at < FORGOTTEN_AFTER:
        waits = waits or client.account_nonce(signed.by) <= signed.nonce
    if not waits:
        return None
    with db.transaction() as conn:
        ledger_chain.keep_waiting(conn, pay.transaction_id, now)
    return "waiting"
