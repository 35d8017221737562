"""The sound index without a database: packing loses nothing, votes agree with counting by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.search.sounds.postings import (
    HASH_BITS,
    MAX_FRAME,
    MAX_PER_TRACK,
    MAX_PLACES,
    MAX_SHIFT,
    MIN_SHIFT,
    Postings,
    join,
    pack_segment,
    pack_track,
    read_fresh,
    read_segment,
    read_timeline,
    shift_for,
)
from storage.search.sounds.spans import Spans, mask_of, merge_parts, read_part, sort_part
from storage.search.sounds.votes import (
    CELL_FRAMES,
    MIN_STOP,
    MIN_USED,
    MIN_VOTES,
    TONE_PAIRS,
    rank,
    without_stop_hashes,
)


@st.composite
def postings(draw: st.DrawFn) -> Postings:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    count, width = draw(st.integers(0, 300)), draw(st.sampled_from((4, 12, HASH_BITS)))
    return Postings(
        rng.integers(0, 1 << width, count).astype(np.int32),
        rng.integers(1, draw(st.sampled_from((3, 60))), count).astype(np.int32)
        * draw(st.sampled_from((1, 10**7))),
        rng.integers(0, draw(st.sampled_from((40, MAX_FRAME + 1))), count).astype(np.int32),
    )


def rows(held: Postings) -> list[tuple[int, int, int]]:
    return sorted(zip(held.hash.tolist(), held.track.tolist(), held.frame.tolist(), strict=True))


def heads(parts: list[tuple[int, bytes]]) -> bytes:
    return np.array([(key, len(data)) for key, data in parts], ">i4").reshape(-1, 2).tobytes()


def rows_of(spans: Spans) -> list[tuple[int, int, int]]:
    """Every place of the spans; a run of them may be a part of what is held."""
    at = [(n, place) for n in range(len(spans.hashes)) for place in range(spans.counts[n])]
    places = np.array([spans.places[spans.firsts[n] + place] for n, place in at], np.int64)
    tracks = spans.track_of(places)
    frames = places - spans.starts[tracks]
    hashes = spans.hashes[[n for n, _ in at]] if at else np.empty(0, np.int64)
    return sorted(zip(hashes.tolist(), spans.tracks[tracks].tolist(), frames.tolist(), strict=True))


@settings(deadline=None)
@given(postings())
def test_segments_lose_nothing(held: Postings) -> None:
    made = pack_segment(held)
    data = b"".join(part for _, part in made.buckets)
    assert [key for key, _ in made.buckets] == sorted(
        {h >> made.shift << made.shift for h in held.hash.tolist()}
    )
    timeline = read_timeline(made.timeline.pack())
    assert rows(read_segment(made.shift, timeline, heads(made.buckets), data)) == rows(held)


@settings(deadline=None)
@given(st.lists(postings(), max_size=4), st.integers(0, 1 << 32), st.booleans())
def test_what_is_fetched_lies_on_one_timeline(
    parts: list[Postings], seed: int, packed: bool
) -> None:
    """The same tracks may be in several parts, as those of ranges of hashes are."""
    held = join(parts)
    rng = np.random.default_rng(seed)
    asked = rng.choice(held.hash, 1 + len(held) // 2) if len(held) else np.array([5], np.int32)
    wanted = mask_of(asked)
    fetched = []
    for part in parts:
        made = pack_segment(part)
        data = b"".join(bucket for _, bucket in made.buckets)
        fetched.append(
            read_part(made.shift, made.timeline, heads(made.buckets), data, wanted)
            if packed
            else sort_part(part, wanted)
        )
    spans = merge_parts(fetched)
    assert rows_of(spans) == [row for row in rows(held) if wanted[row[0]]]
    assert len(set(spans.tracks.tolist())) == len(spans.tracks)


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
        assert has == had if had <= MAX_PER_TRACK else MAX_PER_TRACK // 2 <= has <= MAX_PER_TRACK


@settings(deadline=None)
@given(st.integers(0, 10**10), st.integers(0, MAX_PLACES))
def test_segments_of_any_size_have_a_shift(count: int, places: int) -> None:
    shift = shift_for(count, places)
    assert MIN_SHIFT <= shift <= MAX_SHIFT and places <= 1 << (32 - shift)
    assert shift >= shift_for(4 * count, places)


@settings(deadline=None)
@given(postings(), st.integers(0, 1 << 32), st.integers(1, 60))
def test_votes_agree_with_counting_by_hand(held: Postings, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    hashes = (
        rng.choice(held.hash, count) if len(held) else rng.integers(0, 99, count).astype(np.int32)
    )
    positions = rng.integers(0, 30, count).astype(np.float32)
    groups = rng.integers(0, 3, count).astype(np.int16)
    by_hand = [(k, t, f) for k, h in enumerate(hashes.tolist()) for g, t, f in rows(held) if g == h]
    cells: dict[tuple[int, int], dict[int, int]] = {}
    for key, track, frame in by_hand:
        cell = int(np.floor((frame - positions[key]) / CELL_FRAMES))
        line = cells.setdefault((track, int(groups[key])), {})
        line[cell] = line.get(cell, 0) + 1
    spans = merge_parts([sort_part(held)])
    assert without_stop_hashes(spans, hashes, len(held)) is spans
    votes = rank(hashes, positions, groups, spans, 1000)
    assert len({vote.track for vote in votes}) == len(votes)
    assert all(a.score >= b.score for a, b in pairwise(votes))
    for vote in votes:
        line = cells[(vote.track, vote.group)]
        cell = vote.offset // CELL_FRAMES - 1
        assert vote.votes == line.get(cell, 0) + line.get(cell + 1, 0) >= MIN_VOTES
    enough = {
        t
        for (t, _), line in cells.items()
        if any(n + line.get(c + 1, 0) >= MIN_VOTES for c, n in line.items())
    }
    assert {vote.track for vote in votes} == enough
    earlier = {vote.track for vote in rank(hashes, positions, groups, spans, 1000, before=30)}
    assert earlier == {track for track in enough if track < 30}


def test_long_queries_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    held = Postings(*(rng.integers(1, high, 4000).astype(np.int32) for high in (300, 20, 500)))
    hashes, groups = rng.choice(held.hash, 900), rng.integers(0, 2, 900).astype(np.int16)
    positions = rng.integers(0, 300, 900).astype(np.float32)
    spans = merge_parts([sort_part(held)])
    whole = rank(hashes, positions, groups, spans, 100)
    assert len(whole) == 19
    monkeypatch.setattr("storage.search.sounds.votes.PAIRS_AT_ONCE", 100)
    assert rank(hashes, positions, groups, spans, 100) == whole
    monkeypatch.setattr("storage.search.sounds.votes.MAX_PAIRS_HELD", 1000)
    assert rank(hashes, positions, groups, spans, 100) == whole


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1 << 32), st.integers(1, 4), st.integers(1, 40))
def test_of_a_stop_hash_the_earliest_places_are_kept_and_of_a_tone_none(
    seed: int, times: int, asked: int
) -> None:
    rng = np.random.default_rng(seed)
    tracks = rng.permutation(np.repeat(np.arange(1, 1 + MIN_STOP), times)).astype(np.int32)
    # a hash that fills every track it is in
    tone = np.repeat(np.arange(1, 101), MAX_PER_TRACK).astype(np.int32)
    rare = np.arange(1, 9, dtype=np.int32)
    held = Postings(
        np.repeat(np.array([5, 6, 7], np.int32), (len(tracks), len(tone), len(rare))),
        np.concatenate([tracks, tone, rare]),
        rng.integers(0, 999, len(tracks) + len(tone) + len(rare)).astype(np.int32),
    )
    query = np.repeat(np.array([5, 6, 7], np.int32), (asked, TONE_PAIRS // MAX_PER_TRACK + 1, 1))
    spans = without_stop_hashes(merge_parts([sort_part(held)]), query, len(held))
    left = np.array(rows_of(spans))
    assert np.count_nonzero(left[:, 0] == 7) == len(rare), "what is not common is all there"
    assert not (left[:, 0] == 6).any()
    kept = left[left[:, 0] == 5]
    if times > 1:
        assert len(kept) == MIN_USED
        assert kept[:, 1].max() <= -(-MIN_USED // times)
    else:
        assert len(kept) == MIN_STOP
