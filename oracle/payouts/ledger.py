"""Money of creators as double entry: pure rules, no I/O, no clock. Amounts in cents.

The rules are the contracts' own (BonusVault and RevenueSplitter): bonus first, then the redirect
from all that the post earns; the redirected part waits while the verdict can still be disputed, the
poster's part while the post is frozen; a redirect that rose meanwhile takes no more than what was
held. Each function returns the postings of one transaction: they sum to zero, and what only waits
stays with its creator.

For every creator: earned + redirected to me = available + held + redirected away. What of the
available money was fetched from the contract is known there alone. A correction can take money
back: from its poster alone, never from whom a part was redirected to. Then `available` may be
below zero, until later pay makes up for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade, Payout, Shares, payout, redirect


class Bucket(StrEnum):
    """Where money is. `budget` is the platform's; it goes below zero by what was paid out of it."""

    BUDGET = "budget"
    AVAILABLE = "available"
    CONTESTED = "contested"
    FROZEN = "frozen"


class Entry(StrEnum):
    """Why money moves."""

    BASE = "base"
    BONUS = "bonus"
    ADJUSTMENT = "adjustment"
    REDIRECT = "redirect"
    CONTEST = "contest"
    FREEZE = "freeze"


EARNED = (Entry.BASE, Entry.BONUS, Entry.ADJUSTMENT)


@dataclass(frozen=True)
class Posting:
    """One line: `amount_minor` cents come into (or, below zero, leave) a creator's bucket."""

    creator_id: int
    bucket: Bucket
    entry: Entry
    amount_minor: int


@dataclass(frozen=True)
class Terms:
    """What the verdict on a post means for its money at one moment.

    Attributes:
        redirect_bps: zero unless derivative. creditor_id: the original's creator, None unless
            derivative.
        held_bps: share that waits though nothing is redirected: of a claim, or of what nobody could
            decide; it is nobody else's unless the verdict changes.
        final: whether nobody can dispute the verdict any more.
        frozen: whether an alert holds what the post earns its poster.
    """

    verdict: Verdict
    redirect_bps: int = 0
    creditor_id: int | None = None
    final: bool = True
    frozen: bool = False
    held_bps: int = 0

    @property
    def waiting_bps(self) -> int:
        """Share of a payment that is another's, or waits to be seen whose it is."""
        if self.verdict is Verdict.DERIVATIVE:
            return self.redirect_bps
        return 0 if self.final else self.held_bps

    def __post_init__(self) -> None:
        if self.redirect_bps and (
            self.verdict is not Verdict.DERIVATIVE or self.creditor_id is None
        ):
            raise ValueError("only a derivative of a known creator's work redirects")


@dataclass(frozen=True)
class Waiting:
    """What of a post waits for its verdict, and for an alert."""

    contested: int = 0
    frozen: int = 0


@dataclass(frozen=True)
class Contest:
    """What waits for a post's verdict: the redirected parts `held`, taken from payments of
    `gross` in all.
    """

    held: int = 0
    gross: int = 0


@dataclass(frozen=True)
class Paid:
    """How a week's money stands before a correction.

    Attributes:
        to_original: what the original's creator got of what the week earned; contested: what waits
            for the verdict; to_poster: the rest. All zero where money is of no week: then what is
            taken back is divided by the verdict of the day.
        cut: what corrections took off and no later one gave back.
        kept: the part of `cut` that the original's creator was paid and keeps.
    """

    to_original: int = 0
    contested: int = 0
    to_poster: int = 0
    cut: int = 0
    kept: int = 0


NOTHING_PAID = Paid()


@dataclass(frozen=True)
class Correction:
    """One correction as it is booked.

    Attributes:
        shares: the parts of the original's creator and of the poster, both negative where money is
            taken back.
        restored: the part of the poster's that an earlier correction took; nobody shares in it.
        cut, kept: as in `Paid`, from now on.
    """

    shares: Shares
    postings: list[Posting]
    restored: int
    cut: int
    kept: int


