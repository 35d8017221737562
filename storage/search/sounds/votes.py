"""Which tracks agree with a query on an offset, and how surprising that is: pure, no database.

Each common landmark votes for (track, group, offset); a cell and its neighbour are counted
together. The score is how far the best cell of a track stands above what its other hits lead one to
expect (Poisson), so that a long track or one full of common landmarks does not win by chance.

There are millions of votes and hundreds of cells that matter, so nothing is sorted before it is
known to matter: votes are first counted in a table that the offsets of all tracks are folded into,
one group at a time. A cell can only gain by the folding; what stays below ``FEWEST_VOTES`` there is
dropped, and the little that is left counted exactly.
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
SUBFRAMES = 8  # positions are rounded to so many parts of a frame
PAIRS_AT_ONCE = 1 << 16  # what the processor's cache holds
PAIRS_KEPT = 1 << 22  # what memory should hold; of more pairs, those that matter are made twice
SLOTS_PER_PAIR = 4
MIN_SLOT_BITS, MAX_SLOT_BITS = 12, 22
MIN_REACH = 50  # cells
STOP_LEAST = 512  # a hash with fewer places is never a stop-hash
# with so many times the mean number of places it is: hum, a drone, a factory sound, a hit song
STOP_TIMES_MEAN = 64
# Of a stop-hash the earliest places are kept, enough to reach past what others had there by chance:
# whoever was first with a sound that is posted a thousand times must be found by it.
KEPT_LEAST, KEPT_TIMES_MEAN = 256, 8
TRIED = 3
# a stop-hash that query and one track share so many times over is a tone, and says nothing
TONE_PAIRS = 600

_Ints = NDArray[np.int64]
# of each vote its cell on the timeline, and its track
_Pairs = tuple[NDArray[np.int32] | _Ints, NDArray[np.int32]]


@dataclass(frozen=True)
class Vote:
    """The best cell of one track.

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
    most: int,
    *,
    before: int | None = None,
) -> list[Vote]:
    """The tracks with the most surprising agreement, best first, each with its best cell.

    Args:
        hashes, positions, groups: (n,) each, the query's keys; the same hash may come several
            times.
        spans: without stop-hashes.
        before: tracks from that one on do not count.
    """
    if not len(spans.hashes) or not len(hashes):
        return []
    known, at = _spans_at(spans, hashes)
    by_group = np.argsort(groups[known], kind="stable")
    known, at = known[by_group], at[by_group]
    subframes = np.rint(positions[known] * SUBFRAMES).astype(np.int64)
    cuts = np.searchsorted(groups[known], np.arange(int(groups.max()) + 2))
    found = [
        _cells_of(spans, at[low:high], subframes[low:high], group)
        for group, (low, high) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
        if high > low
    ]
    return _best(spans, found, most, before) if found else []


def without_stop_hashes(spans: Spans, hashes: NDArray[np.int32], indexed: int) -> Spans:
    """The same, but of stop-hashes only the places in the earliest tracks.

    Args:
        hashes: (n,) int32, the query's keys.
        indexed: how many landmarks the index holds; what is too common is measured by it.
    """
    mean = indexed >> HASH_BITS
    too_common = np.flatnonzero(spans.counts > max(STOP_LEAST, STOP_TIMES_MEAN * mean))
    if not len(too_common):
        return spans
    places = ranges(spans.firsts[too_common], spans.counts[too_common])
    number = np.repeat(too_common, spans.counts[too_common])
    asked = np.bincount(_spans_at(spans, hashes)[1], minlength=len(spans.hashes))
    tracks = spans.tracks[spans.track_of(spans.places[places])].astype(np.int64)
    line = (number << TRACK_BITS) | tracks
    order = np.argsort(line, kind="stable")  # fast: parts come sorted
    # Of each hash the first so many places in the earliest tracks, of those three times as many
    # without tones.
    most = max(KEPT_LEAST, KEPT_TIMES_MEAN * mean)
    order = order[_runs(number[order])[0] < TRIED * most]
    _, in_track = _runs(line[order])
    told = order[in_track * asked[number[order]] <= TONE_PAIRS]
    told = told[_runs(number[told])[0] < most]
    kept = np.ones(len(spans.places), bool)
    kept[places] = False
    kept[places[told]] = True
    totals = np.concatenate([[0], np.cumsum(kept)])
    counts = totals[spans.firsts + spans.counts] - totals[spans.firsts]
    return replace(spans, firsts=totals[spans.firsts], counts=counts, places=spans.places[kept])


