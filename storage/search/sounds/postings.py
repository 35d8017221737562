"""How the places of landmarks are packed.

Fresh track: eight bytes a landmark, the hash in the bits from 20 on, then 20 bits of frame;
little-endian.

Segment: four bytes. All tracks of a segment lie one after another on one timeline, each from a
multiple of ``STEP_FRAMES`` on; a place on it says both which track and which frame. Postings are
grouped by hash >> shift into buckets; the low ``shift`` bits of the hash are the high bits of the
posting, the place is the rest, so that a bucket in rising order is sorted by hash and then by
place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HASH_BITS = 21
MAX_HASH = (1 << HASH_BITS) - 1
FRAME_BITS, TRACK_BITS = 20, 31
MAX_FRAME = (1 << FRAME_BITS) - 1  # 13.5 hours at 46.4 ms
MIN_SHIFT, MAX_SHIFT = 1, 12
# of the 2^21: two peaks are at most 31 frames and 47 bins apart, and there are 158 bins
USED_HASHES = 450_000
# 384 bytes: the row's own 60 bytes weigh little, and a look-up reads little in vain
POSTINGS_PER_BUCKET = 96
STEP_FRAMES = 32
MAX_PLACES = 1 << 30  # frames of one segment's timeline; its postings have room for twice as many
# places of one hash in one track; a beep that comes back more often says nothing by it
MAX_PER_TRACK = 24


@dataclass(frozen=True, eq=False)
class Postings:
    """hash, track, frame: (n,) int32 each."""

    hash: NDArray[np.int32]
    track: NDArray[np.int32]
    frame: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.hash)

    def where(self, kept: NDArray[np.bool_]) -> Postings:
        return Postings(self.hash[kept], self.track[kept], self.frame[kept])


@dataclass(frozen=True, eq=False)
class Timeline:
    """tracks: (k,) int32, rising; starts: (k + 1,) int64, where each begins, and the end of the
    last.
    """

    tracks: NDArray[np.int32]
    starts: NDArray[np.int64]

    def pack(self) -> bytes:
        """Each track and how many frames it takes, as little-endian int32."""
        table = np.stack([self.tracks, np.diff(self.starts)], axis=1).astype("<i4")
        packed: bytes = table.tobytes()
        return packed


@dataclass(frozen=True, eq=False)
class Segment:
    """Postings as they are stored. buckets: (hash_from, bytes), rising."""

    shift: int
    timeline: Timeline
    buckets: list[tuple[int, bytes]]


def join(parts: list[Postings]) -> Postings:
    """All postings of several parts."""
    if not parts:
        return Postings(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32))
    return Postings(
        np.concatenate([p.hash for p in parts]),
        np.concatenate([p.track for p in parts]),
        np.concatenate([p.frame for p in parts]),
    )


def pack_track(hashes: NDArray[np.int32], frames: NDArray[np.int32]) -> bytes:
    """A fresh track's postings; of a hash that comes back too often every n-th place is kept.

    Raises: ValueError for a hash or frame out of range.
    """
    if len(hashes) and not (int(hashes.min()) >= 0 and int(hashes.max()) <= MAX_HASH):
        raise ValueError(f"a landmark's hash is not within {HASH_BITS} bits")
    if len(frames) and not (int(frames.min()) >= 0 and int(frames.max()) <= MAX_FRAME):
        raise ValueError("a landmark lies beyond the longest sound that can be indexed")
    order = np.lexsort((frames, hashes))
    ordered = hashes[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered, "left")
    places = np.searchsorted(ordered, ordered, "right") - np.searchsorted(ordered, ordered, "left")
    step = np.maximum(-(-places // MAX_PER_TRACK), 1)
    kept = order[rank % step == 0]
    values = (hashes[kept].astype(np.int64) << FRAME_BITS) | frames[kept].astype(np.int64)
    packed: bytes = values.astype("<i8").tobytes()
    return packed


def read_fresh(heads: bytes, data: bytes) -> Postings:
    """Fresh tracks, one after another; heads: (track, bytes) as big-endian int32."""
    tracks, counts = read_heads(heads)
    values = np.frombuffer(data, "<i8")
    return Postings(
        (values >> FRAME_BITS).astype(np.int32),
        np.repeat(tracks, counts // 8),
        (values & MAX_FRAME).astype(np.int32),
    )


def lay_out(
    tracks: NDArray[np.int32], frames: NDArray[np.int32]
) -> tuple[Timeline, NDArray[np.int64]]:
    """A timeline of the tracks of some postings, and the place of each posting on it."""
    known, at = np.unique(tracks, return_inverse=True)
    last = np.zeros(len(known), np.int64)
    np.maximum.at(last, at, frames)
    starts = np.concatenate([[0], np.cumsum((last // STEP_FRAMES + 1) * STEP_FRAMES)]).astype(
        np.int64
    )
    return Timeline(known.astype(np.int32), starts), starts[at] + frames


def read_timeline(data: bytes) -> Timeline:
    """What ``Timeline.pack`` wrote."""
    table = np.frombuffer(data, "<i4").reshape(-1, 2)
    return Timeline(table[:, 0], np.concatenate([[0], np.cumsum(table[:, 1], dtype=np.int64)]))


def shift_for(count: int, places: int) -> int:
    """How many low bits of the hash a segment of so many postings on a timeline of so many
    frames groups by.
    """
    wanted = max(1, POSTINGS_PER_BUCKET * USED_HASHES // max(count, 1)).bit_length() - 1
    room = 32 - max(places - 1, 1).bit_length()
    return max(MIN_SHIFT, min(wanted, room, MAX_SHIFT))


def pack_segment(postings: Postings) -> Segment:
    """Raises: ValueError where the timeline is longer than ``MOST_PLACES``."""
    timeline, places = lay_out(postings.track, postings.frame)
    end = int(timeline.starts[-1])
    if end > MAX_PLACES:
        raise ValueError("these tracks are too long for one segment")
    shift = shift_for(len(postings), end)
    line = np.sort((postings.hash.astype(np.int64) << 32) | places)
    hashes = line >> 32
    starts = (hashes >> shift) << shift
    values = (((hashes - starts) << (32 - shift)) | (line & 0xFFFFFFFF)).astype("<u4")
    cuts = np.flatnonzero(np.diff(starts, prepend=-1))
    data, ends = values.tobytes(), [*cuts[1:].tolist(), len(values)]
    buckets = [
        (int(starts[low]), data[4 * low : 4 * high])
        for low, high in zip(cuts.tolist(), ends, strict=False)
    ]
    return Segment(shift, timeline, buckets)


def read_segment(shift: int, timeline: Timeline, heads: bytes, data: bytes) -> Postings:
    """Buckets, one after another, as postings; heads: (hash_from, bytes) as big-endian int32."""
    from_, counts = read_heads(heads)
    values = np.frombuffer(data, "<u4")
    places = (values & np.uint32((1 << (32 - shift)) - 1)).astype(np.int64)
    at = np.searchsorted(timeline.starts, places, "right") - 1
    hashes = np.repeat(from_, counts // 4) + (values >> np.uint32(32 - shift)).astype(np.int32)
    return Postings(hashes, timeline.tracks[at], (places - timeline.starts[at]).astype(np.int32))


def read_heads(heads: bytes) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Pairs of big-endian int32: a number, and bytes."""
    table = np.frombuffer(heads, ">i4").reshape(-1, 2)
    return table[:, 0].astype(np.int32), table[:, 1].astype(np.int64)