def pay(
    poster_id: int, base_minor: int, grade: Grade, terms: Terms
) -> tuple[Payout, list[Posting]]:
    """Pay a post for one week: base and the bonus of its final grade. Raises: NegativeAmount."""
    paid = payout(base_minor, grade, terms.verdict, terms.waiting_bps)
    parts = {Entry.BASE: paid.base_pay, Entry.BONUS: paid.bonus}
    return paid, _earn(poster_id, parts, paid.shares, terms)


def correct(
    poster_id: int,
    parts: Mapping[Entry, int],
    terms: Terms,
    waiting: Waiting,
    paid: Paid = NOTHING_PAID,
) -> Correction:
    """Book what a week earned more (or less) than was paid for it.

    What is taken back is divided as the week was paid, whatever the verdict is today. The poster's
    part comes from what waits first, then from what is available, which may go below zero. What
    the original's creator was paid stays with them, and is the platform's loss. Where a later
    correction gives back, the original's creator has that part already; only what goes beyond is
    divided by the verdict.
    """
    net = sum(parts.values())
    if net < 0:
        return _take_back(poster_id, parts, terms, waiting, paid)
    back = min(net, paid.cut)
    kept = paid.kept * back // paid.cut if paid.cut else 0
    divided = redirect(net - back, terms.waiting_bps)
    shares = Shares(divided.to_original, divided.to_poster + back - kept)
    postings = _earn(poster_id, _without(parts, kept), shares, terms)
    return Correction(shares, postings, back - kept, paid.cut - back, paid.kept - kept)


def set_off(earned_minor: int, owed_minor: int, terms: Terms) -> int:
    """Return the cents of new pay that the contract need not pay, as a correction took them back.

    None of pay that is divided, or may be once its verdict is final: the contract divides whatever
    it is sent, so a part of what is another's would be left out, too. What is owed stays owed until
    something comes that is the poster's alone.

    Args:
        owed_minor: What corrections took back and no pay left out so far; below zero: what was left
            out and came back later, which the contract pays besides.
    """
    if earned_minor <= 0 or terms.waiting_bps:
        return 0
    return min(earned_minor, owed_minor)


def _take_back(
    poster_id: int, parts: Mapping[Entry, int], terms: Terms, waiting: Waiting, paid: Paid
) -> Correction:
    amount = -sum(parts.values())
    earned = paid.to_original + paid.contested + paid.to_poster
    if earned >= amount:
        contested = amount * paid.contested // earned
        others = amount * paid.to_original // earned + contested
    else:
        others = redirect(amount, terms.waiting_bps).to_original
        contested = 0 if terms.final else others
    contested = min(contested, waiting.contested)
    lost, to_poster = others - contested, amount - others
    # What was contested goes back whole: what is earned again later is divided anew.
    cut = amount * lost // others if others else amount
    postings = []
    for entry, change in _without(parts, -lost).items():
        postings += _move(poster_id, Bucket.BUDGET, poster_id, Bucket.AVAILABLE, entry, change)
    postings += _move(
        poster_id, Bucket.CONTESTED, poster_id, Bucket.AVAILABLE, Entry.CONTEST, contested
    )
    postings += release(poster_id, min(to_poster, waiting.frozen))
    shares = Shares(-contested, -to_poster)
    return Correction(shares, postings, 0, paid.cut + cut, paid.kept + lost)


def _without(parts: Mapping[Entry, int], amount: int) -> dict[Entry, int]:
    """Take an amount off the parts of its own sign, the first ones first."""
    left = {}
    for entry, part in parts.items():
        off = max(min(amount, part), 0) if amount > 0 else min(max(amount, part), 0)
        amount -= off
        left[entry] = part - off
    return left


