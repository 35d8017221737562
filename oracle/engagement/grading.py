"""Engagement score and grade of a post: pure rules over counted events, no I/O, no clock.

A post is compared with posts like it (kind, length, audience, category) by other creators. Every
signal is a rate per person who took the post in; reactions, per person with an account. Few people
say little, so each rate is mixed with
`prior_views` people of an average post (the posterior mean of a beta-binomial model, as in
empirical Bayes; Efron & Morris, "Stein's Paradox in Statistics", 1977). A signal contributes its
weight times its rank among the like posts. Where few like posts are known, what is usual comes
from stated assumptions (`PRIOR`), which count as many as `min_cohort` posts: own data replaces them
smoothly. Contributions are basis points, floored one by one, and the score is their sum, so that
the numbers people see add up.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from scipy.special import betaincinv

from oracle.engagement.errors import InvalidGradePolicy
from oracle.rules.decision import BPS
from oracle.rules.payout import Grade

SIGNALS = ("watch", "saves", "comments", "shares", "likes")
MIN_VIEWS = 20  # posts that fewer people took in do not enter a baseline
MIN_CREATORS = 10  # a baseline is of so many creators, however many posts one of them has
MAX_PER_CREATOR = 5  # posts of one creator in a baseline
MAX_POSTS = 200  # of a baseline that are stored, evenly spaced by rank
EVERYTHING = "everything"
# What is usual where nothing was measured yet, stated and not measured: the mean rate per person,
# and of how many people a post's own rate is worth (a beta distribution's a / (a + b) and a + b).
PRIOR_VERSION = 1
PRIOR = {
    "watch": (0.45, 6.0),
    "saves": (0.03, 30.0),
    "comments": (0.02, 40.0),
    "shares": (0.02, 40.0),
    "likes": (0.10, 20.0),
}
PRIOR_RANKS = 40
LENGTHS = (
    (15_000, "to 15 s"),
    (60_000, "15 to 60 s"),
    (300_000, "1 to 5 min"),
    (None, "over 5 min"),
)
AUDIENCES = (
    (100, "to 100 followers"),
    (1_000, "100 to 1 000 followers"),
    (10_000, "1 000 to 10 000 followers"),
    (100_000, "10 000 to 100 000 followers"),
    (None, "over 100 000 followers"),
)


@dataclass(frozen=True, kw_only=True)
class GradePolicy:
    """How a score is computed and which letter it gets; one stored version.

    Raises: InvalidGradePolicy.
    """

    version: int
    weights_bps: Mapping[str, int]
    cutoffs_bps: Mapping[str, int]
    prior_views: int = 50
    min_watch_ms: int = 5_000
    min_comment_chars: int = 3
    min_cohort: int = 30
    min_people: int = 50
    final_after: timedelta = timedelta(days=7)

    def __post_init__(self) -> None:
        if set(self.weights_bps) != set(SIGNALS) or min(self.weights_bps.values()) < 0:
            raise InvalidGradePolicy(
                f"Each of {', '.join(SIGNALS)} needs a weight of zero or more."
            )
        if sum(self.weights_bps.values()) != BPS:
            raise InvalidGradePolicy(
                f"The weights sum to {sum(self.weights_bps.values())}, not to {BPS}."
            )
        cuts = [self.cutoffs_bps.get(grade, -1) for grade in (Grade.A, Grade.B, Grade.C, Grade.D)]
        if (
            len(self.cutoffs_bps) != len(cuts)
            or not BPS >= cuts[0] > cuts[1] > cuts[2] > cuts[3] > 0
        ):
            raise InvalidGradePolicy(
                "A, B, C and D need falling cut-offs between 10000 and 1; F is the rest."
            )


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was counted of one post.

    Attributes:
        views: People who viewed it. audience: those of them who took it in, and who are judged by.
        timed, watched_bps: of how many of these it is known which share they watched, and the sum
            of the shares, in basis points.
        signed_in: Those of the audience who have an account and so can react; None: all.
    """

    views: int = 0
    audience: int = 0
    signed_in: int | None = None
    timed: int = 0
    watched_bps: int = 0
    saves: int = 0
    comments: int = 0
    shares: int = 0
    likes: int = 0

    def rate_parts(self, signal: str) -> tuple[float, int]:
        """Return sum and count; their quotient is the signal's rate per person."""
        if signal == "watch":
            return self.watched_bps / BPS, self.timed
        people = self.audience if self.signed_in is None else self.signed_in
        return float(getattr(self, signal)), people


