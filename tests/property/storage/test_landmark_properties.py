"""The sound index without a database: packing loses nothing, votes agree with counting by hand."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.landmark_postings import (
    HASH_BITS,
    MOST_FRAME,
    MOST_PER_TRACK,
    MOST_SHIFT,
    Postings,
    pack_buckets,
    pack_track,
    read_buckets,
    read_fresh,
    shift_for,
)  # fmt: skip
from storage.landmark_votes import (
    CELL_FRAMES,
    FEWEST_VOTES,
    KEPT_LEAST,
    STOP_LEAST,
    TONE_PAIRS,
    common_landmarks,
    rank,
)  # fmt: skip


@st.composite
def postings(draw: st.DrawFn) -> Postings:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    count, width = draw(st.integers(0, 300)), draw(st.sampled_from((4, 12, HASH_BITS)))
    return Postings(
        rng.integers(0, 1 << width, count).astype(np.int32),
        rng.integers(1, draw(st.sampled_from((3, 2**31))), count).astype(np.int32),
        rng.integers(0, draw(st.sampled_from((40, MOST_FRAME + 1))), count).astype(np.int32),
    )


def rows(held: Postings) -> list[tuple[int, int, int]]:
    return sorted(zip(held.hash.tolist(), held.track.tolist(), held.frame.tolist(), strict=True))


def heads(parts: list[tuple[int, bytes]]) -> bytes:
    return np.array([(key, len(data)) for key, data in parts], ">i4").reshape(-1, 2).tobytes()


@settings(deadline=None)
@given(postings(), st.integers(0, MOST_SHIFT))
def test_buckets_lose_nothing(held: Postings, shift: int) -> None:
    parts = pack_buckets(held, shift)
    assert [key for key, _ in parts] == sorted({h >> shift << shift for h in held.hash.tolist()})
    assert rows(read_buckets(heads(parts), b"".join(data for _, data in parts))) == rows(held)


@settings(deadline=None)
@given(postings())
def test_a_fresh_track_keeps_all_but_what_comes_back_too_often(held: Postings) -> None:
    data = pack_track(held.hash, held.frame)
    again = read_fresh(heads([(7, data)]), data)
    kept = list(zip(again.hash.tolist(), again.frame.tolist(), strict=True))
    all_of_it = list(zip(held.hash.tolist(), held.frame.tolist(), strict=True))
    assert set(kept) <= set(all_of_it) and (again.track == 7).all()
    for value in set(held.hash.tolist()):
        had, has = (sum(h == value for h, _ in some) for some in (all_of_it, kept))
        assert has == had if had <= MOST_PER_TRACK else MOST_PER_TRACK // 2 <= has <= MOST_PER_TRACK


@settings(deadline=None)
@given(st.integers(0, 10**10))
def test_segments_of_any_size_have_a_shift(count: int) -> None:
    assert 0 <= shift_for(count) <= MOST_SHIFT
    assert shift_for(count) >= shift_for(4 * count)


@settings(deadline=None)
@given(postings(), st.integers(0, 1 << 32), st.integers(1, 60))
def test_common_landmarks_and_votes_agree_with_counting_by_hand(held: Postings, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    hashes = rng.choice(held.hash, count) if len(held) else rng.integers(0, 99, count).astype(np.int32)
    positions = rng.integers(0, 30, count).astype(np.float32)
    groups = rng.integers(0, 3, count).astype(np.int16)
    common = common_landmarks(hashes, held, len(held))
    by_hand = sorted((k, t, f) for k, h in enumerate(hashes.tolist()) for g, t, f in rows(held) if g == h)
    assert sorted(zip(common.key.tolist(), common.track.tolist(), common.frame.tolist(), strict=True)) == by_hand
    cells: dict[tuple[int, int], dict[int, int]] = {}
    for key, track, frame in by_hand:
        cell = int(np.floor((frame - positions[key]) / CELL_FRAMES))
        line = cells.setdefault((track, int(groups[key])), {})
        line[cell] = line.get(cell, 0) + 1
    votes = rank(common, positions, groups, 1000)
    assert len({vote.track for vote in votes}) == len(votes)
    assert all(a.score >= b.score for a, b in pairwise(votes))
    for vote in votes:
        line = cells[(vote.track, vote.group)]
        cell = vote.offset // CELL_FRAMES - 1
        assert vote.votes == line.get(cell, 0) + line.get(cell + 1, 0) >= FEWEST_VOTES
    enough = {
        t for (t, _), line in cells.items() if any(n + line.get(c + 1, 0) >= FEWEST_VOTES for c, n in line.items())
    }
    assert {vote.track for vote in votes} == enough


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1 << 32), st.integers(1, 4), st.integers(1, 40))
def test_of_a_stop_hash_the_earliest_places_are_kept_and_of_a_tone_none(seed: int, times: int, asked: int) -> None:
    rng = np.random.default_rng(seed)
    tracks = rng.permutation(np.repeat(np.arange(1, 1 + STOP_LEAST), times)).astype(np.int32)
    tone = np.repeat(np.arange(1, 101), MOST_PER_TRACK).astype(np.int32)  # a hash that fills every track it is in
    rare = np.arange(1, 9, dtype=np.int32)
    held = Postings(
        np.repeat(np.array([5, 6, 7], np.int32), (len(tracks), len(tone), len(rare))),
        np.concatenate([tracks, tone, rare]),
        rng.integers(0, 999, len(tracks) + len(tone) + len(rare)).astype(np.int32),
    )
    query = np.repeat(np.array([5, 6, 7], np.int32), (asked, TONE_PAIRS // MOST_PER_TRACK + 1, 1))
    common = common_landmarks(query, held, len(held))
    hashes = query[common.key]
    assert np.count_nonzero(hashes == 7) == len(rare), "what is not common is all there"
    assert not (hashes == 6).any()
    if times > 1:
        assert np.count_nonzero(hashes == 5) == asked * KEPT_LEAST
        assert common.track[hashes == 5].max() <= -(-KEPT_LEAST // times)
    else:
        assert np.count_nonzero(hashes == 5) == asked * STOP_LEAST
