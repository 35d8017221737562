"""Which candidates are verified, and that their order in the answer of the index is irrelevant."""

from random import Random
from uuid import UUID

from oracle.media.shortlist import shortlist
from storage.search.images import ImageCandidate


def candidate(
    number: int, distance: int | None = None, cosine: float | None = None, *found_by: str
) -> ImageCandidate:
    cosines = {} if cosine is None else {"model": cosine}
    return ImageCandidate(
        work_id=UUID(int=number),
        phash_distance=distance,
        phash_view="whole",
        cosines=cosines,
        found_by=found_by,
    )


def test_the_nearest_by_any_channel_come_first() -> None:
    by_hash, by_model, both = candidate(1, 2, 0.1), candidate(2, 120, 0.99), candidate(3, 4, 0.98)
    far = [candidate(number, 100 + number, 0.2) for number in range(10, 40)]
    assert {c.work_id.int for c in shortlist([*far, by_hash, by_model, both], 3)} == {1, 2, 3}


def test_the_same_bytes_are_always_nominated() -> None:
    near = [candidate(number, number, 0.99) for number in range(1, 30)]
    same = candidate(99, None, None, "sha256")
    assert shortlist([*near, same], 5)[0] == same


def test_the_order_of_candidates_is_irrelevant() -> None:
    found = [candidate(number, number * 7 % 50, number * 13 % 17 / 17) for number in range(1, 40)]
    shuffled = Random(3).sample(found, len(found))
    assert shortlist(found, 12) == shortlist(shuffled, 12)


def test_works_without_a_channel_are_no_trouble() -> None:
    found = [candidate(1, 5), candidate(2, None, 0.9), candidate(3)]
    assert {c.work_id.int for c in shortlist(found, 10)} == {1, 2, 3}
    assert shortlist([], 10) == []
