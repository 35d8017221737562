"""The rule from segments to similarity, and the calibration's arithmetic; pure."""

import math

import pytest

from embeddings.audio.calibration import load_calibration, parse_calibration
from embeddings.audio.score import covered, judge, unproven

TABLE = {
    "version": "t",
    "fitted_on": "test",
    "decay": 0.5,
    "log_scale": 4.0,
    "window_s": 7.5,
    "proven_p": 1e-6,
}


@pytest.mark.parametrize(
    ("query", "reference", "query_s", "reference_s", "repeating", "copy"),
    [
        ([(0, 5)], [(60, 65)], 5, 180, False, True),  # five seconds of a song
        ([(0, 180)], [(0, 180)], 180, 180, False, True),
        ([(0, 90)], [(0, 90)], 180, 180, False, True),  # half is mainly the same
        ([(0, 89)], [(0, 89)], 180, 180, False, False),
        ([(100, 280)], [(0, 180)], 3600, 180, False, True),  # a whole song in an hour of a show
        ([(100, 104)], [(0, 4)], 60, 4, False, False),  # a stock effect in a film
        ([(0, 4)], [(0, 4)], 4, 4, False, True),  # the effect itself, posted again
        ([(0, 1.5)], [(0, 1.5)], 1.5, 1.5, False, True),
        ([(0, 1.6)], [(50, 51.6)], 1.6, 180, False, True),  # a clip of a song, and nothing else
        ([(0, 1.0)], [(50, 51.0)], 1.0, 180, False, False),
        ([(0, 2)], [(50, 52)], 3, 180, False, False),  # two seconds beside others: a sample
        # one bar, twenty times
        ([(4 * k, 4 * k + 4) for k in range(20)], [(10, 14)] * 20, 80, 180, False, False),
        ([(0, 60)], [(0, 60)], 60, 60, True, False),  # the loop under two songs
    ],
)
def test_copies_and_partial_matches(
    query: list[tuple[float, float]],
    reference: list[tuple[float, float]],
    query_s: float,
    reference_s: float,
    repeating: bool,
    copy: bool,
) -> None:
    judged = judge(
        query, reference, query_s=query_s, reference_s=reference_s, share=0.9, repeating=repeating
    )
    assert (judged.similarity >= 0.95) is copy and judged.partial is not copy
    assert 0.6 <= judged.similarity <= 1.0


def test_what_is_owed_falls_with_the_part_that_was_taken() -> None:
    def similarity(start: float, seconds: float, query_s: float, reference_s: float) -> float:
        span = [(start, start + seconds)]
        return judge(
            span, span, query_s=query_s, reference_s=reference_s, share=0.9, repeating=False
        ).similarity

    assert similarity(0, 180, 180, 180) == pytest.approx(0.95 + 0.05 * 0.9)
    short_in_long, long_has_short = similarity(0, 20, 3600, 20), similarity(0, 20, 20, 3600)
    assert short_in_long == long_has_short == pytest.approx(0.95 + 0.05 * 0.9 * 20 / 3600)
    assert short_in_long >= 0.95, "a copy all the same"
    taken = [similarity(0, 60, 60, whole) for whole in (60, 120, 600, 6000, 36_000)]
    assert taken == sorted(taken, reverse=True) and taken[-1] >= 0.95
    own = [similarity(0, 60, whole, 60) for whole in (60, 120, 600, 6000, 36_000)]
    assert own == taken


def test_more_coverage_and_more_fidelity_never_lower_it() -> None:
    def similarity(seconds: float, share: float) -> float:
        span = [(0.0, seconds)]
        return judge(
            span, span, query_s=60, reference_s=60, share=share, repeating=False
        ).similarity

    rising = [similarity(s, 0.8) for s in range(1, 61)]
    assert rising == sorted(rising)
    assert (
        similarity(60, 0.1) < similarity(60, 0.2) < similarity(60, 0.9) < similarity(60, 1.0) == 1.0
    )


def test_an_arrangement_is_not_the_recording() -> None:
    judged = judge(
        [(0, 110)], [(0, 110)], query_s=120, reference_s=130, share=0.13, repeating=False
    )
    assert judged.partial and judged.similarity < 0.95 and "too little sound" in judged.why


def test_seconds_count_once() -> None:
    assert covered([(5, 8), (0, 2), (1, 3), (5, 6)]) == 6
    assert covered([]) == 0


def test_p_false_falls_with_evidence_and_decides() -> None:
    table = parse_calibration(TABLE)
    assert table.p_false(0.0) == 1.0
    assert table.p_false(table.proven_at) == pytest.approx(1e-6)
    assert table.p_false(100.0) == pytest.approx(math.exp(-46.0))
    # ten times as many places
    assert table.p_false(50.0, 75.0) == pytest.approx(10 * table.p_false(50.0, 7.5))
    assert table.p_false(50.0, 2.0) == table.p_false(50.0)
    assert unproven(1.0) == 0.0 and unproven(1e-5) == pytest.approx(0.5, abs=1e-4)
    assert "no measured rate" in table.statement
    measured = parse_calibration(TABLE | {"null_windows": 20_000, "largest_null": 21.0})
    assert (
        "20,000" in measured.statement
        and "21" in measured.statement
        and "1,000,000" in measured.statement
    )


@pytest.mark.parametrize(
    "wrong",
    [{"decay": 0.0}, {"window_s": 0.0}, {"decay": -1.0}, {"proven_p": 0.0}, {"largest_null": 90.0}],
)
def test_a_table_that_would_accuse_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"tail|never registered"):
        parse_calibration(TABLE | wrong)


def test_the_shipped_table_is_a_measured_one() -> None:
    table = load_calibration()
    assert table.null_windows > 1000 and table.largest_null < table.proven_at < 60
