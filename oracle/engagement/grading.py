"""Engagement score and grade of a post: pure rules over counted events, no I/O, no clock.

A post is compared with posts like it (kind, length, audience). Every signal is a rate per qualified
view. Few views say little, so each rate is mixed with `prior_views` views of an average post of its
cohort (the posterior mean of a beta-binomial model, as in empirical Bayes; Efron & Morris, "Stein's
Paradox in Statistics", 1977). A signal contributes its weight times its rank among the like posts.
Contributions are basis points, floored one by one, and the score is their sum, so that the numbers
people see add up.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from oracle.engagement.errors import InvalidGradePolicy
from oracle.rules.decision import BPS
from oracle.rules.payout import Grade

SIGNALS = ("watch", "saves", "comments", "shares", "likes")
RANKS = 40  # a cohort's distribution is stored as its values at 0, 1/40, ... 40/40
MIN_VIEWS = 20  # posts with fewer qualified views do not enter a baseline
EVERYTHING = "everything"
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
        views: Qualified views; `watched_bps` sums the share that each watched, in basis points.
    """

    views: int = 0
    watched_bps: int = 0
    saves: int = 0
    comments: int = 0
    shares: int = 0
    likes: int = 0

    def rate_parts(self, signal: str) -> tuple[float, int]:
        """Return sum and count; their quotient is the signal's rate per view."""
        total = self.watched_bps / BPS if signal == "watch" else float(getattr(self, signal))
        return total, self.views


@dataclass(frozen=True)
class SignalBaseline:
    """One signal in a cohort: the pooled rate, and the shrunk rates at RANKS + 1 even ranks."""

    mean: float
    ranks: Sequence[float]


@dataclass(frozen=True)
class Baseline:
    """The baselines of one cohort's signals, and the number of posts they were measured on."""

    posts: int
    signals: Mapping[str, SignalBaseline]


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one signal adds to the score.

    Attributes:
        rate: Per qualified view, as counted; None without views.
        shrunk: The rate mixed with views of an average post.
        average: The cohort's own rate.
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

    Without a comparable cohort every signal ranks as average.
    """

    score_bps: int
    grade: Grade
    cohort: str | None
    cohort_posts: int
    contributions: tuple[Contribution, ...]


def cohorts_of(media_type: str, length_ms: int | None, audience: int | None) -> tuple[str, ...]:
    """Return the cohorts of like posts that a post belongs to, the narrowest first."""
    names = [EVERYTHING, media_type]
    if length_ms is not None:
        names.append(f"{names[-1]}, {_band(length_ms, LENGTHS)}")
    if audience is not None:
        names.append(f"{names[-1]}, {_band(audience, AUDIENCES)}")
    return tuple(reversed(names))


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
    posts: Iterable[tuple[Sequence[str], Counts]], policy: GradePolicy
) -> dict[str, Baseline]:
    """Return the baseline of every cohort with enough posts, from all posts' cohorts and counts."""
    members: dict[str, list[Counts]] = {}
    for cohorts, counts in posts:
        if counts.views >= MIN_VIEWS:
            for cohort in cohorts:
                members.setdefault(cohort, []).append(counts)
    return {
        cohort: Baseline(
            len(counts_of_posts),
            {signal: _baseline(signal, counts_of_posts, policy.prior_views) for signal in SIGNALS},
        )
        for cohort, counts_of_posts in sorted(members.items())
        if len(counts_of_posts) >= policy.min_cohort
    }


def score(
    counts: Counts,
    cohorts: Sequence[str],
    known_baselines: Mapping[str, Baseline],
    policy: GradePolicy,
) -> Score:
    """Score a post against the narrowest of its cohorts that has a baseline."""
    cohort = next((name for name in cohorts if name in known_baselines), None)
    parts = [
        _contribution(signal, counts, known_baselines[cohort] if cohort else None, policy)
        for signal in SIGNALS
    ]
    points = sum(part.contribution_bps for part in parts)
    posts = known_baselines[cohort].posts if cohort else 0
    return Score(points, grade_of(points, policy.cutoffs_bps), cohort, posts, tuple(parts))


def grade_of(score_bps: int, cutoffs_bps: Mapping[str, int]) -> Grade:
    """Return the letter of a score; a cut-off belongs to the better letter."""
    return next(
        (grade for grade in Grade if grade is not Grade.F and score_bps >= cutoffs_bps[grade]),
        Grade.F,
    )


def _contribution(
    signal: str, counts: Counts, usual: Baseline | None, policy: GradePolicy
) -> Contribution:
    total, views = counts.rate_parts(signal)
    rate = total / views if views else None
    if usual is None:
        shrunk = average = rate or 0.0
        rank = BPS // 2
    else:
        average = usual.signals[signal].mean
        shrunk = shrink(total, views, average, policy.prior_views)
        rank = rank_bps(shrunk, usual.signals[signal].ranks)
    weight = policy.weights_bps[signal]
    return Contribution(
        signal=signal,
        weight_bps=weight,
        count=total,
        rate=rate,
        shrunk=shrunk,
        average=average,
        rank_bps=rank,
        contribution_bps=weight * rank // BPS,
    )


def _baseline(signal: str, posts: Sequence[Counts], prior_views: int) -> SignalBaseline:
    parts = [counts.rate_parts(signal) for counts in posts]
    mean = sum(total for total, _ in parts) / sum(views for _, views in parts)
    rates = sorted(shrink(total, views, mean, prior_views) for total, views in parts)
    # The nearest real value at each rank, so that ties stay ties.
    return SignalBaseline(
        mean, tuple(rates[round(i * (len(rates) - 1) / RANKS)] for i in range(RANKS + 1))
    )


def _band(value: int, bands: Sequence[tuple[int | None, str]]) -> str:
    return next(name for limit, name in bands if limit is None or value <= limit)