def settle_contest(poster_id: int, contest: Contest, terms: Terms) -> list[Posting]:
    """Pay out what waited for a verdict that is final now."""
    to_original = 0
    if terms.verdict is Verdict.DERIVATIVE:
        # A redirect that rose meanwhile takes no more than what was held: nobody is charged in
        # hindsight.
        to_original = min(redirect(contest.gross, terms.redirect_bps).to_original, contest.held)
    postings = []
    if to_original:
        assert terms.creditor_id is not None
        postings += _move(
            poster_id,
            Bucket.CONTESTED,
            terms.creditor_id,
            Bucket.AVAILABLE,
            Entry.REDIRECT,
            to_original,
        )
    to_poster = contest.held - to_original
    postings += _move(
        poster_id, Bucket.CONTESTED, poster_id, Bucket.AVAILABLE, Entry.CONTEST, to_poster
    )
    return postings + _freeze(poster_id, to_poster, terms)


def release(poster_id: int, frozen_minor: int) -> list[Posting]:
    """Give back what a freeze of the post held."""
    return _move(poster_id, Bucket.FROZEN, poster_id, Bucket.AVAILABLE, Entry.FREEZE, frozen_minor)


@dataclass(frozen=True)
class Totals:
    """A creator's money in cents; `balances` says whether the sides are equal, as they always
    are.
    """

    earned: int = 0
    redirected_to_me: int = 0
    redirected_away: int = 0
    available: int = 0
    contested: int = 0
    frozen: int = 0

    @property
    def held(self) -> int:
        """What waits for a verdict or an alert."""
        return self.contested + self.frozen

    @property
    def balances(self) -> bool:
        return (
            self.earned + self.redirected_to_me == self.available + self.held + self.redirected_away
        )


def totals(creator_id: int, postings: Iterable[Posting]) -> Totals:
    """What a creator's postings come to."""
    earned = to_me = away = 0
    buckets = dict.fromkeys(Bucket, 0)
    for posting in postings:
        if posting.creator_id != creator_id or posting.bucket is Bucket.BUDGET:
            continue
        buckets[posting.bucket] += posting.amount_minor
        if posting.entry in EARNED:
            earned += posting.amount_minor
        elif posting.entry is Entry.REDIRECT and posting.amount_minor > 0:
            to_me += posting.amount_minor
        elif posting.entry is Entry.REDIRECT:
            away -= posting.amount_minor
    return Totals(
        earned,
        to_me,
        away,
        buckets[Bucket.AVAILABLE],
        buckets[Bucket.CONTESTED],
        buckets[Bucket.FROZEN],
    )


def _earn(
    poster_id: int, parts: Mapping[Entry, int], shares: Shares, terms: Terms
) -> list[Posting]:
    postings = []
    for entry, amount in parts.items():
        postings += _move(poster_id, Bucket.BUDGET, poster_id, Bucket.AVAILABLE, entry, amount)
    if shares.to_original and terms.final:
        assert terms.creditor_id is not None
        postings += _move(
            poster_id,
            Bucket.AVAILABLE,
            terms.creditor_id,
            Bucket.AVAILABLE,
            Entry.REDIRECT,
            shares.to_original,
        )
    elif shares.to_original:
        postings += _move(
            poster_id,
            Bucket.AVAILABLE,
            poster_id,
            Bucket.CONTESTED,
            Entry.CONTEST,
            shares.to_original,
        )
    return postings + _freeze(poster_id, shares.to_poster, terms)


def _freeze(poster_id: int, amount: int, terms: Terms) -> list[Posting]:
    if not terms.frozen:
        return []
    return _move(poster_id, Bucket.AVAILABLE, poster_id, Bucket.FROZEN, Entry.FREEZE, amount)


def _move(
    giver: int, source: Bucket, taker: int, target: Bucket, entry: Entry, amount: int
) -> list[Posting]:
    if amount == 0:
        return []
    return [Posting(giver, source, entry, -amount), Posting(taker, target, entry, amount)]
