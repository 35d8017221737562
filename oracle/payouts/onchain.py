"""Pay of the ledger on its way to the contract: base pay and grade go there, the contract does the
rest itself.

Each payment has its call, written as a draft in the transaction that books it. The contract divides
by its own verdict on the post, so what it would do is compared with the ledger before the call is
released: where it judges the post otherwise (an appeal that has not reached it), it is held. From
then on the call is the sender's, and what became of it is followed here. A payment is made
once: there is one call for it, and the contract refuses a post's week a second time. What a
correction adds later goes there as base pay without a bonus, under a period of its own. The
contract takes nothing back: what a correction takes is left out of later pay.

What a person blocks, to settle it off chain, has its call cancelled. It is confirmed when that is
done, which takes the nonce of whatever was signed for it to be spent in a final block on something
else, and the contract has not paid.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog

from oracle.chain.contracts import payments as contracts
from oracle.chain.contracts import verify
from oracle.chain.contracts.payments import ETHER, Split
from oracle.chain.contracts.verify import PostResult, PostStatus, Redirect
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import BlockId, hexed
from oracle.chain.rpc.client import ChainClient
from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade, bonus_bps, payout, redirect
from storage import operator_alerts
from storage.chain import kept_attestations
from storage.database import Connection, Database
from storage.ledger import failed_payouts
from storage.ledger import onchain as ledger_onchain
from storage.ledger.failed_payouts import FailedPayout
from storage.ledger.onchain import Payout

log = structlog.get_logger()

# Each is looked up on the chain: a round of more would keep everything else of the round waiting.
BATCH = 20
NUMBERS = {str(grade): number for number, grade in enumerate(Grade, start=1)}
VERDICTS = {
    Outcome.DERIVATIVE: Verdict.DERIVATIVE,
    Outcome.SELF_DUPLICATE: Verdict.SELF_DUPLICATE,
    Outcome.LICENSED: Verdict.LICENSED,
}  # the contract pays any other outcome as an original
HELD = "JudgedOtherwise"
ALREADY_PAID = "AlreadyPaid"


@dataclass(frozen=True)
class PayoutAsset:
    """What the vault pays with: a token, and how many of its smallest units are a cent."""

    token: bytes = ETHER
    units_per_cent: int = 1


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one round found or did.

    Attributes:
        wanted: released, for the sender to make.
        held: not released, as the contract judges the post otherwise than the ledger.
        refused: by the contract, since the last round.
        divided: in a block, and it is known now how the contract divided them; `differing` of them
            otherwise than the ledger.
        found: were paid without our call.
        confirmed: were blocked, and can be settled off chain now.
    """

    wanted: int = 0
    held: int = 0
    refused: int = 0
    divided: int = 0
    differing: int = 0
    found: int = 0
    confirmed: int = 0


def advance_payouts(db: Database, client: ChainClient, asset: PayoutAsset, now: datetime) -> Round:
    """Follow what is under way, and release what is due; the next round goes on.

    Raises: ChainError, DatabaseUnavailable.
    """
    differing = _read_divisions(db, client, asset, now)
    refused = _follow_refused(db, now)
    confirmed = _confirm_blocked(db, client, now)
    with db.transaction() as conn:
        ledger_onchain.hold_disputed(conn)
        due = ledger_onchain.list_undecided(conn, now, BATCH)
    became = [_decide(db, client, asset, pay, now) for pay in due]
    return Round(
        wanted=became.count("wanted"),
        held=became.count("held"),
        refused=refused,
        divided=len(differing),
        differing=sum(differing),
        found=became.count("found"),
        confirmed=confirmed,
    )


def period_of(week: date, correction: int | None = None) -> bytes:
    """The 32 bytes that name a payment of a post on chain: SHA-256 of "week " and its Monday in ISO
    form.

    For what a correction added later: followed by " correction " and its number in the ledger.
    """
    name = f"week {week.isoformat()}" + (f" correction {correction}" if correction else "")
    return hashlib.sha256(name.encode()).digest()


