"""Scores and grades worked out by hand."""

from dataclasses import replace

import pytest

from oracle.engagement import grading
from oracle.engagement.errors import InvalidGradePolicy
from oracle.engagement.grading import Baseline, Counts, GradePolicy, SignalBaseline
from oracle.rules.payout import Grade

WEIGHTS = {"watch": 3_500, "saves": 2_000, "comments": 2_000, "shares": 1_500, "likes": 1_000}
CUTOFFS = {"A": 8_000, "B": 6_500, "C": 5_000, "D": 3_500}
POLICY = GradePolicy(version=1, weights_bps=WEIGHTS, cutoffs_bps=CUTOFFS)
# Every signal spreads evenly from 0 to 20 %, 10 % on average, over 41 posts of 41 creators.
USUAL = Baseline(
    41,
    dict.fromkeys(
        grading.SIGNALS, SignalBaseline(tuple(i / 200 for i in range(41)), tuple(range(41)))
    ),
)
# so many posts that the prior has no weight to speak of
MANY = replace(USUAL, posts=10**9)
VIDEO = ("video", "everything")


@pytest.mark.parametrize(
    ("score", "grade"),
    [
        (10_000, "A"),
        (8_000, "A"),
        (7_999, "B"),
        (6_500, "B"),
        (6_499, "C"),
        (5_000, "C"),
        (4_999, "D"),
        (3_500, "D"),
        (3_499, "F"),
        (0, "F"),
    ],
)
def test_a_cut_off_belongs_to_the_better_letter(score: int, grade: str) -> None:
    assert grading.grade_of(score, CUTOFFS) == Grade(grade)


def test_few_views_count_like_an_average_post_mixed_in() -> None:
    # One save in one view is no 100 %: with 50 average views (10 %) it is 6 in 51.
    assert grading.shrink(1, 1, 0.1, 50) == pytest.approx(6 / 51)
    assert grading.shrink(0, 0, 0.1, 50) == 0.1
    assert grading.shrink(30_000, 100_000, 0.1, 50) == pytest.approx(0.3, abs=1e-3)


def test_a_rank_is_a_place_among_evenly_spaced_ones() -> None:
    ranks = (0.0, 0.1, 0.2, 0.3, 0.4)
    assert [grading.rank_bps(v, ranks) for v in (-1, 0.0, 0.05, 0.1, 0.4, 9)] == [
        0,
        0,
        1_250,
        2_500,
        10_000,
        10_000,
    ]


def test_equals_share_the_middle_of_their_places() -> None:
    assert grading.rank_bps(0.0, (0.0, 0.0, 0.0, 0.5, 1.0)) == 2_500
    assert grading.rank_bps(0.3, (0.3,) * 5) == 5_000


def test_contributions_add_up_to_the_score() -> None:
    # After mixing 950 people with 50 average ones: 14.75 %, 10.0 % (exactly), 0.5 %, 19.5 %, 10 %.
    counts = Counts(
        views=950, audience=950, timed=950, watched_bps=1_425_000, saves=95, shares=190, likes=95
    )
    found = grading.score(counts, VIDEO, {"everything": MANY}, POLICY)
    parts = {part.signal: (part.rank_bps, part.contribution_bps) for part in found.contributions}
    for signal, rank in (("watch", 7_375), ("saves", 5_000), ("comments", 250), ("shares", 9_750)):
        assert parts[signal][0] == pytest.approx(rank, abs=1)
        assert parts[signal][1] == WEIGHTS[signal] * parts[signal][0] // 10_000
    assert found.score_bps == sum(part.contribution_bps for part in found.contributions)
    assert (found.grade, found.cohort, found.prior_bps) == (Grade.C, "everything", 0)


def test_own_data_replaces_the_prior_smoothly() -> None:
    counts = Counts(views=500, audience=500, likes=65)
    ranks = []
    for posts in (30, 60, 300, 3_000):
        found = grading.score(counts, VIDEO, {"video": replace(USUAL, posts=posts)}, POLICY)
        ranks.append(found.contributions[-1].rank_bps)
        assert found.prior_bps == 10_000 * 30 // (posts + 30)
    prior = grading.score(counts, VIDEO, {}, POLICY)
    assert (prior.prior_bps, prior.cohort, prior.cohort_posts) == (10_000, None, 0)
    ends = [prior.contributions[-1].rank_bps, *ranks]
    assert ends in (sorted(ends), sorted(ends, reverse=True))
    assert ends[0] != ends[-1]