def _spans_at(spans: Spans, hashes: NDArray[np.int32]) -> tuple[_Ints, _Ints]:
    """Which of some hashes have a span, and which one."""
    at = np.minimum(np.searchsorted(spans.hashes, hashes), len(spans.hashes) - 1)
    known = np.flatnonzero(spans.hashes[at] == hashes)
    return known, at[known]


def _cells_of(spans: Spans, at: _Ints, subframes: _Ints, group: int) -> _Cells:
    """The cells of one group with enough votes.

    at, subframes: (n,) each, span and position of its keys.
    """
    total = int(spans.counts[at].sum())
    bits = min(max((SLOTS_PER_PAIR * total).bit_length(), MIN_SLOT_BITS), MAX_SLOT_BITS)
    slots = (1 << bits) - 1
    # As narrow as cannot overflow: the smaller the table, the more of it is in the processor's
    # cache.
    counted: NDArray[Any] = np.zeros(slots + 2, np.uint16 if total < 1 << 16 else np.int32)
    one = counted.dtype.type(1)  # numpy adds a plain 1 forty times as slowly
    hits = np.zeros(len(spans.tracks), np.int64)
    kept: list[_Pairs] = []
    for cell, track in _pairs(spans, at, subframes, total):
        np.add.at(counted, cell & slots, one)
        hits += np.bincount(track, minlength=len(hits))
        if total <= PAIRS_KEPT:
            kept.append((cell, track))
    counted[-1] = counted[0]
    enough = counted[:-1] + counted[1:] >= MIN_VOTES
    last = enough[-1]
    enough[1:] |= enough[:-1].copy()
    enough[0] |= last
    codes = []
    for cell, track in kept or _pairs(spans, at, subframes, total):
        held = np.flatnonzero(enough[cell & slots])
        local = cell[held] - (spans.starts[track[held]] // CELL_FRAMES)
        codes.append((track[held].astype(np.int64) << 32) + local)
    code, votes = np.unique(np.concatenate(codes), return_counts=True)
    together = votes.copy()
    together[:-1] += np.where(code[1:] == code[:-1] + 1, votes[1:], 0)
    code, together = code[together >= MIN_VOTES], together[together >= MIN_VOTES]
    # A cell before the track's beginning is negative, and borrowed one from the track.
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
    """Every vote: a key and a place with its hash.

    In parts, lest the keys of an hour need all memory.
    """
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


def _best(spans: Spans, found: list[_Cells], most: int, before: int | None) -> list[Vote]:
    group, track, cell, votes, score = (
        np.concatenate(column)
        for column in zip(
            *((f.group, f.track, f.cell, f.votes, f.score) for f in found), strict=True
        )
    )
    highest = np.full(len(spans.tracks), -1.0)
    np.maximum.at(highest, track, score)
    best = np.flatnonzero(score == highest[track])
    if before is not None:
        best = best[spans.tracks[track[best]] < before]
    best = best[np.lexsort((cell[best], group[best], track[best], -score[best]))]
    _, first = np.unique(track[best], return_index=True)
    best = best[np.sort(first)][:most]
    offset = (cell[best] + 1) * CELL_FRAMES
    columns = (spans.tracks[track[best]], group[best], offset, votes[best], score[best])
    return [Vote(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _runs(ordered: _Ints) -> tuple[_Ints, _Ints]:
    """Of each of some sorted values its number among its equals, and how many those are."""
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sizes = np.diff(starts, append=len(ordered))
    return np.arange(len(ordered)) - np.repeat(starts, sizes), np.repeat(sizes, sizes)