@dataclass(frozen=True)
class SignalBaseline:
    """One signal in a cohort: the shrunk rates of its posts, ascending, and whose they are."""

    rates: Sequence[float]
    creators: Sequence[int | None]

    def of_others(self, creator: int | None) -> Sequence[float]:
        """Return the rates of all posts but one creator's."""
        if creator is None or creator not in self.creators:
            return self.rates
        return [
            rate for rate, whose in zip(self.rates, self.creators, strict=True) if whose != creator
        ]


@dataclass(frozen=True)
class Baseline:
    """The baselines of one cohort's signals, and the number of posts they were measured on."""

    posts: int
    signals: Mapping[str, SignalBaseline]


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one signal adds to the score.

    Attributes:
        rate: Per person, as counted; None without any.
        shrunk: The rate mixed with people of an average post.
        average: What is usual: the cohort's, mixed with the prior where it is small.
        rank_bps: Share of like posts that this one equals or beats.
    """

    signal: str
    weight_bps: int
    count: float
    rate: float | None
    shrunk: float
    average: float
    rank_bps: int
    contribution_bps: int


@dataclass(frozen=True)
class Score:
    """A post's score with its parts.

    Attributes:
        grade: C at best where fewer people than `min_people` took it in.
        cohort: None where no like posts are known: then it is compared with the prior alone.
        prior_bps: Share of the prior in what it is compared with.
    """

    score_bps: int
    grade: Grade
    prior_bps: int
    cohort: str | None
    cohort_posts: int
    contributions: tuple[Contribution, ...]


def cohorts_of(
    media_type: str, length_ms: int | None, audience: int | None, category: str | None = None
) -> tuple[str, ...]:
    """Return the cohorts of like posts that a post belongs to, the narrowest first."""
    names = [EVERYTHING, media_type]
    if length_ms is not None:
        names.append(f"{names[-1]}, {_band(length_ms, LENGTHS)}")
    if audience is not None:
        names.append(f"{names[-1]}, {_band(audience, AUDIENCES)}")
    if category is not None:
        names.append(f"{names[-1]}, {category}")
    return tuple(reversed(names))


def length_of(media_type: str, length_ms: int | None) -> str:
    """Return a post's kind and length in words."""
    return media_type if length_ms is None else f"{media_type}, {_band(length_ms, LENGTHS)}"


def audience_of(audience: int | None) -> str:
    """Return the size of a creator's audience in words."""
    return "not stated" if audience is None else _band(audience, AUDIENCES)


def shrink(total: float, views: int, mean: float, prior_views: int) -> float:
    """Mix a rate with `prior_views` views at the mean rate; without views, return the mean."""
    return (total + prior_views * mean) / (views + prior_views)


def rank_bps(value: float, ranks: Sequence[float]) -> int:
    """Return a value's rank among evenly spaced ranks, 0 to 10 000; the middle among equals."""
    low, high = bisect_left(ranks, value), bisect_right(ranks, value)
    last = len(ranks) - 1
    if low < high:  # equal values share the middle of their ranks
        return int(BPS * (low + high - 1) / (2 * last))
    if low == 0:
        return 0
    if low > last:
        return BPS
    below, above = ranks[low - 1], ranks[low]
    return int(BPS * (low - 1 + (value - below) / (above - below)) / last)


def baselines(
    posts: Iterable[tuple[Sequence[str], int | None, Counts]], policy: GradePolicy
) -> dict[str, Baseline]:
    """Return the baseline of every cohort with enough posts of enough creators.

    Args:
        posts: cohorts, creator and counts of each; the first of a creator's posts are taken.
    """
    members: dict[str, list[tuple[int | None, Counts]]] = {}
    per_creator: Counter[tuple[str, int | None]] = Counter()
    for cohorts, creator, counts in posts:
        if counts.audience < MIN_VIEWS:
            continue
        for cohort in cohorts:
            if per_creator[cohort, creator] < MAX_PER_CREATOR:
                per_creator[cohort, creator] += 1
                members.setdefault(cohort, []).append((creator, counts))
    return {
        cohort: Baseline(
            len(found), {signal: _baseline(signal, found, policy.prior_views) for signal in SIGNALS}
        )
        for cohort, found in sorted(members.items())
        if len(found) >= policy.min_cohort
        and len({creator for creator, _ in found}) >= min(MIN_CREATORS, policy.min_cohort)
    }


