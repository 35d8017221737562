"""Packing of landmarks as postings.

Fresh track: eight little-endian bytes a landmark, the hash from bit 20 on, then 20 bits of frame.

Segment: four bytes a landmark. All tracks of a segment lie one after another on one timeline, each
starting at a multiple of ``STEP_FRAMES``; a place on it gives both track and frame. Postings are
grouped by hash >> shift into buckets. The low ``shift`` bits of the hash are the high bits of the
posting and the place is the rest, so that a bucket in rising order is sorted by hash, then place.
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
# of 2^21: peaks are at most 31 frames and 47 bins apart, and there are 158 bins
USED_HASHES = 450_000
# 384 bytes: much more than a row's overhead of 60 bytes, and a look-up reads little in vain
POSTINGS_PER_BUCKET = 96
STEP_FRAMES = 32
MAX_PLACES = 1 << 30  # frames of one segment's timeline; its postings have room for twice as many
# places of one hash in one track: more of a repeated beep carry no information
MAX_PER_TRACK = 24


@dataclass(frozen=True, eq=False)
class Postings:
    """hash, track, frame: (n,) int32 each."""

    hash: NDArray[np.int32]
    track: NDArray[np.int32]
    frame: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.hash)

    def where(self, mask: NDArray[np.bool_]) -> Postings:
        return Postings(self.hash[mask], self.track[mask], self.frame[mask])


@dataclass(frozen=True, eq=False)
class Timeline:
    """tracks: (k,) int32, rising; starts: (k + 1,) int64, start of each, then end of the last."""

    tracks: NDArray[np.int32]
    starts: NDArray[np.int64]

    def pack(self) -> bytes:
        """Return each track and its length in frames, as little-endian int32."""
        table = np.stack([self.tracks, np.diff(self.starts)], axis=1).astype("<i4")
        packed: bytes = table.tobytes()
        return packed


@dataclass(frozen=True, eq=False)
class Segment:
    """Postings as stored. buckets: (hash_from, bytes), rising."""

    shift: int
    timeline: Timeline
    buckets: list[tuple[int, bytes]]


def join(parts: list[Postings]) -> Postings:
    """Concatenate postings."""
    if not parts:
        return Postings(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32))
    return Postings(
        np.concatenate([p.hash for p in parts]),
        np.concatenate([p.track for p in parts]),
        np.concatenate([p.frame for p in parts]),
    )


def pack_track(hashes: NDArray[np.int32], frames: NDArray[np.int32]) -> bytes:
    """Return a fresh track's postings; of a hash that repeats too often keep every n-th place.

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
    chosen = order[rank % step == 0]
    values = (hashes[chosen].astype(np.int64) << FRAME_BITS) | frames[chosen].astype(np.int64)
    packed: bytes = values.astype("<i8").tobytes()
    return packed


def read_fresh(heads: bytes, data: bytes) -> Postings:
    """Read the concatenated postings of fresh tracks; heads: (track, bytes), big-endian int32."""
    tracks, counts = read_heads(heads)
    values = np.frombuffer(data, "<i8")
    return Postings(
        (values >> FRAME_BITS).astype(np.int32),
        np.repeat(tracks, counts // 8),
        (values & MAX_FRAME).astype(np.int32),
    )


def place_on_timeline(
    tracks: NDArray[np.int32], frames: NDArray[np.int32]
) -> tuple[Timeline, NDArray[np.int64]]:
    """Return a timeline of the postings' tracks, and the place of each posting on it."""
    known, at = np.unique(tracks, return_inverse=True)
    last = np.zeros(len(known), np.int64)
    np.maximum.at(last, at, frames)
    starts = np.concatenate([[0], np.cumsum((last // STEP_FRAMES + 1) * STEP_FRAMES)]).astype(
        np.int64
    )
    return Timeline(known.astype(np.int32), starts), starts[at] + frames


def read_timeline(data: bytes) -> Timeline:
    """Read the bytes of ``Timeline.pack``."""
    table = np.frombuffer(data, "<i4").reshape(-1, 2)
    return Timeline(table[:, 0], np.concatenate([[0], np.cumsum(table[:, 1], dtype=np.int64)]))


def shift_for(count: int, places: int) -> int:
    """Return how many low bits of the hash the buckets of a segment ignore.

    Args:
        count: postings; places: frames of the timeline.
    """
    wanted = max(1, POSTINGS_PER_BUCKET * USED_HASHES // max(count, 1)).bit_length() - 1
    room = 32 - max(places - 1, 1).bit_length()
    return max(MIN_SHIFT, min(wanted, room, MAX_SHIFT))


def pack_segment(postings: Postings) -> Segment:
    """Pack postings as a segment. Raises: ValueError if the timeline exceeds ``MAX_PLACES``."""
    timeline, places = place_on_timeline(postings.track, postings.frame)
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
    """Read concatenated buckets as postings; heads: (hash_from, bytes), big-endian int32."""
    from_, counts = read_heads(heads)
    values = np.frombuffer(data, "<u4")
    places = (values & np.uint32((1 << (32 - shift)) - 1)).astype(np.int64)
    at = np.searchsorted(timeline.starts, places, "right") - 1
    hashes = np.repeat(from_, counts // 4) + (values >> np.uint32(32 - shift)).astype(np.int32)
    return Postings(hashes, timeline.tracks[at], (places - timeline.starts[at]).astype(np.int32))


def read_heads(heads: bytes) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Read pairs of big-endian int32: a number, and a length in bytes."""
    table = np.frombuffer(heads, ">i4").reshape(-1, 2)
    return table[:, 0].astype(np.int32), table[:, 1].astype(np.int64)
