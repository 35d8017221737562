"""Scores and grades worked out by hand."""

import pytest

from oracle.engagement import grading
from oracle.engagement.errors import InvalidGradePolicy
from oracle.engagement.grading import Baseline, Counts, GradePolicy, SignalBaseline
from oracle.rules.payout import Grade

WEIGHTS = {"watch": 3_500, "saves": 2_000, "comments": 2_000, "shares": 1_500, "likes": 1_000}
CUTOFFS = {"A": 8_000, "B": 6_500, "C": 5_000, "D": 3_500}
POLICY = GradePolicy(version=1, weights_bps=WEIGHTS, cutoffs_bps=CUTOFFS)
# Every signal spreads evenly from 0 to 20 %, 10 % on average.
USUAL = Baseline(
    100, dict.fromkeys(grading.SIGNALS, SignalBaseline(0.1, tuple(i / 200 for i in range(41))))
)


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
    # After mixing 950 views with 50 average ones: 14.75 %, 10.0 % (exactly), 0.5 %, 19.5 %, 10.0 %.
    counts = Counts(views=950, watched_bps=1_425_000, saves=95, comments=0, shares=190, likes=95)
    found = grading.score(counts, ("video", "everything"), {"everything": USUAL}, POLICY)
    parts = {part.signal: (part.rank_bps, part.contribution_bps) for part in found.contributions}
    assert parts["watch"] == (7_375, 3_500 * 7_375 // 10_000)
    assert parts["saves"][0] == pytest.approx(5_000, abs=1)
    assert parts["comments"] == (250, 50)
    assert parts["shares"] == (9_750, 1_462)
    assert found.score_bps == sum(part.contribution_bps for part in found.contributions)
    assert (found.grade, found.cohort, found.cohort_posts) == (Grade.C, "everything", 100)


def test_the_narrowest_known_circle_is_compared_with() -> None:
    cohorts = grading.cohorts_of("video", 30_000, 5_000)
    assert cohorts == (
        "video, 15 to 60 s, 1 000 to 10 000 followers",
        "video, 15 to 60 s",
        "video",
        "everything",
    )
    known = {"everything": USUAL, "video": USUAL}
    assert grading.score(Counts(views=100), cohorts, known, POLICY).cohort == "video"
    assert grading.cohorts_of("image", None, None) == ("image", "everything")
    assert grading.cohorts_of("audio", 15_000, None)[0] == "audio, to 15 s"


def test_without_like_posts_everything_is_average_and_earns_no_bonus() -> None:
    found = grading.score(Counts(views=10, likes=10), ("video", "everything"), {}, POLICY)
    assert (found.score_bps, found.grade, found.cohort) == (5_000, Grade.C, None)


def test_only_posts_with_views_make_a_cohort_and_only_enough_of_them() -> None:
    seen = Counts(views=100, watched_bps=500_000, saves=5)
    posts = [(("video", "everything"), seen)] * 29 + [(("image", "everything"), seen)] * 2
    unseen = [(("image", "everything"), Counts(views=grading.MIN_VIEWS - 1))] * 50
    found = grading.baselines(posts + unseen, POLICY)
    assert set(found) == {"everything"}
    assert found["everything"].posts == 31
    assert found["everything"].signals["saves"].mean == 0.05
    assert found["everything"].signals["watch"].mean == 0.5


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