def agrees(split: Split, pay: Payout, asset: PayoutAsset) -> bool:
    """Whether the contract's parts are the ledger's.

    Exactly, where its units are cents; where they are smaller it floors twice (bonus, redirect) in
    those, and either floor may differ from the ledger's by less than a cent.
    """
    to_original, to_poster = owed(pay)
    differences = (
        split.to_original - to_original * asset.units_per_cent,
        to_poster * asset.units_per_cent - split.to_poster,
    )
    return all(abs(difference) < 2 * asset.units_per_cent - 1 for difference in differences)


def owed(pay: Payout | FailedPayout) -> tuple[int, int]:
    """Cents of a payment that the ledger gives the original's creator and the poster by now."""
    whole, to_original = pay.to_original_minor + pay.to_poster_minor, pay.to_original_minor
    if pay.settled_redirect_bps is not None:
        to_original = min(to_original, redirect(whole, pay.settled_redirect_bps).to_original)
    return to_original, whole - to_original


def _judged_otherwise(
    client: ChainClient, pay: Payout, asset: PayoutAsset
) -> dict[str, Any] | None:
    """What the contract says about a post; None where it would pay as the ledger does."""
    result = verify.find_result(client, pay.post_id)
    if result is None:
        return None  # the contract refuses a post it does not know, by a name of its own
    chain_redirect = verify.read_redirect(client, pay.post_id)
    if _judged_alike(result, chain_redirect, pay, asset):
        return None
    return {
        "outcome": result.outcome.name.lower(),
        "status": result.status.name.lower(),
        "redirect_bps": chain_redirect.redirect_bps,
        "beneficiary": hexed(chain_redirect.beneficiary),
    }


def _judged_alike(
    result: PostResult, chain_redirect: Redirect, pay: Payout, asset: PayoutAsset
) -> bool:
    """Whether the contract would pay only whom the ledger pays, and the original's creator no more
    than the ledger does.
    """
    # A share that waits in the contract has to wait in the ledger too: the amounts below tell.
    held_bps = 0 if result.status is PostStatus.FINAL else result.held_bps
    verdict, grade = VERDICTS.get(result.outcome, Verdict.ORIGINAL), Grade(pay.grade)
    if (bonus_bps(grade, verdict), chain_redirect.redirect_bps) != (
        bonus_bps(grade, Verdict(pay.verdict)),
        pay.redirect_bps,
    ):
        return False
    if pay.redirect_bps and chain_redirect.beneficiary not in pay.creditor_accounts:
        return False
    shares = payout(
        pay.base_minor * asset.units_per_cent,
        grade,
        verdict,
        chain_redirect.redirect_bps or held_bps,
    ).shares
    to_original, to_poster = (part * asset.units_per_cent for part in owed(pay))
    less_than_a_cent = 2 * asset.units_per_cent - 1
    # A higher bonus of a post that turned out original is the poster's gain and costs no creator.
    return (
        abs(shares.to_original - to_original) < less_than_a_cent
        and to_poster - shares.to_poster < less_than_a_cent
    )


def _read_divisions(
    db: Database, client: ChainClient, asset: PayoutAsset, now: datetime
) -> list[bool]:
    """Read how the contract divided what is in a block by now.

    Returns: of each, whether otherwise than the ledger.
    """
    with db.transaction() as conn:
        undivided = ledger_onchain.list_undivided(conn, BATCH)
    receipts = client.find_receipts([tx_hash for _, tx_hash in undivided])
    differing = []
    for (pay, tx_hash), receipt in zip(undivided, receipts, strict=True):
        if receipt is None:
            continue  # its block has just gone: the sender will see
        split = contracts.read_split(client, receipt)
        same = agrees(split, pay, asset)
        with db.transaction() as conn:
            parts = (split.to_original, split.to_poster)
            ledger_onchain.record_split(conn, pay, tx_hash, parts, now, agrees=same)
            if not same:
                _report_difference(conn, pay, split, asset, now)
        if not same:
            log.error(
                "payout.differs", transaction=pay.transaction_id, to_original=split.to_original
            )
        differing.append(not same)
    return differing


