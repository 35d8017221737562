"""What a sound is looked up by: its landmarks as they are, and as they would be at other speeds,
tempos and pitches.

The references stay as they are; the query is bent. On the log-frequency scale a change of pitch or
speed shifts ``bin`` and nothing else, a change of tempo alters only ``dt``: 19 groups reach +-6 %
of speed and pitch and +-10 % of tempo, where a resampled copy per per cent would need three times
as many.
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

# the query is analysed at whole and at half frames, since its cut seldom falls on the reference's
# grid
SHIFTS = 2
# wanted of a whole query, but no more a second than PLAIN_RATE, and no less than the floor
PLAIN_KEYS = 8000
PLAIN_RATE, PLAIN_FLOOR, PLAIN_FLOOR_LONG = 800.0, 100.0, 40.0
BENT_KEYS = 1000  # landmarks that are bent; each gives one key per group
BENT_RATE, BENT_FLOOR, BENT_FLOOR_LONG = 100.0, 8.0, 3.0
# from here on the lower floors hold: what is copied of an hour is seldom five seconds
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


VARIANTS = _variants()  # number 0 is the sound as it is


@dataclass(frozen=True, eq=False)
class SearchKeys:
    """hashes: (n,) int32; positions: (n,) float32, the reference frame the landmark would be at if
    both sounds began together, i.e. query frame x rate; groups: (n,) int16, index into
    ``VARIANTS``.
    """

    hashes: NDArray[np.int32]
    positions: NDArray[np.float32]
    groups: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.hashes)


def search_keys(constellations: tuple[Peaks, ...], frames: int) -> SearchKeys:
    """Keys of a query from its dense constellations, one per sub-frame shift; those that tell most.

    Args:
        frames: length of the query; long queries are searched less densely, for their copies are
            longer too.
    """
    seconds = max(frames * FRAME_S, 1.0)
    long = seconds > LONG_S
    plain_slot = _per_slot(
        PLAIN_KEYS / seconds, PLAIN_FLOOR_LONG if long else PLAIN_FLOOR, PLAIN_RATE
    )
    bent_slot = _per_slot(BENT_KEYS / seconds, BENT_FLOOR_LONG if long else BENT_FLOOR, BENT_RATE)
    pairing = replace(DENSE_PAIRS, per_slot=plain_slot)
    parts: list[tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int16]]] = []
    for number, peaks in enumerate(constellations):
        landmarks = pair_peaks(peaks, pairing)
        late = number / len(constellations)
        parts.append(_bent(landmarks, late, 0))
        slots = landmarks.frame.astype(np.intp) // SLOT_FRAMES
        robust = _taken(
            landmarks, strongest(weight(landmarks.strength, landmarks.df), slots, bent_slot)
        )
        parts += [_bent(robust, late, group) for group in range(1, len(VARIANTS))]
    hashes, positions, groups = (np.concatenate(column) for column in zip(*parts, strict=True))
    return SearchKeys(hashes, positions, groups)


def _per_slot(wanted: float, least: float, most: float) -> int:
    """Landmarks per slot and sub-frame shift, from keys a second."""
    return max(1, round(min(max(wanted, least), most) * SLOT_FRAMES * FRAME_S / SHIFTS))


def _taken(landmarks: Landmarks, at: NDArray[np.intp]) -> Landmarks:
    return Landmarks(
        landmarks.frame[at],
        landmarks.bin[at],
        landmarks.df[at],
        landmarks.dt[at],
        landmarks.strength[at],
    )


def _bent(
    landmarks: Landmarks, late: float, group: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int16]]:
    variant = VARIANTS[group]
    dt = np.rint(landmarks.dt * variant.rate).astype(np.int32)
    bins = landmarks.bin + variant.shift
    inside = (dt >= MIN_DT) & (dt <= MAX_DT) & (bins >= 0) & (bins < BINS)
    hashes = pack(bins[inside], landmarks.df[inside], dt[inside])
    positions = ((landmarks.frame[inside] + late) * variant.rate).astype(np.float32)
    return hashes, positions, np.full(len(hashes), group, np.int16)
