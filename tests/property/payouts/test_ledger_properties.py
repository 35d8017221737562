"""Any order of payments, verdicts, disputes, freezes and appeals: nothing is lost, and every
balance is the one that the contracts would hold (a model of RevenueSplitter, written from its
Solidity).
"""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from oracle.payouts import ledger
from oracle.payouts.ledger import Bucket, Contest, Entry, Paid, Posting, Terms, Waiting
from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade

CREATORS = (1, 2, 3)
POSTS = {"a": 1, "b": 1, "c": 2}  # post -> poster
BONUS_BPS = {"A": 2_000, "B": 1_000}

posts = st.sampled_from(sorted(POSTS))
amounts = st.integers(0, 20_000) | st.integers(0, 10**12)


@dataclass
class Vault:
    """What the contracts hold, as their Solidity says: claimable by creator, contested and
    frozen by post.
    """

    claimable: dict[int, int] = field(default_factory=lambda: dict.fromkeys(CREATORS, 0))
    held: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POSTS, 0))
    gross: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POSTS, 0))
    frozen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POSTS, 0))
    paid_in: int = 0

    def credit_bonus(self, post: str, base: int, grade: str, terms: Terms) -> None:
        points = BONUS_BPS.get(grade, 0)
        if terms.verdict in ("derivative", "self_duplicate"):
            points //= 2
        amount = base + base * points // 10_000
        self.paid_in += amount
        to_original = amount * (terms.redirect_bps or terms.held_bps) // 10_000
        if terms.final and not terms.redirect_bps:
            to_original = 0
        if to_original and not terms.final:
            self.held[post] += to_original
            self.gross[post] += amount
        elif to_original:
            self.claimable[terms.creditor_id or 0] += to_original
        self.pay_poster(post, amount - to_original, terms)

    def pay_contested(self, post: str, terms: Terms) -> None:
        to_original = 0
        if terms.verdict == "derivative":
            to_original = min(self.gross[post] * terms.redirect_bps // 10_000, self.held[post])
            self.claimable[terms.creditor_id or 0] += to_original
        self.pay_poster(post, self.held[post] - to_original, terms)
        self.held[post] = self.gross[post] = 0

    def pay_poster(self, post: str, amount: int, terms: Terms) -> None:
        if terms.frozen:
            self.frozen[post] += amount
        else:
            self.claimable[POSTS[post]] += amount


class Books(RuleBasedStateMachine):
    """The ledger beside the model, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.vault = Vault()
        self.booked: list[tuple[str, list[Posting]]] = []
        self.gross = dict.fromkeys(POSTS, 0)
        self.taken = dict.fromkeys(CREATORS, 0)  # by corrections
        self.terms = {post: Terms(Verdict.UNDECIDED, final=False) for post in POSTS}

    @rule(post=posts, base=amounts, grade=st.sampled_from(Grade))
    def pay(self, post: str, base: int, grade: Grade) -> None:
        paid, postings = ledger.pay(POSTS[post], base, grade, self.terms[post])
        if any(p.bucket is Bucket.CONTESTED for p in postings):
            self.gross[post] += paid.base_pay + paid.bonus
        self.book(post, postings)
        self.vault.credit_bonus(post, base, str(grade), self.terms[post])

    @rule(post=posts, redirect=st.integers(0, 10_000), creditor=st.sampled_from(CREATORS))
    def found_derivative(self, post: str, redirect: int, creditor: int) -> None:
        if creditor != POSTS[post] and not self.terms[post].final:
            self.terms[post] = Terms(
                Verdict.DERIVATIVE, redirect, creditor, False, self.terms[post].frozen
            )

    @rule(post=posts, verdict=st.sampled_from([v for v in Verdict if v is not Verdict.DERIVATIVE]))
    def found_otherwise(self, post: str, verdict: Verdict) -> None:
        if not self.terms[post].final:
            self.terms[post] = Terms(verdict, final=False, frozen=self.terms[post].frozen)

    @rule(post=posts, held=st.integers(0, 10_000))
    def could_not_be_decided(self, post: str, held: int) -> None:
        if not self.terms[post].final:
            self.terms[post] = Terms(
                Verdict.UNDECIDED, final=False, frozen=self.terms[post].frozen, held_bps=held
            )

    @rule(post=posts)
    def time_to_dispute_is_over(self, post: str) -> None:
        self.terms[post] = replace(self.terms[post], final=True)
        self.settle(post)

    @rule(post=posts)
    def appeal_won(self, post: str) -> None:
        self.terms[post] = Terms(Verdict.ORIGINAL, final=True, frozen=self.terms[post].frozen)
        self.settle(post)

    @rule(post=posts)
    def freeze(self, post: str) -> None:
        self.terms[post] = replace(self.terms[post], frozen=True)

    @rule(post=posts)
    def release(self, post: str) -> None:
        self.terms[post] = replace(self.terms[post], frozen=False)
        self.book(post, ledger.release(POSTS[post], self.balance(Bucket.FROZEN, post=post)))
        self.vault.claimable[POSTS[post]] += self.vault.frozen[post]
        self.vault.frozen[post] = 0

    @rule(post=posts, missing=st.integers(1, 2_000))
    def grade_rose(self, post: str, missing: int) -> None:
        """A correction is paid as earnings of its own, as `payEarnings` would."""
        postings = ledger.correct(
            POSTS[post], {Entry.BONUS: missing}, self.terms[post], Waiting()
        ).postings
        if any(p.bucket is Bucket.CONTESTED for p in postings):
            self.gross[post] += missing
        self.book(post, postings)
        self.vault.credit_bonus(post, missing, "F", self.terms[post])

    @rule(post=posts, base=st.integers(-20_000, 20_000), bonus=st.integers(-4_000, 4_000))
    def corrected(self, post: str, base: int, bonus: int) -> None:
        """What is taken back comes from the poster alone, and is kept from later pay."""
        terms, poster = self.terms[post], POSTS[post]
        parts = {Entry.BASE: base, Entry.BONUS: bonus}
        waiting = Waiting(
            self.balance(Bucket.CONTESTED, post=post), self.balance(Bucket.FROZEN, post=post)
        )
        before = {c: self.balance(Bucket.AVAILABLE, creator=c) for c in CREATORS if c != poster}
        correction = ledger.correct(poster, parts, terms, waiting)
        shares, postings = correction.shares, correction.postings
        if any(p.bucket is Bucket.CONTESTED for p in postings):
            self.gross[post] -= sum(p.amount_minor for p in postings if p.bucket is Bucket.BUDGET)
        self.book(post, postings)
        if base + bonus >= 0:
            self.vault.credit_bonus(post, base + bonus, "F", terms)
            return
        assert shares.to_poster <= 0 >= shares.to_original
        assert before == {c: self.balance(Bucket.AVAILABLE, creator=c) for c in before}
        charged = -shares.to_poster
        frozen = min(charged, self.vault.frozen[post])
        self.vault.frozen[post] -= frozen
        self.vault.claimable[poster] -= charged - frozen
        self.vault.held[post] += shares.to_original
        self.vault.gross[post] += (shares.to_original + shares.to_poster) * bool(shares.to_original)
        self.vault.paid_in += shares.to_original + shares.to_poster
        self.taken[poster] += charged

    def settle(self, post: str) -> None:
        contest = Contest(self.balance(Bucket.CONTESTED, post=post), self.gross[post])
        self.book(post, ledger.settle_contest(POSTS[post], contest, self.terms[post]))
        self.gross[post] = 0
        self.vault.pay_contested(post, self.terms[post])

    def book(self, post: str, postings: list[Posting]) -> None:
        assert sum(p.amount_minor for p in postings) == 0
        waits = {Entry.CONTEST, Entry.FREEZE}
        for creator in CREATORS:
            for entry in waits:
                assert (
                    sum(
                        p.amount_minor
                        for p in postings
                        if (p.creator_id, p.entry) == (creator, entry)
                    )
                    == 0
                )
        self.booked.append((post, postings))

    def balance(
        self, bucket: Bucket, *, post: str | None = None, creator: int | None = None
    ) -> int:
        return sum(
            p.amount_minor
            for where, postings in self.booked
            for p in postings
            if p.bucket is bucket and post in (None, where) and creator in (None, p.creator_id)
        )

    @invariant()
    def money_in_is_money_out_and_money_held(self) -> None:
        buckets = {bucket: self.balance(bucket) for bucket in Bucket}
        assert sum(buckets.values()) == 0
        assert -buckets[Bucket.BUDGET] == self.vault.paid_in
        assert min(buckets[Bucket.CONTESTED], buckets[Bucket.FROZEN]) >= 0
        for creator, taken in self.taken.items():
            assert self.balance(Bucket.AVAILABLE, creator=creator) >= -taken

    @invariant()
    def every_balance_is_the_contracts(self) -> None:
        for creator in CREATORS:
            assert self.balance(Bucket.AVAILABLE, creator=creator) == self.vault.claimable[creator]
        for post in POSTS:
            assert self.balance(Bucket.CONTESTED, post=post) == self.vault.held[post]
            assert self.balance(Bucket.FROZEN, post=post) == self.vault.frozen[post]

    @invariant()
    def every_creators_four_numbers_add_up(self) -> None:
        lines = [p for _, postings in self.booked for p in postings]
        found = [ledger.totals(creator, lines) for creator in CREATORS]
        assert all(totals.balances for totals in found)
        assert sum(t.redirected_away for t in found) == sum(t.redirected_to_me for t in found)


Books.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestBooks = Books.TestCase


@given(
    first=amounts,
    later=st.lists(st.tuples(amounts, st.integers(0, 10_000)), max_size=8),
    redirect=st.integers(0, 10_000),
)
def test_an_original_is_paid_its_share_once_however_often_a_week_is_cut_and_restored(
    first: int, later: list[tuple[int, int]], redirect: int
) -> None:
    """Verdicts change meanwhile: what goes beyond all that was paid before is divided by them."""
    poster, original = 1, 2
    terms = Terms(Verdict.DERIVATIVE, redirect, original)
    paid, postings = ledger.pay(poster, first, Grade.C, terms)
    to_original, to_poster = paid.shares.to_original, paid.shares.to_poster
    cut = kept = 0
    now = most = first
    due = to_original
    for amount, redirect_now in later:
        was = Paid(to_original - kept, 0, to_poster, cut, kept)
        step = ledger.correct(
            poster,
            {Entry.BASE: amount - now},
            replace(terms, redirect_bps=redirect_now),
            Waiting(),
            was,
        )
        assert sum(p.amount_minor for p in step.postings) == 0
        cut, kept, now = step.cut, step.kept, amount
        to_original += step.shares.to_original
        to_poster += step.shares.to_poster
        due += max(amount - most, 0) * redirect_now // 10_000
        most = max(most, amount)
        postings += step.postings
        assert cut == most - amount
        assert (to_original, to_original - kept + to_poster) == (due, amount)
        assert min(to_original - kept, to_poster) >= 0
        assert ledger.totals(original, postings).available == to_original
        assert ledger.totals(poster, postings).available == to_poster
