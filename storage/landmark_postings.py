"""How the places of landmarks are packed: eight bytes each, in fresh tracks and in the buckets of segments.

Bucket: (hash - hash_from) in the 13 high bits, then 31 bits of track, then 20 bits of frame; little-endian.
Fresh track: hash in the bits from 20 on, then 20 bits of frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HASH_BITS = 21
MOST_SHIFT = 13
FRAME_BITS, TRACK_BITS = 20, 31
MOST_FRAME = (1 << FRAME_BITS) - 1  # 13.5 hours at 46.4 ms
POSTINGS_PER_BUCKET = 64  # 512 bytes: the row's own 60 bytes weigh little, and a look-up reads little in vain
MOST_PER_TRACK = 24  # places of one hash in one track; a beep that comes back more often says nothing by it

_TRACK_MASK = (1 << TRACK_BITS) - 1


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
    if len(hashes) and not (int(hashes.min()) >= 0 and int(hashes.max()) < 1 << HASH_BITS):
        raise ValueError(f"a landmark's hash is not within {HASH_BITS} bits")
    if len(frames) and not (int(frames.min()) >= 0 and int(frames.max()) <= MOST_FRAME):
        raise ValueError("a landmark lies beyond the longest sound that can be indexed")
    order = np.lexsort((frames, hashes))
    ordered = hashes[order]
    rank = np.arange(len(ordered)) - np.searchsorted(ordered, ordered, "left")
    places = np.searchsorted(ordered, ordered, "right") - np.searchsorted(ordered, ordered, "left")
    step = np.maximum(-(-places // MOST_PER_TRACK), 1)
    kept = order[rank % step == 0]
    values = (hashes[kept].astype(np.int64) << FRAME_BITS) | frames[kept].astype(np.int64)
    packed: bytes = values.astype("<i8").tobytes()
    return packed


def read_fresh(heads: bytes, data: bytes) -> Postings:
    """Fresh tracks, one after another; heads: (track, bytes) as big-endian int32."""
    tracks, counts = _heads(heads)
    values = np.frombuffer(data, "<i8")
    return Postings(
        (values >> FRAME_BITS).astype(np.int32),
        np.repeat(tracks, counts),
        (values & MOST_FRAME).astype(np.int32),
    )


def read_buckets(heads: bytes, data: bytes) -> Postings:
    """Buckets, one after another; heads: (hash_from, bytes) as big-endian int32."""
    starts, counts = _heads(heads)
    values = np.frombuffer(data, "<u8")  # unsigned: the highest of the 13 bits is no sign
    low = (values >> np.uint64(FRAME_BITS + TRACK_BITS)).astype(np.int32)
    return Postings(
        np.repeat(starts, counts) + low,
        ((values >> np.uint64(FRAME_BITS)) & np.uint64(_TRACK_MASK)).astype(np.int32),
        (values & np.uint64(MOST_FRAME)).astype(np.int32),
    )


def shift_for(count: int) -> int:
    """How many low bits of the hash a segment of that many postings groups by."""
    buckets = max(1, count // POSTINGS_PER_BUCKET)
    return int(min(MOST_SHIFT, max(0, HASH_BITS - (buckets.bit_length() - 1))))


def pack_buckets(postings: Postings, shift: int) -> list[tuple[int, bytes]]:
    """(hash_from, data) of every bucket that is not empty, rising."""
    order = np.lexsort((postings.frame, postings.track, postings.hash))
    hashes = postings.hash[order]
    starts = (hashes >> shift) << shift
    values = (
        ((hashes - starts).astype(np.int64) << (FRAME_BITS + TRACK_BITS))
        | (postings.track[order].astype(np.int64) << FRAME_BITS)
        | postings.frame[order].astype(np.int64)
    ).astype("<i8")
    cuts = np.flatnonzero(np.diff(starts, prepend=-1))
    data, ends = values.tobytes(), [*cuts[1:].tolist(), len(values)]
    return (
        [(int(starts[low]), data[8 * low : 8 * high]) for low, high in zip(cuts.tolist(), ends, strict=True)]
        if len(values)
        else []
    )


def _heads(heads: bytes) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    table = np.frombuffer(heads, ">i4").reshape(-1, 2)
    return table[:, 0].astype(np.int32), table[:, 1].astype(np.int64) // 8
