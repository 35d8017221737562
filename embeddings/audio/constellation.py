"""A constellation as bytes, stored to verify later sounds against and to re-index the sound.

Layout: the magic, then zlib over: length of the sound in frames (uint32), number of peaks (uint32),
differences of frames (uint32, as four planes of bytes), bins, strengths (uint8), the fine places in
time and pitch (int8), levels (uint8); little-endian. About 90 bytes a second.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from embeddings.audio.peaks import FINE, FinePeaks
from embeddings.audio.spectrum import BINS
from embeddings.errors import BadProxy

MAGIC = b"SND2"
MAX_BYTES = 64 << 20  # of peaks; ten hours hold 5 MB
COLUMNS = 9  # bytes of a peak
_HEAD = struct.Struct("<II")


def encode(peaks: FinePeaks, frames: int) -> bytes:
    """Encode peaks. frames: length of the whole sound."""
    steps = np.diff(peaks.frame, prepend=0).astype("<u4").view(np.uint8).reshape(-1, 4)
    body = (
        _HEAD.pack(frames, len(peaks))
        + np.ascontiguousarray(steps.T).tobytes()
        + peaks.bin.astype(np.uint8).tobytes()
        + peaks.strength.tobytes()
        + peaks.late.tobytes()
        + peaks.higher.tobytes()
        + peaks.level.tobytes()
    )
    return MAGIC + zlib.compress(body, 6)


def decode(data: bytes) -> tuple[FinePeaks, int]:
    """Return the peaks and the sound's length in frames. Raises: BadProxy."""
    if data[:4] != MAGIC:
        raise BadProxy(
            "A stored constellation cannot be read: it was written by another version; re-index it."
        )
    try:
        body = zlib.decompressobj().decompress(data[4:], MAX_BYTES)
        frames, count = _HEAD.unpack_from(body)
        values = np.frombuffer(body, np.uint8, COLUMNS * count, _HEAD.size).reshape(COLUMNS, count)
    except (zlib.error, struct.error, ValueError) as error:
        raise BadProxy(f"A stored constellation is damaged ({error}); re-index it.") from error
    steps = np.ascontiguousarray(values[:4].T).view("<u4")[:, 0]
    bins, strength, level = values[4].astype(np.int16), values[5].copy(), values[8].copy()
    late, higher = (values[row].view(np.int8).copy() for row in (6, 7))
    if count and int(bins.max()) >= BINS:
        raise BadProxy("A stored constellation is damaged (a bin out of range); re-index it.")
    if count and max(int(np.abs(late).max()), int(np.abs(higher).max())) > FINE // 2:
        raise BadProxy("A stored constellation is damaged (a place out of range); re-index it.")
    frame = np.cumsum(steps, dtype=np.int64).astype(np.int32)
    return FinePeaks(frame, bins, strength, late, higher, level), int(frames)
