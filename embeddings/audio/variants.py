"""The search keys of a sound: its landmarks as they are, and at other speeds, tempos and pitches.

The references stay as they are; the query is varied. On the log-frequency scale a change of pitch
or speed only shifts ``bin``, and a change of tempo only alters ``dt``. So 19 groups cover +-6 % of
speed and pitch and +-10 % of tempo, where a resampled copy per per cent would need three times as
many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.landmarks import (
    DENSE_PAIRS,
    MAX_DT,
    MIN_DT,
    Landmarks,
    pack,
    pair_peaks,
    weight,
)
from embeddings.audio.peaks import SLOT_FRAMES, Peaks, strongest
from embeddings.audio.spectrum import BINS, BINS_PER_OCTAVE, FRAME_S

# The query is analysed at whole and half frames: its cut seldom falls on the reference's grid.
SHIFTS = 2
# Unchanged landmarks per query; a second at most EXACT_RATE, at least the floor.
EXACT_KEYS = 8000
EXACT_RATE, EXACT_FLOOR, EXACT_FLOOR_LONG = 800.0, 100.0, 40.0
VARIED_KEYS = 1000  # varied landmarks per query; each gives one key per group
VARIED_RATE, VARIED_FLOOR, VARIED_FLOOR_LONG = 100.0, 8.0, 3.0
# From this length on the lower floors apply: a copy from an hour is seldom only five seconds.
LONG_S = 1800.0
_TEMPOS = (0.91, 0.94, 0.97, 1.03, 1.06, 1.09)


@dataclass(frozen=True)
class Variant:
    """shift: bins from query to reference; rate: reference frames per query frame."""

    shift: int
    rate: float


def _variants() -> tuple[Variant, ...]:
    speeds = [Variant(k, 2.0 ** (-k / BINS_PER_OCTAVE)) for k in (-3, -2, -1, 1, 2, 3)]
    pitches = [Variant(k, 1.0) for k in (-3, -2, -1, 1, 2, 3)]
    return (Variant(0, 1.0), *speeds, *pitches, *(Variant(0, rate) for rate in _TEMPOS))


VARIANTS = _variants()  # number 0 is the unchanged sound


@dataclass(frozen=True, eq=False)
class SearchKeys:
    """hashes: (n,) int32; positions: (n,) float32, the reference frame of the landmark if both
    sounds began together, i.e. query frame x rate; groups: (n,) int16, index into ``VARIANTS``.
    """

    hashes: NDArray[np.int32]
    positions: NDArray[np.float32]
    groups: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.hashes)


def search_keys(constellations: tuple[Peaks, ...], frames: int) -> SearchKeys:
    """Return the keys of a query, the most distinctive ones.

    Args:
        constellations: dense, one per sub-frame shift.
        frames: length of the query; long queries have fewer keys a second, as their copies are
            longer.
    """
    seconds = max(frames * FRAME_S, 1.0)
    long = seconds > LONG_S
    exact_slot = _per_slot(
        EXACT_KEYS / seconds, EXACT_FLOOR_LONG if long else EXACT_FLOOR, EXACT_RATE
    )
    varied_slot = _per_slot(
        VARIED_KEYS / seconds, VARIED_FLOOR_LONG if long else VARIED_FLOOR, VARIED_RATE
    )
    pairing = replace(DENSE_PAIRS, per_slot=exact_slot)
    parts: list[tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int16]]] = []
    for number, peaks in enumerate(constellations):
        landmarks = pair_peaks(peaks, pairing)
        fraction = number / len(constellations)
        parts.append(_vary(landmarks, fraction, 0))
        slots = landmarks.frame.astype(np.intp) // SLOT_FRAMES
        robust = _select(
            landmarks, strongest(weight(landmarks.strength, landmarks.df), slots, varied_slot)
        )
        parts += [_vary(robust, fraction, group) for group in range(1, len(VARIANTS))]
    hashes, positions, groups = (np.concatenate(column) for column in zip(*parts, strict=True))
    return SearchKeys(hashes, positions, groups)


def _per_slot(rate: float, min_rate: float, max_rate: float) -> int:
    """Return landmarks per slot and sub-frame shift, from keys a second within the bounds."""
    return max(1, round(min(max(rate, min_rate), max_rate) * SLOT_FRAMES * FRAME_S / SHIFTS))


def _select(landmarks: Landmarks, at: NDArray[np.intp]) -> Landmarks:
    return Landmarks(
        landmarks.frame[at],
        landmarks.bin[at],
        landmarks.df[at],
        landmarks.dt[at],
        landmarks.strength[at],
    )


def _vary(
    landmarks: Landmarks, fraction: float, group: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int16]]:
    variant = VARIANTS[group]
    dt = np.rint(landmarks.dt * variant.rate).astype(np.int32)
    bins = landmarks.bin + variant.shift
    inside = (dt >= MIN_DT) & (dt <= MAX_DT) & (bins >= 0) & (bins < BINS)
    hashes = pack(bins[inside], landmarks.df[inside], dt[inside])
    positions = ((landmarks.frame[inside] + fraction) * variant.rate).astype(np.float32)
    return hashes, positions, np.full(len(hashes), group, np.int16)
