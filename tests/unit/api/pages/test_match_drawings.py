"""What the analysis page draws, from evidence as it is stored."""

from dataclasses import asdict

import pytest

from embeddings.audio.match import OffsetHistogram
from oracle.api.pages.match_drawings import Curve, clock, match_details

SEGMENT = {
    "query_start_s": 12.0,
    "query_end_s": 45.0,
    "reference_start_s": 63.0,
    "reference_end_s": 104.2,
    "speed": 1.25,
    "mirrored": True,
    "channel": "picture",
}


@pytest.mark.parametrize(
    ("second", "text"),
    [(0, "0:00"), (3, "0:03"), (75.25, "1:15.2"), (59.96, "1:00"), (3661.5, "1:01:01.5")],
)
def test_a_moment_as_people_write_it(second: float, text: str) -> None:
    assert clock(second) == text


def test_a_stretch_is_a_sentence_and_a_band_between_two_timelines() -> None:
    drawn = match_details(
        {"work": {"duration_ms": 200_000}, "segments": [SEGMENT]}, duration_s=60.0
    )
    (band,) = drawn.bands
    assert band.sentence == "Picture: 0:12–0:45 is their 1:03–1:44.2, mirrored, speed 1.25"
    assert band.points == "200,22 750,22 521,98 315,98"


def test_a_reversed_stretch_is_crossed() -> None:
    drawn = match_details(
        {"work": {"duration_ms": 100_000}, "segments": [SEGMENT | {"reversed": True}]}, 60.0
    )
    assert drawn.bands[0].points.split()[2:] == ["630,98", "1042,98"]


def test_a_still_picture_meets_a_stretch_in_its_middle() -> None:
    drawn = match_details({"work": {"duration_ms": None}, "segments": [SEGMENT]}, duration_s=60.0)
    assert drawn.bands[0].points.endswith("500,98 500,98")


def test_regions_pairs_and_curves() -> None:
    match = {
        "work": {},
        "query_region": [[0.0, 0.0], [1.0, 0.5]],
        "reference_region": [],
        "pairs": [
            {"query_ms": 1_500, "reference_ms": 61_000, "similarity": 0.987, "mirrored": True}
        ],
        "seconds": [{"query_s": 0.0, "likeness": 0.5}, {"query_s": 2.0, "likeness": 1.0}],
        "sound": {"histogram": asdict(OffsetHistogram(first_s=-3.0, cell_s=3.0, votes=(2, 8, 4)))},
    }
    drawn = match_details(match, duration_s=2.0)
    assert drawn.regions == {"query": "0,0 1000,500"}
    assert drawn.pairs[0].caption == "0:01.5 and 1:01: 0.99, mirrored"
    assert drawn.curves == {
        "Likeness, second by second": Curve("0,30.0 1000,0.0", "0 s", "2 s", "1"),
        "Agreeing landmarks by time offset": Curve("0,45.0 500,0.0 1000,30.0", "-3 s", "3 s", "8"),
    }
    assert [(cell.x, cell.width, cell.likeness) for cell in drawn.strip] == [
        (0.0, 100.0, 0.5),
        (100.0, 100.0, 1.0),
    ]


def test_one_picture_is_laid_over_the_other_by_their_regions() -> None:
    square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    half = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]
    match = {"work": {}, "query_region": square, "reference_region": half}
    drawn = match_details(match | {"scores": {"evidence": 31.5}}, duration_s=0)
    assert drawn.alignment == pytest.approx([2, 0, 0, 0, 2, 0, 0, 0, 1], abs=1e-4)
    assert drawn.raw == ("weighed evidence", 31.5)
    assert match_details({"work": {}}, 0).alignment == []
