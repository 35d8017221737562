"""Likeness of the frames of two videos, all against all, from the data in the index.

The copy descriptor identifies the shot and survives crops and captions; the perceptual hash
identifies the second of the shot. Constants were measured on camera moves over 14 photographs:
cosines of different pictures stay under 0.31 (99.9 %), those of copies are around 0.8, and still
0.9 a second later; hashes of copies differ in 10 to 48 of 256 bits, in 68 (median) a second later
and in about 128 where nothing is shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.image.views import QueryView
from embeddings.video.fingerprint import KeyFrame, ReferenceVideo

COSINE_NONE, COSINE_FULL = 0.30, 0.80
BITS_NONE, BITS_FULL = 96, 24
# of a cell's value if the hash shows nothing: a crop is alike, but its second is unknown
COSINE_SHARE = 0.6
SHARPNESS = 5.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Cells:
    """Likeness of query points (rows) and reference points (columns).

    A frame that lasts has several points, one each interval. rows_s, columns_s: times of the
    points; row_frames, column_frames: the keyframe of each point; values: (n, m) float32, 0..1;
    sharp: values lowered where the row or column has a better one, so that the right second stands
    out of its shot.
    """

    rows_s: NDArray[np.float64]
    columns_s: NDArray[np.float64]
    row_frames: NDArray[np.int64]
    column_frames: NDArray[np.int64]
    values: NDArray[np.float32]
    sharp: NDArray[np.float32]


def compare_frames(
    frames: Sequence[KeyFrame], interval_s: float, reference: ReferenceVideo
) -> Cells:
    """Compare the frames of a query, by all its views, with those of a reference."""
    likeness = frame_likeness(frames, reference)
    rows_s, row_frames = points([f.time_s for f in frames], [f.span_s for f in frames], interval_s)
    columns_s, column_frames = points(reference.times_s, reference.spans_s, reference.interval_s)
    values = likeness[np.ix_(row_frames, column_frames)]
    return Cells(
        rows_s=rows_s,
        columns_s=columns_s,
        row_frames=row_frames,
        column_frames=column_frames,
        values=values,
        sharp=sharpened(values),
    )


def frame_likeness(frames: Sequence[KeyFrame], reference: ReferenceVideo) -> NDArray[np.float32]:
    """Return (n, m) float32 in 0..1: likeness of each query keyframe to each reference frame."""
    shape = (len(frames), len(reference.times_s))
    if not all(shape):
        return np.zeros(shape, np.float32)
    cosine = np.full(shape, -1.0, np.float32)
    bits = np.full(shape, 256, np.int64)
    stored = np.unpackbits(reference.phashes, axis=1).astype(np.float32) * 2 - 1
    named: dict[str, list[tuple[int, QueryView]]] = {}
    for row, frame in enumerate(frames):
        for view in frame.views:
            # a negative is compared as one, by itself: aligned beside the frame it would be its own
            if not view.name.startswith("negative"):
                named.setdefault(view.name, []).append((row, view))
    for listed in named.values():
        rows, views = [row for row, _ in listed], [view for _, view in listed]
        hashed = np.stack([np.frombuffer(view.phash, np.uint8) for view in views])
        agreement = (np.unpackbits(hashed, axis=1).astype(np.float32) * 2 - 1) @ stored.T
        bits[rows] = np.minimum(bits[rows], np.rint((256 - agreement) / 2).astype(np.int64))
        for model, vectors in reference.embeddings.items():
            described = [(row, v.embeddings[model]) for row, v in listed if model in v.embeddings]
            if described:
                at = [row for row, _ in described]
                cosines = np.stack([vector for _, vector in described]) @ vectors.T
                cosine[at] = np.maximum(cosine[at], cosines)
    # Not clipped at the top: of two surely alike frames the nearer one is the right second.
    by_cosine = np.interp(cosine, (COSINE_NONE, COSINE_FULL, 1.0), (0.0, 0.9, 1.0))
    by_hash = np.clip((BITS_NONE - bits) / (BITS_NONE - BITS_FULL), 0.0, 1.0)
    joined = COSINE_SHARE * by_cosine + (1.0 - COSINE_SHARE) * by_hash
    return np.asarray(np.maximum(joined, by_hash), np.float32)


def cosine_likeness(cosine: float) -> float:
    """Return the likeness, 0..1, of a cosine of copy descriptors."""
    return min(max((cosine - COSINE_NONE) / (COSINE_FULL - COSINE_NONE), 0.0), 1.0)


def hash_likeness(bits: float) -> float:
    """Return the likeness, 0..1, of a Hamming distance."""
    return min(max((BITS_NONE - bits) / (BITS_NONE - BITS_FULL), 0.0), 1.0)


def sharpened(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lower what is less alike than the best of its row or column; equal values stay."""
    if not values.size:
        return values
    behind = (
        np.maximum(values.max(axis=1, keepdims=True), values.max(axis=0, keepdims=True)) - values
    )
    return np.asarray(values * np.exp(-SHARPNESS * behind), np.float32)


def points(
    times_s: Sequence[float] | NDArray[np.float64],
    spans_s: Sequence[float] | NDArray[np.float64],
    interval_s: float,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return a point at the start of every frame and at each further interval of its span."""
    times, frames = [], []
    for number, (time, span) in enumerate(zip(times_s, spans_s, strict=True)):
        for step in range(max(1, round(span / interval_s))):
            times.append(time + step * interval_s)
            frames.append(number)
    return np.array(times, np.float64), np.array(frames, np.int64)
