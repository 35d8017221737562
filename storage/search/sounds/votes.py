"""Rank tracks by how surprising their agreement with a query on an offset is: pure, no database.

Each common landmark votes for (track, group, offset); a cell and its neighbour are counted
together. The score is how far the best cell of a track stands above the count expected from its
other hits (Poisson), so that a long track or one full of common landmarks does not win by chance.

There are millions of votes and hundreds of cells that matter, so votes are not sorted at first.
They are counted in a table that the offsets of all tracks are folded into, one group at a time.
Folding can only add votes to a cell: cells below ``MIN_VOTES`` are dropped, and the few left are
counted exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.search.sounds.postings import HASH_BITS, TRACK_BITS
from storage.search.sounds.spans import Spans, ranges

CELL_FRAMES = 2
MIN_VOTES = 3
SUBFRAMES = 8  # positions are rounded to this fraction of a frame
PAIRS_AT_ONCE = 1 << 16  # fits the processor's cache
MAX_PAIRS_HELD = 1 << 22  # pairs held in memory; above, those that matter are computed twice
SLOTS_PER_PAIR = 4
MIN_SLOT_BITS, MAX_SLOT_BITS = 12, 22
MIN_REACH = 50  # cells
MIN_STOP = 512  # a hash with fewer places is never a stop-hash
# one with this multiple of the mean number of places is: hum, a drone, a factory sound, a hit
STOP_TIMES_MEAN = 64
# Of a stop-hash the earliest places are used, enough to reach past those of tracks that have it by
# chance: the first track with a sound that is posted a thousand times must be found.
MIN_USED, USED_TIMES_MEAN = 256, 8
TRIED = 3  # places examined for tones, a multiple of those used
# A stop-hash with more pairs between query and one track is a tone, and carries no information.
TONE_PAIRS = 600

_Ints = NDArray[np.int64]
# each vote's cell on the timeline, and its track
_Pairs = tuple[NDArray[np.int32] | _Ints, NDArray[np.int32]]


@dataclass(frozen=True)
class Vote:
    """The best cell of a track.

    group: the query's; offset: frames from query to reference; score: nats.
    """

    track: int
    group: int
    offset: int
    votes: int
    score: float


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells with enough votes: (m,) each. track: index into the spans' tracks."""

    group: _Ints
    track: _Ints
    cell: _Ints
    votes: _Ints
    score: NDArray[np.float64]


def rank(
    hashes: NDArray[np.int32],
    positions: NDArray[np.float32],
    groups: NDArray[np.int16],
    spans: Spans,
    max_tracks: int,
    *,
    before: int | None = None,
) -> list[Vote]:
    """Return the tracks with the most surprising agreement, best first, each with its best cell.

    Args:
        hashes, positions, groups: (n,) each, the query's keys; a hash may repeat.
        spans: without stop-hashes.
        max_tracks: the most tracks to return.
        before: tracks from this one on are left out.
    """
    if not len(spans.hashes) or not len(hashes):
        return []
    known, at = _find_spans(spans, hashes)
    by_group = np.argsort(groups[known], kind="stable")
    known, at = known[by_group], at[by_group]
    subframes = np.rint(positions[known] * SUBFRAMES).astype(np.int64)
    cuts = np.searchsorted(groups[known], np.arange(int(groups.max()) + 2))
    cells = [
        _count_cells(spans, at[low:high], subframes[low:high], group)
        for group, (low, high) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
        if high > low
    ]
    return _best(spans, cells, max_tracks, before) if cells else []


def without_stop_hashes(spans: Spans, hashes: NDArray[np.int32], indexed: int) -> Spans:
    """Return the spans with only the places in the earliest tracks for stop-hashes.

    Args:
        hashes: (n,) int32, the query's keys.
        indexed: number of landmarks in the index, the measure of what is too common.
    """
    mean = indexed >> HASH_BITS
    too_common = np.flatnonzero(spans.counts > max(MIN_STOP, STOP_TIMES_MEAN * mean))
    if not len(too_common):
        return spans
    places = ranges(spans.firsts[too_common], spans.counts[too_common])
    number = np.repeat(too_common, spans.counts[too_common])
    query_counts = np.bincount(_find_spans(spans, hashes)[1], minlength=len(spans.hashes))
    tracks = spans.tracks[spans.track_of(spans.places[places])].astype(np.int64)
    line = (number << TRACK_BITS) | tracks
    order = np.argsort(line, kind="stable")  # fast: parts come sorted
    # Of each hash's earliest places try three times as many as used, then drop tones.
    max_used = max(MIN_USED, USED_TIMES_MEAN * mean)
    order = order[_runs(number[order])[0] < TRIED * max_used]
    _, in_track = _runs(line[order])
    used = order[in_track * query_counts[number[order]] <= TONE_PAIRS]
    used = used[_runs(number[used])[0] < max_used]
    keep = np.ones(len(spans.places), bool)
    keep[places] = False
    keep[places[used]] = True
    totals = np.concatenate([[0], np.cumsum(keep)])
    counts = totals[spans.firsts + spans.counts] - totals[spans.firsts]
    return replace(spans, firsts=totals[spans.firsts], counts=counts, places=spans.places[keep])


