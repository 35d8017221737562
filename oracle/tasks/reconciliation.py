"""Compare ledger and contract at a final block: verdicts, redirects, what waits, what is owed, what
was paid by which grade, and freezes. What is on its way is left out; any other difference is an
operator's alert.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from oracle.appeals.chain_verdicts import VERDICTS
from oracle.chain.contracts import payments, rulings, verify
from oracle.chain.contracts.payments import Bonus
from oracle.chain.contracts.verify import PostResult, PostStatus
from oracle.chain.core.wire import Header, hexed
from oracle.chain.rpc.client import ChainClient
from oracle.fraud import chain_actions
from oracle.payouts.onchain import NUMBERS, PayoutAsset, period_of
from oracle.rules.explain import percent
from storage import operator_alerts
from storage.chain import node_status
from storage.database import Database
from storage.ledger import reconciliation
from storage.ledger.reconciliation import BookedAccount, BookedPost, LastRun, PaidWeek

log = structlog.get_logger()

KIND = "reconciliation"
EVERY = timedelta(minutes=10)
PAGE = 200
NEWEST_PAYMENTS = 50
FREEZES_BACK = timedelta(days=7)


@dataclass(frozen=True)
class Difference:
    """What ledger and contract disagree on: about whom, and the first thing that differs."""

    subject: str
    detail: str


class Reconciler:
    """Compares everything, now and then. It reads only; an operator decides what to do."""

    def __init__(self, db: Database, client: ChainClient, asset: PayoutAsset) -> None:
        self._db = db
        self._client = client
        self._asset = asset
        self._next: datetime | None = None

    def tick(self, now: datetime) -> int:
        """Compare if it is time. Returns: how many differ. Raises: ChainError, StorageError."""
        if self._next is not None and now < self._next:
            return 0
        found = self.run(now)
        self._next = now + EVERY
        return len(found)

    def run(self, now: datetime) -> list[Difference]:
        """Compare everything at the final block, and report what differs.

        Raises: ChainError, DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            status = node_status.get(conn)
        if status.latched:
            return []
        _, finalized = self._client.look(status.known_final)
        posts, differing = self._posts(finalized)
        accounts, owing = self._accounts(finalized)
        found = [*differing, *owing, *self._payments(finalized), *self._freezes(now)]
        with self._db.transaction() as conn:
            for difference in found:
                if operator_alerts.report(conn, KIND, difference.subject, difference.detail, now):
                    log.error("reconciliation.differs", **vars(difference))
            operator_alerts.end_unseen(conn, KIND, [each.subject for each in found], now)
            run = LastRun(now, finalized.number, posts, accounts, len(found))
            reconciliation.record(conn, run)
        return found

    def _posts(self, finalized: Header) -> tuple[int, list[Difference]]:
        count, after = 0, b""
        found: list[Difference] = []
        while True:
            with self._db.transaction() as conn:
                page = reconciliation.posts(conn, after, PAGE)
            if not page:
                return count, found
            for post in page:
                result = verify.find_result(self._client, post.post_id, block=finalized.number)
                held = rulings.held_money(
                    self._client,
                    post.post_id,
                    self._asset.token,
                    "contested",
                    block=finalized.number,
                )
                detail = explain_post(post, result, held, self._asset)
                if detail is not None:
                    found.append(Difference(f"post {hexed(post.post_id)}", detail))
            count, after = count + len(page), page[-1].post_id

    def _accounts(self, finalized: Header) -> tuple[int, list[Difference]]:
        count, after = 0, b""
        found: list[Difference] = []
        while True:
            with self._db.transaction() as conn:
                page = reconciliation.accounts(conn, self._asset.token, after, PAGE)
            if not page:
                return count, found
            for account in page:
                claimable = payments.claimable(
                    self._client, account.account, token=self._asset.token, block=finalized.number
                )
                detail = explain_account(account, claimable, self._asset)
                if detail is not None:
                    found.append(Difference(f"account {hexed(account.account)}", detail))
            count, after = count + len(page), page[-1].account

    def _payments(self, finalized: Header) -> list[Difference]:
        with self._db.transaction() as conn:
            weeks = reconciliation.paid_weeks(conn, NEWEST_PAYMENTS)
        vault = self._client.deployment.bonus_vault
        hashes = [week.tx_hash for week in weeks if week.tx_hash is not None]
        receipts = dict(zip(hashes, self._client.find_receipts(hashes), strict=True))
        found = []
        for week in weeks:
            period = period_of(week.week, week.correction)
            paid = self._client.read(
                "BonusVault", vault, "isPaid", week.post_id, period, block=finalized.number
            )
            receipt = receipts.get(week.tx_hash) if week.tx_hash is not None else None
            bonus = payments.read_bonus(self._client, receipt) if paid and receipt else None
            detail = explain_payment(week, bool(paid), bonus, self._asset)
            if detail is not None:
                found.append(Difference(f"payment {week.transaction_id}", detail))
        return found

    def _freezes(self, now: datetime) -> list[Difference]:
        return [
            Difference(
                f"alert {each.alert_id}",
                f"The hold is {each.status} in the ledger and {each.on_chain} in the contract:"
                f" {each.detail}.",
            )
            for each in chain_actions.reconcile(self._db, self._client, since=now - FREEZES_BACK)
            if not each.repaired
        ]


