"""Results of a look-up, ready to be counted: the places of each hash, on one timeline of all
tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.search.sounds.postings import (
    HASH_BITS,
    STEP_FRAMES,
    Postings,
    Timeline,
    place_on_timeline,
    read_heads,
)

MAX_NARROW = 1 << 27  # places below it fit 32 bits with the bits of subframes

_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Part:
    """Runs of places with one hash, from one segment or the fresh tracks.

    hashes, counts: (r,) int64, the consecutive runs; places: (n,) int64.
    """

    timeline: Timeline
    hashes: _Ints
    counts: _Ints
    places: _Ints


@dataclass(frozen=True, eq=False, kw_only=True)
class Spans:
    """hashes: (u,) int64, rising, unique; firsts, counts: (u,) int64, the run of its places;
    places: (n,) int32 or int64.

    tracks: (k,) int32, in the order of the timeline; starts: (k + 1,) int64; track_at: int32 index
    into ``tracks`` for each STEP_FRAMES of the timeline.
    """

    hashes: _Ints
    firsts: _Ints
    counts: _Ints
    places: NDArray[np.int32] | _Ints
    tracks: NDArray[np.int32]
    starts: _Ints
    track_at: NDArray[np.int32]

    def track_of(self, places: NDArray[np.int32] | _Ints) -> NDArray[np.int32]:
        """Return the track of each place: index into ``tracks``."""
        tracks: NDArray[np.int32] = self.track_at[places >> (STEP_FRAMES.bit_length() - 1)]
        return tracks


def read_part(
    shift: int, timeline: Timeline, heads: bytes, data: bytes, wanted: NDArray[np.bool_]
) -> Part:
    """Read the wanted hashes of concatenated buckets of a segment.

    Args:
        heads: (hash_from, bytes), big-endian int32.
        wanted: (2^HASH_BITS,) bool.
    """
    from_, sizes = read_heads(heads)
    values = np.frombuffer(data, "<u4")
    if not len(values):
        return Part(timeline, *(np.empty(0, np.int64) for _ in range(3)))
    low = (values >> np.uint32(32 - shift)).astype(np.uint16)
    cuts = np.concatenate([[0], np.cumsum(sizes // 4)])
    new = np.empty(len(values), bool)
    np.not_equal(low[1:], low[:-1], out=new[1:])
    new[cuts[:-1]] = True
    firsts = np.flatnonzero(new)
    bucket = np.repeat(np.arange(len(from_)), np.diff(np.searchsorted(firsts, cuts)))
    hashes = from_[bucket].astype(np.int64) + low[firsts]
    counts = np.diff(firsts, append=len(values))
    chosen = wanted[hashes]
    places = values[ranges(firsts[chosen], counts[chosen])] & np.uint32((1 << (32 - shift)) - 1)
    return Part(timeline, hashes[chosen], counts[chosen], places.astype(np.int64))


def sort_part(postings: Postings, wanted: NDArray[np.bool_] | None = None) -> Part:
    """Sort postings into a part, those with wanted hashes only where ``wanted`` is given."""
    if wanted is not None:
        postings = postings.where(wanted[postings.hash])
    timeline, places = place_on_timeline(postings.track, postings.frame)
    line = np.sort((postings.hash.astype(np.int64) << 32) | places)
    hashes = line >> 32
    firsts = np.flatnonzero(np.diff(hashes, prepend=-1))
    return Part(timeline, hashes[firsts], np.diff(firsts, append=len(line)), line & 0xFFFFFFFF)


def merge_parts(parts: Sequence[Part]) -> Spans:
    """Merge parts onto one timeline; a track in several parts lies on it once."""
    timeline = _common_timeline(parts)
    starts, tracks = timeline.starts, timeline.tracks
    track_at = np.repeat(np.arange(len(tracks), dtype=np.int32), np.diff(starts) // STEP_FRAMES)
    # 32 bits take half the time; they suffice for two months of sound.
    narrow = np.int32 if starts[-1] < MAX_NARROW else np.int64
    hashes = np.concatenate([np.empty(0, np.int64), *(part.hashes for part in parts)])
    counts = np.concatenate([np.empty(0, np.int64), *(part.counts for part in parts)])
    places = np.concatenate(
        [np.empty(0, narrow), *(_moved_places(part, timeline).astype(narrow) for part in parts)]
    )
    if len(parts) > 1:
        order = np.argsort(hashes, kind="stable")
        places = places[ranges((np.cumsum(counts) - counts)[order], counts[order])]
        hashes, counts = hashes[order], counts[order]
    new = np.flatnonzero(np.diff(hashes, prepend=-1))
    counts = np.add.reduceat(counts, new) if len(new) else counts
    return Spans(
        hashes=hashes[new],
        firsts=np.cumsum(counts) - counts,
        counts=counts,
        places=places,
        tracks=tracks,
        starts=starts,
        track_at=track_at,
    )


def _common_timeline(parts: Sequence[Part]) -> Timeline:
    tracks = np.concatenate([np.empty(0, np.int32), *(part.timeline.tracks for part in parts)])
    lengths = np.concatenate(
        [np.empty(0, np.int64), *(np.diff(part.timeline.starts) for part in parts)]
    )
    known, at = np.unique(tracks, return_inverse=True)
    longest = np.zeros(len(known), np.int64)
    np.maximum.at(longest, at, lengths)
    return Timeline(known.astype(np.int32), np.concatenate([[0], np.cumsum(longest)]))


def _moved_places(part: Part, timeline: Timeline) -> _Ints:
    """Return the part's places on another timeline."""
    own = part.timeline
    moves = timeline.starts[np.searchsorted(timeline.tracks, own.tracks)] - own.starts[:-1]
    if not moves.any():
        return part.places
    blocks = np.repeat(moves, np.diff(own.starts) // STEP_FRAMES)
    return part.places + blocks[part.places // STEP_FRAMES]


def mask_of(hashes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return (2^HASH_BITS,) bool, true at the given hashes."""
    wanted = np.zeros(1 << HASH_BITS, bool)
    wanted[hashes] = True
    return wanted


def ranges(firsts: _Ints, counts: _Ints) -> _Ints:
    """Return firsts[0], firsts[0] + 1, ... (counts[0] numbers), then those from firsts[1], and so
    on.
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    result: _Ints = np.repeat(firsts - (ends - counts), counts)
    result += np.arange(total)
    return result