def _find_spans(spans: Spans, hashes: NDArray[np.int32]) -> tuple[_Ints, _Ints]:
    """Return which hashes have a span, and the index of that span."""
    at = np.minimum(np.searchsorted(spans.hashes, hashes), len(spans.hashes) - 1)
    known = np.flatnonzero(spans.hashes[at] == hashes)
    return known, at[known]


def _count_cells(spans: Spans, at: _Ints, subframes: _Ints, group: int) -> _Cells:
    """Return the cells of a group with enough votes.

    at, subframes: (n,) each, span and position of its keys.
    """
    total = int(spans.counts[at].sum())
    bits = min(max((SLOTS_PER_PAIR * total).bit_length(), MIN_SLOT_BITS), MAX_SLOT_BITS)
    slots = (1 << bits) - 1
    # As narrow as cannot overflow: more of a smaller table fits the processor's cache.
    counted: NDArray[Any] = np.zeros(slots + 2, np.uint16 if total < 1 << 16 else np.int32)
    one = counted.dtype.type(1)  # adding a plain 1 is forty times as slow in numpy
    hits = np.zeros(len(spans.tracks), np.int64)
    held: list[_Pairs] = []
    for cell, track in _pairs(spans, at, subframes, total):
        np.add.at(counted, cell & slots, one)
        hits += np.bincount(track, minlength=len(hits))
        if total <= MAX_PAIRS_HELD:
            held.append((cell, track))
    counted[-1] = counted[0]
    enough = counted[:-1] + counted[1:] >= MIN_VOTES
    last = enough[-1]
    enough[1:] |= enough[:-1].copy()
    enough[0] |= last
    codes = []
    for cell, track in held or _pairs(spans, at, subframes, total):
        chosen = np.flatnonzero(enough[cell & slots])
        local = cell[chosen] - (spans.starts[track[chosen]] // CELL_FRAMES)
        codes.append((track[chosen].astype(np.int64) << 32) + local)
    code, votes = np.unique(np.concatenate(codes), return_counts=True)
    together = votes.copy()
    together[:-1] += np.where(code[1:] == code[:-1] + 1, votes[1:], 0)
    code, together = code[together >= MIN_VOTES], together[together >= MIN_VOTES]
    # A cell before the track's start is negative, and has borrowed 1 from the track's bits.
    tracks = (code + (1 << 31)) >> 32
    lengths = (
        np.diff(spans.starts)[tracks] + (int(subframes.max()) - int(subframes.min())) // SUBFRAMES
    )
    expected = 2.0 * hits[tracks] / np.maximum(lengths / CELL_FRAMES, MIN_REACH)
    score = together * np.log(together / expected) - (together - expected)
    score = np.where(together > expected, score, 0.0)
    return _Cells(
        np.full(len(code), group, np.int64), tracks, code - (tracks << 32), together, score
    )


def _pairs(spans: Spans, at: _Ints, subframes: _Ints, total: int) -> Iterator[_Pairs]:
    """Yield every vote, a key with a place of its hash, in parts that fit in memory."""
    shift = (CELL_FRAMES * SUBFRAMES).bit_length() - 1
    parts = max(1, -(-total // PAIRS_AT_ONCE))
    subframes = subframes.astype(spans.places.dtype)
    ends = np.cumsum(spans.counts[at])
    cuts = np.searchsorted(ends, np.linspace(0, total, parts + 1)[1:-1]).tolist()
    for low, high in zip([0, *cuts], [*cuts, len(at)], strict=True):
        counts = spans.counts[at[low:high]]
        places = spans.places[ranges(spans.firsts[at[low:high]], counts)]
        track = spans.track_of(places)
        places <<= SUBFRAMES.bit_length() - 1
        places -= np.repeat(subframes[low:high], counts)
        places >>= shift
        yield places, track


def _best(spans: Spans, cells: list[_Cells], max_tracks: int, before: int | None) -> list[Vote]:
    group, track, cell, votes, score = (
        np.concatenate(column)
        for column in zip(
            *((c.group, c.track, c.cell, c.votes, c.score) for c in cells), strict=True
        )
    )
    highest = np.full(len(spans.tracks), -1.0)
    np.maximum.at(highest, track, score)
    best = np.flatnonzero(score == highest[track])
    if before is not None:
        best = best[spans.tracks[track[best]] < before]
    best = best[np.lexsort((cell[best], group[best], track[best], -score[best]))]
    _, first = np.unique(track[best], return_index=True)
    best = best[np.sort(first)][:max_tracks]
    offset = (cell[best] + 1) * CELL_FRAMES
    columns = (spans.tracks[track[best]], group[best], offset, votes[best], score[best])
    return [Vote(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _runs(ordered: _Ints) -> tuple[_Ints, _Ints]:
    """Return for each sorted value its number among its equals, and how many these are."""
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sizes = np.diff(starts, append=len(ordered))
    return np.arange(len(ordered)) - np.repeat(starts, sizes), np.repeat(sizes, sizes)