def score(
    counts: Counts,
    cohorts: Sequence[str],
    known_baselines: Mapping[str, Baseline],
    policy: GradePolicy,
    creator: int | None = None,
) -> Score:
    """Score a post against the narrowest of its cohorts that has a baseline, and the prior.

    Args:
        creator: Whose post it is: it is never compared with posts of the same.
    """
    cohort, posts = None, 0
    others: dict[str, Sequence[float]] = dict.fromkeys(SIGNALS, ())
    for name in cohorts:
        if (known := known_baselines.get(name)) is None:
            continue
        left = {signal: known.signals[signal].of_others(creator) for signal in SIGNALS}
        if min(len(rates) for rates in left.values()) > 1:
            cohort, others = name, left
            own = len(known.signals["watch"].rates) - len(left["watch"])
            posts = known.posts - own
            break
    parts = [_contribution(signal, counts, others[signal], posts, policy) for signal in SIGNALS]
    points = sum(part.contribution_bps for part in parts)
    grade = grade_of(points, policy.cutoffs_bps)
    if counts.audience < policy.min_people:
        grade = max(grade, Grade.C)
    prior_bps = BPS * policy.min_cohort // (posts + policy.min_cohort)
    return Score(points, grade, prior_bps, cohort, posts, tuple(parts))


def grade_of(score_bps: int, cutoffs_bps: Mapping[str, int]) -> Grade:
    """Return the letter of a score; a cut-off belongs to the better letter."""
    return next(
        (grade for grade in Grade if grade is not Grade.F and score_bps >= cutoffs_bps[grade]),
        Grade.F,
    )


def _contribution(
    signal: str, counts: Counts, others: Sequence[float], posts: int, policy: GradePolicy
) -> Contribution:
    total, people = counts.rate_parts(signal)
    own = posts / (posts + policy.min_cohort) if others else 0.0
    average, prior_ranks = PRIOR[signal][0], _prior_ranks(signal)
    if others:
        average = own * sum(others) / len(others) + (1 - own) * average
    shrunk = shrink(total, people, average, policy.prior_views)
    rank = (1 - own) * rank_bps(shrunk, prior_ranks)
    if others:
        rank += own * rank_bps(shrunk, others)
    weight = policy.weights_bps[signal]
    return Contribution(
        signal=signal,
        weight_bps=weight,
        count=total,
        rate=total / people if people else None,
        shrunk=shrunk,
        average=average,
        rank_bps=int(rank),
        contribution_bps=weight * int(rank) // BPS,
    )


@cache
def _prior_ranks(signal: str) -> tuple[float, ...]:
    mean, people = PRIOR[signal]
    places = [i / PRIOR_RANKS for i in range(PRIOR_RANKS + 1)]
    return tuple(float(v) for v in betaincinv(mean * people, (1 - mean) * people, places))


def _baseline(
    signal: str, posts: Sequence[tuple[int | None, Counts]], prior_views: int
) -> SignalBaseline:
    parts = [counts.rate_parts(signal) for _, counts in posts]
    people = sum(count for _, count in parts)
    mean = sum(total for total, _ in parts) / people if people else PRIOR[signal][0]
    rates = sorted(
        (
            (shrink(total, count, mean, prior_views), creator)
            for (total, count), (creator, _) in zip(parts, posts, strict=True)
        ),
        key=lambda found: found[0],
    )
    # Real values at even ranks, so that ties stay ties.
    last, kept = len(rates) - 1, min(len(rates), MAX_POSTS)
    chosen = [rates[round(i * last / (kept - 1))] for i in range(kept)]
    return SignalBaseline(*zip(*chosen, strict=True))


def _band(value: int, bands: Sequence[tuple[int | None, str]]) -> str:
    return next(name for limit, name in bands if limit is None or value <= limit)