def test_the_narrowest_known_circle_is_compared_with() -> None:
    cohorts = grading.cohorts_of("video", 30_000, 5_000, "cooking")
    assert cohorts == (
        "video, 15 to 60 s, 1 000 to 10 000 followers, cooking",
        "video, 15 to 60 s, 1 000 to 10 000 followers",
        "video, 15 to 60 s",
        "video",
        "everything",
    )
    known = {"everything": USUAL, "video": USUAL}
    assert grading.score(Counts(views=100), cohorts, known, POLICY).cohort == "video"
    assert grading.cohorts_of("image", None, None) == ("image", "everything")
    assert grading.cohorts_of("audio", 15_000, None)[0] == "audio, to 15 s"


@pytest.mark.parametrize(
    ("people", "grade"), [(0, Grade.D), (1, Grade.C), (49, Grade.C), (50, Grade.A)]
)
def test_no_bonus_without_people_who_took_it_in(people: int, grade: Grade) -> None:
    """However well it did with those: few are bought for less than the bonus."""
    best = Counts(
        views=people + 500,
        audience=people,
        timed=people,
        watched_bps=people * 10_000,
        saves=people,
        comments=people,
        shares=people,
        likes=people,
    )
    assert grading.score(best, VIDEO, {"everything": MANY}, POLICY).grade == grade


def test_nobody_is_compared_with_posts_of_their_own() -> None:
    mine = SignalBaseline(tuple(i / 100 for i in range(40)), (7,) * 30 + tuple(range(100, 110)))
    known = {"video": Baseline(40, dict.fromkeys(grading.SIGNALS, mine))}
    others = grading.score(Counts(), VIDEO, known, POLICY, 7)
    assert others.cohort_posts == 10
    assert others.contributions[0].average > 0.3
    alone = SignalBaseline((0.1, 0.2), (7, 7))
    known = {"video": Baseline(2, dict.fromkeys(grading.SIGNALS, alone))}
    assert grading.score(Counts(), VIDEO, known, POLICY, 7).cohort is None


def test_a_cohort_has_enough_posts_that_were_seen_of_many_creators() -> None:
    seen = Counts(views=100, audience=100, timed=100, watched_bps=500_000, saves=5)
    posts = [(VIDEO, n, seen) for n in range(29)]
    posts += [(("image", "everything"), n, seen) for n in range(2)]
    unseen = [
        (("image", "everything"), n, Counts(views=500, audience=grading.MIN_VIEWS - 1))
        for n in range(50)
    ]
    one_creator = [(("audio",), 1, seen)] * 500
    few = [(("gif",), n % 9, seen) for n in range(500)]
    found = grading.baselines(posts + unseen + one_creator + few, POLICY)
    assert set(found) == {"everything"}
    assert found["everything"].posts == 31
    assert set(found["everything"].signals["saves"].rates) == {0.05}
    assert set(found["everything"].signals["watch"].rates) == {0.5}


@pytest.mark.parametrize(
    ("weights", "cutoffs"),
    [
        (WEIGHTS | {"watch": 3_501}, CUTOFFS),
        (WEIGHTS | {"watch": 4_600, "likes": -100}, CUTOFFS),
        ({"watch": 10_000}, CUTOFFS),
        (WEIGHTS, CUTOFFS | {"B": 8_000}),
        (WEIGHTS, {"A": 8_000}),
        (WEIGHTS, CUTOFFS | {"F": 1}),
    ],
)
def test_rules_that_do_not_fit_together_are_refused(
    weights: dict[str, int], cutoffs: dict[str, int]
) -> None:
    with pytest.raises(InvalidGradePolicy):
        GradePolicy(version=2, weights_bps=weights, cutoffs_bps=cutoffs)