def _report_difference(
    conn: Connection, pay: Payout, split: Split, asset: PayoutAsset, now: datetime
) -> None:
    to_original, to_poster = owed(pay)
    operator_alerts.report(
        conn,
        "payout_differs",
        f"payment {pay.transaction_id}",
        f"The contract gave {split.to_original / asset.units_per_cent:g} cents to the original and"
        f" {split.to_poster / asset.units_per_cent:g} to the poster; the ledger says {to_original}"
        f" and {to_poster}.",
        now,
    )


def _follow_refused(db: Database, now: datetime) -> int:
    """How many the contract refused since the last round; each waits a while."""
    with db.transaction() as conn:
        refused = ledger_onchain.list_refused(conn)
        for pay, reason in refused:
            log.warning("payout.refused", transaction=pay.transaction_id, error=reason)
            if reason != ALREADY_PAID:  # that is looked into at once
                ledger_onchain.record_failure(conn, pay, reason, now)
    return len(refused)


def _confirm_blocked(db: Database, client: ChainClient, now: datetime) -> int:
    """How many that were blocked cannot reach the contract any more: those may be settled off
    chain.
    """
    with db.transaction() as conn:
        blocked = failed_payouts.list_unconfirmed(conn, BATCH)
    if not blocked:
        return 0
    final_block = client.finalized(client.head()).number
    confirmed = 0
    for pay in blocked:
        # Its call is cancelled. This is for an endpoint that lagged when it said so, and for
        # another sender's payment.
        paid_for_good = _is_paid(client, pay, block=final_block)
        paid = paid_for_good or _is_paid(client, pay) or _is_paid(client, pay, block="pending")
        with db.transaction() as conn:
            if paid_for_good:
                log.warning("payout.blocked_was_paid", transaction=pay.transaction_id)
                ledger_onchain.record_paid(conn, pay, now)
            else:
                failed_payouts.record_confirmation(conn, pay, now, confirmed=not paid)
        confirmed += not paid
    return confirmed


def _is_paid(client: ChainClient, pay: Payout, *, block: BlockId = "latest") -> bool:
    vault = client.deployment.bonus_vault
    return bool(
        client.read(
            "BonusVault",
            vault,
            "isPaid",
            pay.post_id,
            period_of(pay.week, pay.correction),
            block=block,
        )
    )


def _decide(
    db: Database, client: ChainClient, asset: PayoutAsset, pay: Payout, now: datetime
) -> str:
    """What became of it: wanted, held, found (paid without our call), or later."""
    number = pay.transaction_id
    if _is_paid(client, pay):
        final = _is_paid(client, pay, block=client.finalized(client.head()).number)
        with db.transaction() as conn:
            (ledger_onchain.record_paid if final else ledger_onchain.postpone)(conn, pay, now)
        return "found" if final else "later"
    if (says := _judged_otherwise(client, pay, asset)) is not None:
        with db.transaction() as conn:
            ledger_onchain.hold(conn, pay, HELD, now, says)
        log.error("payout.held", transaction=number, post=hexed(pay.post_id), ledger=pay.verdict)
        return "held"
    call = contracts.credit_bonus(
        pay.post_id,
        period_of(pay.week, pay.correction),
        pay.base_minor * asset.units_per_cent,
        NUMBERS[pay.grade],
        token=asset.token,
    )
    with db.transaction() as conn:
        if kept_attestations.post(
            conn, pay.post_id
        ):  # of a backfilled work: now it is needed there
            ledger_onchain.postpone(conn, pay, now)
            return "later"
        return "wanted" if ledger_onchain.release(conn, pay, call.data, now) else "later"
