"""Parts of works laid over each other: each hard case is a row."""

import pytest

from oracle.rules.overlap import WHOLE, Part, overlap_bps, parts_of, through_copy_bps


def box(left: float, top: float, right: float, bottom: float, share_bps: int = 2_500) -> Part:
    return Part(share_bps, ((left, top), (right, top), (right, bottom), (left, bottom)))


def heard(*spans: tuple[float, float], share_bps: int = 5_000) -> Part:
    return Part(share_bps, spans={"sound": spans})


LEFT, RIGHT, MIDDLE = box(0, 0, 0.5, 1), box(0.5, 0, 1, 1), box(0.25, 0, 0.75, 1)
TURNED = Part(2_500, ((0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)))
PAIRS = {
    "the same": (LEFT, LEFT, 10_000),
    "beside": (LEFT, RIGHT, 0),
    "half": (MIDDLE, LEFT, 5_000),
    "inside": (box(0.6, 0.2, 0.7, 0.3), RIGHT, 10_000),
    "around": (RIGHT, box(0.6, 0, 0.7, 1), 2_000),
    "a diamond in its left half": (TURNED, LEFT, 5_000),
    "the other way round": (
        Part(2_500, TURNED.region[::-1]),
        Part(5_000, LEFT.region[::-1]),
        5_000,
    ),
    "all of a work": (WHOLE, LEFT, 2_500),
    "in all of a work": (LEFT, WHOLE, 10_000),
    "seconds": (heard((0, 10)), heard((5, 30)), 5_000),
    "seconds that overlap count once": (heard((0, 10), (5, 15)), heard((0, 15)), 10_000),
    "another channel": (heard((0, 10)), Part(5_000, spans={"picture": ((0, 10),)}), 0),
    "a picture and a stretch of time": (LEFT, heard((0, 10)), None),
    "nothing known": (Part(5_000), LEFT, None),
}


@pytest.mark.parametrize("case", PAIRS.values(), ids=PAIRS.keys())
def test_how_much_of_a_part_lies_in_another(case: tuple[Part, Part, int | None]) -> None:
    part, other, expected = case
    assert overlap_bps(part, other) == expected


FILM = Part(10_000, spans={"picture": ((0, 30),), "sound": ((0, 30),)})
CHAINS = {
    "all of the copy was taken": (WHOLE, [(LEFT, WHOLE)], 10_000),
    "a crop of the author's half": (box(0.1, 0, 0.4, 1), [(LEFT, WHOLE)], 10_000),
    "more than the author's half": (box(0, 0, 0.9, 1), [(LEFT, WHOLE)], 10_000),
    "the copyist's half": (RIGHT, [(LEFT, WHOLE)], 0),
    "a part of both": (MIDDLE, [(LEFT, WHOLE)], 5_000),
    "the weakest further link counts": (WHOLE, [(LEFT, WHOLE), (RIGHT, WHOLE)], 2_500),
    "people decided without a match": (WHOLE, [None], None),
    "no link": (WHOLE, [], None),
    "a still of a film that is nearly all the author's": (
        LEFT,
        [(heard((0, 9), share_bps=9_000), WHOLE)],
        9_000,
    ),
    "a still of a film that is half the author's": (LEFT, [(heard((0, 9)), WHOLE)], None),
    "a film of which only the sound is the author's": (FILM, [(heard((0, 30)), WHOLE)], 0),
    "that sound": (heard((0, 30)), [(heard((0, 30)), WHOLE)], 10_000),
}


@pytest.mark.parametrize("case", CHAINS.values(), ids=CHAINS.keys())
def test_how_much_of_what_was_taken_is_the_authors(
    case: tuple[Part, list[tuple[Part, Part] | None], int | None],
) -> None:
    taken, links, expected = case
    assert through_copy_bps(taken, links) == expected


def test_the_parts_of_a_match() -> None:
    corners = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
    picture = {"query_region": corners, "reference_region": corners}
    assert parts_of(picture, 2_500, 5_000) == (LEFT, Part(5_000, LEFT.region))
    still = parts_of({**picture, "frame_ms": 4_000}, 2_500, 100)
    assert still[1] == Part(100, spans={"picture": ((3.5, 4.5),)})
    segment = {
        "query_start_s": 1.0,
        "query_end_s": 3.0,
        "reference_start_s": 11.0,
        "reference_end_s": 13.0,
    }
    assert parts_of({"segments": [segment]}, 100, 50) == (
        heard((1.0, 3.0), share_bps=100),
        heard((11.0, 13.0), share_bps=50),
    )
    assert parts_of({"same_file": True}, 10_000, 10_000) == (WHOLE, WHOLE)
    for part in (*still, WHOLE):
        assert Part.from_json(part.as_json()) == part
