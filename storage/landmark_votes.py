"""Which tracks agree with a query on an offset, and how surprising that is: pure, no database.

Each common landmark votes for (track, group, offset); a cell and its neighbour are counted together. The score
is how far the best cell of a track stands above what its other hits lead one to expect (Poisson), so that a long
track or one full of common landmarks does not win by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.landmark_postings import HASH_BITS, TRACK_BITS, Postings, join

CELL_FRAMES = 2
FEWEST_VOTES = 3
STOP_LEAST = 512  # a hash with fewer places is never a stop-hash
STOP_TIMES_MEAN = 64  # with so many times the mean number of places it is: hum, a drone, a factory sound, a hit song
# Of a stop-hash the earliest places are kept, enough to reach past what others had there by chance: whoever was first
# with a sound that is posted a thousand times must be found by it.
KEPT_LEAST, KEPT_TIMES_MEAN = 256, 8
TRIED = 3
TONE_PAIRS = 600  # a stop-hash that query and one track share so many times over is a tone, and says nothing


@dataclass(frozen=True, eq=False)
class Common:
    """Landmarks that query and index share: index of the query's key, track, and frame in it; sorted by track."""

    key: NDArray[np.int32]
    track: NDArray[np.int32]
    frame: NDArray[np.int32]


@dataclass(frozen=True)
class Vote:
    """The best cell of one track. group: the query's; offset: frames from query to reference; score: nats."""

    track: int
    group: int
    offset: int
    votes: int
    score: float


def common_landmarks(hashes: NDArray[np.int32], postings: Postings, indexed: int) -> Common:
    """Every pair of a key and a posting with the same hash; of stop-hashes those with the earliest tracks.

    Args:
        hashes: (n,) int32, the query's keys in their own order; the same hash may come several times.
        indexed: how many landmarks the index holds; what is too common is measured by it.
    """
    wanted = np.zeros(1 << HASH_BITS, bool)
    wanted[hashes] = True
    found = postings.where(wanted[postings.hash])
    places = np.bincount(found.hash) if len(found) else np.zeros(1, np.intp)
    mean = indexed >> HASH_BITS
    too_common = places[found.hash] > max(STOP_LEAST, STOP_TIMES_MEAN * mean)
    if too_common.any():
        earliest = _earliest(found.where(too_common), hashes, max(KEPT_LEAST, KEPT_TIMES_MEAN * mean))
        found = join([found.where(~too_common), earliest])
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    low = np.searchsorted(ordered, found.hash, "left")
    counts = np.searchsorted(ordered, found.hash, "right") - low
    at = np.repeat(np.arange(len(found)), counts)
    within = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = order[np.repeat(low, counts) + within].astype(np.int32)
    tracks = found.track[at]
    by_track = np.argsort(tracks, kind="stable")
    return Common(keys[by_track], tracks[by_track], found.frame[at][by_track])


def _earliest(postings: Postings, hashes: NDArray[np.int32], most: int) -> Postings:
    """Of each hash the ``most`` places in the earliest tracks, of the first ``TRIED`` times as many without tones."""
    line = (postings.hash.astype(np.int64) << TRACK_BITS) | postings.track
    order = np.argsort(line, kind="stable")  # fast: segments come sorted, and a track's places of a hash by frame
    order = order[_runs(postings.hash[order])[0] < TRIED * most]
    _, in_track = _runs(line[order])
    told = order[in_track * np.bincount(hashes)[postings.hash[order]] <= TONE_PAIRS]
    rank_of_place, _ = _runs(postings.hash[told])
    kept = np.zeros(len(postings), bool)
    kept[told[rank_of_place < most]] = True
    return postings.where(kept)


def _runs(ordered: NDArray[np.int32] | NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of each of some sorted values its number among its equals, and how many those are."""
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sizes = np.diff(starts, append=len(ordered))
    return np.arange(len(ordered)) - np.repeat(starts, sizes), np.repeat(sizes, sizes)


def join_common(parts: list[Common]) -> Common:
    """One out of what several parts of a query share with the index."""
    if len(parts) == 1:
        return parts[0]
    track = np.concatenate([part.track for part in parts])
    order = np.argsort(track, kind="stable")
    key, frame = (np.concatenate(column)[order] for column in zip(*((p.key, p.frame) for p in parts), strict=True))
    return Common(key, track[order], frame)


def rank(common: Common, positions: NDArray[np.float32], groups: NDArray[np.int16], most: int) -> list[Vote]:
    """The tracks with the most surprising agreement, best first, each with its best cell."""
    if not len(common.key):
        return []
    cells = np.floor((common.frame - positions[common.key]) / CELL_FRAMES).astype(np.int64)
    low, group = int(cells.min()), groups[common.key].astype(np.int64)
    span = int(cells.max()) - low + 2
    line = common.track.astype(np.int64) * (int(groups.max()) + 1) + group
    code = line * span + (cells - low)
    found, votes = np.unique(code, return_counts=True)
    following = np.searchsorted(found, found + 1)
    following[following == len(found)] = 0
    together = votes + np.where(found[following] == found + 1, votes[following], 0)
    enough = together >= FEWEST_VOTES
    found, together = found[enough], together[enough]
    if not len(found):
        return []
    lines, at_line = np.unique(line, return_inverse=True)
    hits = np.bincount(at_line)
    reach = _reach(at_line, cells, len(lines))
    own = np.searchsorted(lines, found // span)
    expected = 2.0 * hits[own] / np.maximum(reach[own], 50)
    score = together * np.log(together / expected) - (together - expected)
    score = np.where(together > expected, score, 0.0)
    order = np.lexsort((found, -score))
    tracks = found[order] // span // (int(groups.max()) + 1)
    _, first = np.unique(tracks, return_index=True)
    chosen = order[np.sort(first)][:most]
    return [
        Vote(
            int(found[i] // span // (int(groups.max()) + 1)),
            int(found[i] // span % (int(groups.max()) + 1)),
            int((found[i] % span + low + 1) * CELL_FRAMES),
            int(together[i]),
            float(score[i]),
        )
        for i in chosen
    ]


def hits_of(common: Common, track: int, most: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(keys, frames) of one track, thinned evenly to at most ``most``."""
    low, high = np.searchsorted(common.track, [track, track + 1])
    step = max(1, -(-(int(high) - int(low)) // most))
    return common.key[low:high:step].copy(), common.frame[low:high:step].copy()


def _reach(line: NDArray[np.intp], cells: NDArray[np.int64], lines: int) -> NDArray[np.int64]:
    """How many cells the hits of each line are spread over."""
    top = np.full(lines, np.iinfo(np.int64).min)
    bottom = np.full(lines, np.iinfo(np.int64).max)
    np.maximum.at(top, line, cells)
    np.minimum.at(bottom, line, cells)
    reach: NDArray[np.int64] = top - bottom + 1
    return reach