def explain_post(
    post: BookedPost, result: PostResult | None, held: int, asset: PayoutAsset
) -> str | None:
    """The first thing that differs, in words; None where all is alike. Pure.

    Args:
        held: What of it waits in the contract, in smallest units; tips are in it, too.
    """
    if result is None:
        return "The ledger has a final verdict on it; the contract knows no such post."
    verdict = VERDICTS.get(result.outcome, "undecided")
    if post.verdict != verdict:
        return f"The ledger says {post.verdict}, the contract {verdict}."
    if post.redirect_bps != result.redirect_bps:
        return (
            f"The ledger redirects {percent(post.redirect_bps)}, the contract"
            f" {percent(result.redirect_bps)}."
        )
    if post.redirect_bps and post.creditor_account != result.original_creator:
        return (
            f"The ledger redirects to {hexed(post.creditor_account or bytes(20))}, the contract to"
            f" {hexed(result.original_creator)}."
        )
    final = result.status is PostStatus.FINAL
    if not final and post.held_bps != result.held_bps:
        return (
            f"The ledger holds {percent(post.held_bps)} of what it earns, the contract"
            f" {percent(result.held_bps)}."
        )
    if post.disputed != (result.status is PostStatus.DISPUTED):
        word = "is" if post.disputed else "is not"
        return f"In the ledger it {word} in dispute; in the contract it is {result.status.name}."
    if held < post.contested_units:
        return (
            f"The ledger holds {post.contested_minor} cents of it for the verdict; the contract"
            f" holds {held / asset.units_per_cent:g}, so that some was paid out there."
        )
    return None


def explain_payment(
    week: PaidWeek, paid: bool, bonus: Bonus | None, asset: PayoutAsset
) -> str | None:
    """What differs of a payment, in words; None where nothing does. Pure.

    Args:
        paid: Whether the contract has paid that post's week.
        bonus: What it paid, and by which grade, where our transaction tells.
    """
    if not paid:
        return "The ledger holds it for paid; the contract has not paid that post's week."
    if bonus is None:
        return None
    if bonus.grade != NUMBERS[week.grade]:
        grade = next(name for name, number in NUMBERS.items() if number == bonus.grade)
        return f"The ledger paid it by grade {week.grade}, the contract by {grade}."
    if bonus.base_pay != week.base_minor * asset.units_per_cent:
        return (
            f"The ledger paid {week.base_minor} cents before the bonus, the contract"
            f" {bonus.base_pay / asset.units_per_cent:g}."
        )
    return None


def explain_account(account: BookedAccount, claimable: int, asset: PayoutAsset) -> str | None:
    """What an account lacks in the contract, in words; None where it lacks nothing. Pure.

    The contract also holds tips, which are never booked: more than the ledger's is no difference.
    Both floor each payment, so that each may differ by less than two cents.

    Args: claimable: In smallest units.
    """
    owed = account.available_minor * asset.units_per_cent
    has = claimable + int(account.withdrawn_units)
    if owed - has < 2 * asset.units_per_cent * max(1, account.payments):
        return None
    return (
        f"The ledger has paid {account.handle} {account.available_minor} cents on chain; the"
        f" contract holds {claimable / asset.units_per_cent:g} for them, and"
        f" {int(account.withdrawn_units) / asset.units_per_cent:g} were withdrawn."
    )
