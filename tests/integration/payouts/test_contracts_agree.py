"""The same payments, freezes, disputes and appeals in the ledger and in the contracts: every
balance agrees.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from support.platform import Platform
from support.town import DAY_S, Town, digest

from oracle.chain.contracts import payments as chain_payments
from oracle.chain.contracts import verify
from oracle.chain.contracts.consumer import transact
from oracle.chain.core.abis import contract
from oracle.chain.core.report import ZERO_ADDRESS, Outcome
from oracle.chain.core.wire import address_bytes, hexed
from oracle.payouts import payments
from oracle.rules.payout import Grade
from storage.ledger import ledger
from storage.ledger import terms as ledger_terms
from storage.ledger.terms import PostTerms

SEED = 20_261_122
PAYMENTS = 14


@dataclass
class TwoWorlds:
    """One sequence of events, told to the contracts and to the ledger."""

    town: Town
    platform: Platform
    poster: int
    first: int
    posts: list[bytes] = field(default_factory=list)
    freezes: dict[bytes, tuple[bytes, UUID]] = field(default_factory=dict)
    weeks: int = 0
    most_contested: int = 0
    most_frozen: int = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.town.now(), UTC)

    def attest(self, similarity_bps: int | None) -> None:
        """A new post: a copy of that similarity, or an original for None."""
        outcome = Outcome.ORIGINAL if similarity_bps is None else Outcome.DERIVATIVE
        post = self.town.attest(outcome, similarity_bps or 0)
        result = verify.find_result(self.town.client, post)
        assert result is not None
        with self.platform.db.transaction() as conn:
            conn.execute(
                "insert into posts (post_id, creator_id, media_type, published_at) values (%s, %s,"
                " 'image', %s)",
                (post, self.poster, self.now()),
            )
        derived = outcome is Outcome.DERIVATIVE
        self.platform.terms(
            post,
            "derivative" if derived else "original",
            result.redirect_bps,
            self.first if derived else None,
            final_at=datetime.fromtimestamp(result.final_at, UTC),
            now=self.now(),
        )
        assert result.final_at - result.recorded_at == payments.DISPUTE_WINDOW.total_seconds()
        self.posts.append(post)

    def pay(self, post: bytes, cents: int, grade: Grade) -> None:
        self.weeks += 1
        week = self.now() - timedelta(weeks=self.weeks)
        number = list(Grade).index(grade) + 1
        pay = chain_payments.credit_bonus(post, digest(f"week {self.weeks}"), cents, number)
        chain_payments.make(self.town.client, self.town.officer, pay)
        self.platform.grade(post, grade)
        assert self.platform.earns(post, cents, at=week) == "new"
        # No corrections: here the grade changes from week to week.
        payments.pay_due(self.platform.db, self.now())

    def freeze(self, post: bytes) -> None:
        if post in self.freezes:
            return
        alert = hashlib.sha256(post + bytes([len(self.freezes)])).digest()
        until = self.town.now() + 20 * DAY_S
        freeze = chain_payments.freeze_post(post, alert, digest(alert.hex()), until)
        chain_payments.make(self.town.client, self.town.officer, freeze)
        self.freezes[post] = (alert, UUID(bytes=alert[:16]))
        with self.platform.db.transaction() as conn:
            payments.freeze(
                conn,
                UUID(bytes=alert[:16]),
                now=self.now(),
                until=datetime.fromtimestamp(until, UTC),
                post_id=post,
            )

    def release(self, post: bytes) -> None:
        if post not in self.freezes:
            return
        alert, number = self.freezes.pop(post)
        release = chain_payments.resolve_freeze(alert, upheld=False, reason_hash=digest("real"))
        chain_payments.make(self.town.client, self.town.arbiter, release)
        if self.frozen_on_chain(post):
            self.splitter("releaseFrozen", post, hexed(ZERO_ADDRESS))
        with self.platform.db.transaction() as conn:
            payments.release(conn, number, self.now())

    def win_appeal(self, post: bytes) -> None:
        """The post was disputed and an arbiter found it original."""
        client = self.town.client
        dispute = chain_payments.open_dispute(client, self.town.poster, post, digest("raw file"))
        with self.platform.db.transaction() as conn:
            terms = ledger_terms.find(conn, post)
        assert terms is not None
        self.platform.terms(
            post,
            terms.verdict,
            terms.redirect_bps,
            terms.creditor_id,
            final_at=terms.final_at,
            disputed=True,
            now=self.now(),
        )
        self.pay(post, 777, Grade.A)
        chain_payments.answer_dispute(client, self.town.first, dispute, digest("I was first"))
        chain_payments.rule(
            client, self.town.arbiter, dispute, Outcome.ORIGINAL, digest("it is older")
        )
        chain_payments.accept_ruling(client, self.town.first, dispute)
        chain_payments.settle(client, self.town.fan, dispute)
        if chain_payments.contested(client, post):
            chain_payments.pay_contested(client, self.town.fan, post)
        with self.platform.db.transaction() as conn:
            payments.set_terms(
                conn,
                PostTerms(
                    post_id=post,
                    verdict="original",
                    redirect_bps=0,
                    creditor_id=None,
                    final_at=self.now(),
                    ruled=True,
                ),
                self.now(),
            )

    def time_to_dispute_is_over(self) -> None:
        self.town.wait(int(payments.DISPUTE_WINDOW.total_seconds()) + 60)
        for post in self.posts:
            if chain_payments.contested(self.town.client, post):
                chain_payments.pay_contested(self.town.client, self.town.fan, post)
        for post in self.posts:
            with self.platform.db.transaction() as conn:
                payments.settle_post(conn, post, self.now())

    def splitter(self, function: str, *args: object) -> None:
        to = address_bytes(self.town.client.deployment.revenue_splitter)
        transact(
            self.town.client,
            self.town.fan,
            to,
            contract("RevenueSplitter").call_data(function, *args),
        )

    def frozen_on_chain(self, post: bytes) -> int:
        splitter = self.town.client.deployment.revenue_splitter
        return int(
            self.town.client.read(
                "RevenueSplitter", splitter, "frozenEarnings", post, hexed(ZERO_ADDRESS)
            )
        )

    def compare(self) -> None:
        client = self.town.client
        for number, account in ((self.poster, self.town.poster), (self.first, self.town.first)):
            assert self.platform.totals(number).available == chain_payments.claimable(
                client, account.address
            )
        for post in self.posts:
            with self.platform.db.transaction() as conn:
                held = ledger.waiting(conn, post)
            assert held.contested == chain_payments.contested(client, post)
            assert held.frozen == self.frozen_on_chain(post)
            self.most_contested = max(self.most_contested, held.contested)
            self.most_frozen = max(self.most_frozen, held.frozen)


def test_books_and_contracts_hold_the_same(town: Town, platform: Platform) -> None:
    random = Random(SEED)
    worlds = TwoWorlds(town, platform, platform.creator("poster"), platform.creator("first"))
    chain_payments.fund_vault(town.client, town.fan, 10**9)
    for similarity in (None, 9_501, 9_733, 10_000):
        worlds.attest(similarity)
    posts = worlds.posts
    for step in range(PAYMENTS):
        worlds.pay(random.choice(posts), random.randrange(1, 20_000), random.choice(list(Grade)))
        worlds.compare()
        random.choice((worlds.freeze, worlds.release, lambda _: None))(random.choice(posts))
        if step == PAYMENTS // 2:
            worlds.win_appeal(posts[2])
        if step == PAYMENTS - 4:
            worlds.time_to_dispute_is_over()
        worlds.compare()
    for post in posts:
        worlds.release(post)
    worlds.compare()
    # the sequence did hold money both ways
    assert min(worlds.most_contested, worlds.most_frozen) > 0
    totals = [platform.totals(number) for number in (worlds.poster, worlds.first)]
    assert sum(t.earned for t in totals) == sum(
        t.available + t.contested + t.frozen for t in totals
    )
    assert sum(t.contested + t.frozen for t in totals) == 0
