"""More of what people like never lowers a grade, and parts add up, whatever the counts."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from oracle.engagement import grading
from oracle.engagement.grading import Baseline, Counts, GradePolicy, SignalBaseline
from oracle.rules.decision import BPS

rates = st.floats(0, 1, allow_subnormal=False)
distributions = st.lists(rates, min_size=41, max_size=41).map(sorted)
usual = st.builds(
    lambda ranks: Baseline(
        50,
        {
            s: SignalBaseline(tuple(r), tuple(range(41)))
            for s, r in zip(grading.SIGNALS, ranks, strict=True)
        },
    ),
    st.lists(distributions, min_size=5, max_size=5),
)
counts = st.builds(
    lambda views, watched, saves, comments, shares, likes: Counts(
        views=views,
        audience=views,
        timed=views,
        watched_bps=min(watched, views * BPS),
        saves=saves,
        comments=comments,
        shares=shares,
        likes=likes,
    ),
    st.integers(0, 10**7),
    st.integers(0, 10**11),
    *[st.integers(0, 10**6)] * 4,
)
weights = (
    st.lists(st.integers(0, BPS), min_size=4, max_size=4)
    .map(sorted)
    .map(lambda cuts: [b - a for a, b in zip([0, *cuts], [*cuts, BPS], strict=True)])
)
policies = weights.map(
    lambda parts: GradePolicy(
        version=1,
        weights_bps=dict(zip(grading.SIGNALS, parts, strict=True)),
        cutoffs_bps={"A": 8_000, "B": 6_500, "C": 5_000, "D": 3_500},
    )
)


@given(counts, usual, policies)
def test_the_parts_add_up_and_stay_within_their_weights(
    found: Counts, known: Baseline, policy: GradePolicy
) -> None:
    score = grading.score(found, ("everything",), {"everything": known}, policy)
    assert score.score_bps == sum(part.contribution_bps for part in score.contributions)
    assert 0 <= score.score_bps <= BPS
    for part in score.contributions:
        assert 0 <= part.contribution_bps <= part.weight_bps
        assert 0 <= part.rank_bps <= BPS


@given(
    counts,
    usual,
    policies,
    st.sampled_from(["saves", "comments", "shares", "likes"]),
    st.integers(1, 10**6),
)
def test_more_of_a_signal_never_lowers_the_score(
    found: Counts, known: Baseline, policy: GradePolicy, signal: str, more: int
) -> None:
    before = grading.score(found, ("everything",), {"everything": known}, policy).score_bps
    richer = replace(found, **{signal: getattr(found, signal) + more})
    assert grading.score(richer, ("everything",), {"everything": known}, policy).score_bps >= before


@given(rates, st.integers(0, 10**6), rates, st.integers(1, 1_000))
def test_a_shrunk_rate_lies_between_the_rate_and_the_average(
    rate: float, views: int, mean: float, prior: int
) -> None:
    shrunk = grading.shrink(rate * views, views, mean, prior)
    assert (
        min(rate, mean) - 1e-9 <= shrunk <= max(rate, mean) + 1e-9
        if views
        else abs(shrunk - mean) <= 1e-9
    )


@given(rates, rates, distributions)
def test_ranks_keep_the_order(one: float, other: float, ranks: list[float]) -> None:
    low, high = sorted((one, other))
    assert grading.rank_bps(low, ranks) <= grading.rank_bps(high, ranks)


@given(st.lists(counts, min_size=2, max_size=60), policies)
def test_every_post_of_a_cohort_is_compared_with_the_others(
    posts: list[Counts], policy: GradePolicy
) -> None:
    policy = replace(policy, min_cohort=2)
    known = grading.baselines(
        [(("everything",), n, found) for n, found in enumerate(posts)], policy
    )
    seen = [(n, found) for n, found in enumerate(posts) if found.audience >= grading.MIN_VIEWS]
    assert ("everything" in known) == (len(seen) >= 2)
    for n, found in seen if len(seen) > 2 else []:
        score = grading.score(found, ("everything",), known, policy, n)
        assert score.cohort_posts == len(seen) - 1
