"""The search keys of a sound: its landmarks as they are, and at other speeds, tempos and pitches.

The references stay as they are; the query is varied. On the log-frequency scale a change of pitch
or speed only shifts ``bin``, and a change of tempo only alters ``dt``. So 19 near groups cover
+-6 % of speed and pitch and +-10 % of tempo, where a resampled copy per per cent would need three
times as many. The far groups reach from 0.7 to 2 times the speed or tempo and to four semitones,
and backwards; of each fewer landmarks are looked up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.landmarks import (
    DENSE_PAIRS,
    MAX_DF,
    MAX_DT,
    MIN_DT,
    Landmarks,
    pack,
    pair_peaks,
    weight,
)
from embeddings.audio.peaks import FINE, SLOT_FRAMES, FinePeaks, strongest
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
# Far landmarks per query; each gives one key per far group.
FAR_KEYS = 200
FAR_RATE, FAR_FLOOR, FAR_FLOOR_LONG = 25.0, 5.0, 2.0
_TEMPOS = (0.91, 0.94, 0.97, 1.03, 1.06, 1.09)
_TEMPO_STEP = 1.03  # a landmark of 31 frames is then half a frame off
_SLOWEST, _FASTEST = 0.69, 2.05  # of speeds and tempos
_FAR_BINS = 12  # four semitones

_Keys = tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int16]]


@dataclass(frozen=True)
class Variant:
    """shift: bins from query to reference, halves where far; rate: reference frames per query
    frame, -1 backwards.
    """

    shift: float
    rate: float


def _near_variants() -> tuple[Variant, ...]:
    speeds = [_at_speed(k) for k in (-3, -2, -1, 1, 2, 3)]
    pitches = [Variant(k, 1.0) for k in (-3, -2, -1, 1, 2, 3)]
    return (Variant(0, 1.0), *speeds, *pitches, *(Variant(0, rate) for rate in _TEMPOS))


def _far_variants() -> tuple[Variant, ...]:
    def bins(speed: float) -> int:
        return round(BINS_PER_OCTAVE * math.log2(speed))

    # In halves: a speed between two bins would leave a quarter of the landmarks.
    halves = range(2 * bins(_SLOWEST), 2 * bins(_FASTEST) + 1)
    speeds = [_at_speed(-k / 2.0) for k in halves if abs(k) > 6]
    pitches = [Variant(k, 1.0) for k in range(-_FAR_BINS, _FAR_BINS + 1) if abs(k) > 3]
    steps = math.log(_TEMPO_STEP)
    tempos = [
        Variant(0, _TEMPO_STEP**k)
        for k in range(math.floor(math.log(_SLOWEST) / steps), int(math.log(_FASTEST) / steps) + 1)
        if abs(k) > 3
    ]
    return (*speeds, *pitches, *tempos, Variant(0, -1.0))


def _at_speed(shift: float) -> Variant:
    return Variant(shift, 2.0 ** (-shift / BINS_PER_OCTAVE))


VARIANTS = (*_near_variants(), *_far_variants())  # number 0 is the unchanged sound
NEAR = len(_near_variants())


@dataclass(frozen=True, eq=False)
class SearchKeys:
    """hashes: (n,) int32, rising; positions: (n,) float32, the reference frame of the landmark if
    both sounds began together, i.e. query frame x rate; groups: (n,) int16, index into
    ``VARIANTS``.
    """

    hashes: NDArray[np.int32]
    positions: NDArray[np.float32]
    groups: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.hashes)


NO_KEYS = SearchKeys(np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int16))


def search_keys(constellations: Sequence[FinePeaks], frames: int) -> SearchKeys:
    """Return the keys of a query, the most distinctive ones.

    Args:
        constellations: dense, one per sub-frame shift.
        frames: length of the query; long queries have fewer keys a second, as their copies are
            longer.
    """
    seconds = max(frames * FRAME_S, 1.0)
    exact, varied, far = (
        _per_slot(keys / seconds, rates[1 if seconds > LONG_S else 0], rates[2])
        for keys, rates in (
            (EXACT_KEYS, (EXACT_FLOOR, EXACT_FLOOR_LONG, EXACT_RATE)),
            (VARIED_KEYS, (VARIED_FLOOR, VARIED_FLOOR_LONG, VARIED_RATE)),
            (FAR_KEYS, (FAR_FLOOR, FAR_FLOOR_LONG, FAR_RATE)),
        )
    )
    pairing = replace(DENSE_PAIRS, per_slot=exact)
    parts: list[_Keys] = []
    for number, peaks in enumerate(constellations):
        landmarks = pair_peaks(peaks, pairing)
        fraction = number / len(constellations)
        fine = peaks.higher / FINE
        parts.append(_vary(landmarks, fine, fraction, range(1)))
        landmarks = _robust(landmarks, varied)
        parts.append(_vary(landmarks, fine, fraction, range(1, NEAR)))
        parts.append(_vary(_robust(landmarks, far), fine, fraction, range(NEAR, len(VARIANTS))))
    hashes, positions, groups = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(hashes, kind="stable")
    return SearchKeys(hashes[order], positions[order], groups[order])


def _per_slot(rate: float, min_rate: float, max_rate: float) -> int:
    """Return landmarks per slot and sub-frame shift, from keys a second within the bounds."""
    return max(1, round(min(max(rate, min_rate), max_rate) * SLOT_FRAMES * FRAME_S / SHIFTS))


def _robust(landmarks: Landmarks, per_slot: int) -> Landmarks:
    slots = landmarks.frame.astype(np.intp) // SLOT_FRAMES
    at = strongest(weight(landmarks.strength, landmarks.df), slots, per_slot)
    return Landmarks(
        landmarks.frame[at],
        landmarks.bin[at],
        landmarks.df[at],
        landmarks.dt[at],
        landmarks.strength[at],
        landmarks.first[at],
        landmarks.second[at],
    )


def _vary(landmarks: Landmarks, fine: NDArray[np.float64], fraction: float, groups: range) -> _Keys:
    """Return the keys of landmarks in all groups.

    Args:
        fine: of each peak of the constellation, bins above its own.
        fraction: of a frame, that the constellation begins late.
    """
    shifts, rates = (
        np.array([getattr(VARIANTS[group], name) for group in groups])[:, None]
        for name in ("shift", "rate")
    )
    back = rates < 0.0  # the second peak comes first
    dt = np.rint(landmarks.dt * np.abs(rates)).astype(np.int32)
    ends = (
        np.rint(bins + (shifts % 1.0 > 0.0) * fine[peak] + shifts).astype(np.int32)
        for bins, peak in (
            (landmarks.bin, landmarks.first),
            (landmarks.bin + landmarks.df, landmarks.second),
        )
    )
    early, late = ends
    first, df = np.where(back, late, early), np.where(back, early - late, late - early)
    inside = (dt >= MIN_DT) & (dt <= MAX_DT) & (first >= 0) & (first < BINS)
    inside &= np.abs(df) <= MAX_DF
    positions = (landmarks.frame + np.where(back, landmarks.dt, 0) + fraction) * rates
    numbers = np.broadcast_to(np.array(groups, np.int16)[:, None], inside.shape)
    return (
        pack(first[inside], df[inside], dt[inside]),
        positions[inside].astype(np.float32),
        numbers[inside],
    )
