"""The constellation: spectral peaks that stand out of their surroundings, a bounded number a
second.

Source: Wang, "An Industrial-Strength Audio Search Algorithm", ISMIR 2003, section 2.1. A separable,
    compiled local maximum filter (van Herk) replaces the frame-by-frame decaying threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.audio.spectrum import BINS, QUIET_DB

# 0.975 s: density is bounded per slot, so that a loud bar cannot starve a quiet one
SLOT_FRAMES = 21
SURROUNDINGS = (31, 21)  # bins, frames that a peak is compared with
STANDS_OUT_DB = 3.0
AUDIBLE_DB = QUIET_DB + 5.0
MARGIN_FRAMES = SURROUNDINGS[1] // 2 + 6  # a peak depends on no frame further away
MAX_STRENGTH = 255
STRENGTH_PER_DB = 2
FINE = 16  # parts of a frame (2.9 ms) and of a bin (2 cents) that a peak is placed to


@dataclass(frozen=True)
class Density:
    """The density of peaks.

    reach: a peak is the highest within so many frames and bins on each side.
    """

    reach_frames: int
    reach_bins: int
    per_slot: int


SPARSE = Density(reach_frames=3, reach_bins=5, per_slot=20)  # stored
# searched with: noise demotes peaks, rarely all
DENSE = Density(reach_frames=2, reach_bins=3, per_slot=80)


@dataclass(frozen=True, eq=False)
class Peaks:
    """frame: (n,) int32, rising; bin: (n,) int16, 0..BINS-1; strength: (n,) uint8, half dB."""

    frame: NDArray[np.int32]
    bin: NDArray[np.int16]
    strength: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, eq=False)
class FinePeaks(Peaks):
    """Peaks with what tells one recording from another of the same notes.

    late, higher: (n,) int8, -8..8, sixteenths of a frame and of a bin that the top of the peak lies
    beside its cell; level: (n,) uint8, dB above ``QUIET_DB``.
    """

    late: NDArray[np.int8]
    higher: NDArray[np.int8]
    level: NDArray[np.uint8]


def find_peaks(
    levels: NDArray[np.float32], density: Density, *, first: int = 0, skip: int = 0, upto: int
) -> FinePeaks:
    """Return the peaks in rows ``skip`` to ``upto`` of a spectrogram; other rows are surroundings.

    Args:
        levels: (frames, BINS) float32, dB.
        first: the number of row 0 in the sound; slots are counted from the start of the sound.
    """
    if not len(levels):
        return no_peaks()
    above = levels - cv2.blur(levels, SURROUNDINGS, borderType=cv2.BORDER_REFLECT)
    kernel = np.ones((2 * density.reach_frames + 1, 2 * density.reach_bins + 1), np.uint8)
    highest = levels == cv2.dilate(levels, kernel)
    highest &= (above > STANDS_OUT_DB) & (levels > AUDIBLE_DB)
    highest[:skip] = False
    highest[upto:] = False
    rows, bins = np.nonzero(highest)
    strength = np.minimum(above[rows, bins] * STRENGTH_PER_DB, MAX_STRENGTH).astype(np.uint8)
    frames = rows + first
    keep = strongest(strength, frames // SLOT_FRAMES, density.per_slot)
    rows, bins = rows[keep], bins[keep]
    top = levels[rows, bins]
    last_row, last_bin = levels.shape[0] - 1, levels.shape[1] - 1
    late = _beside(
        levels[np.maximum(rows - 1, 0), bins], top, levels[np.minimum(rows + 1, last_row), bins]
    )
    higher = _beside(
        levels[rows, np.maximum(bins - 1, 0)], top, levels[rows, np.minimum(bins + 1, last_bin)]
    )
    level = np.clip(np.rint(top - QUIET_DB), 0, 255).astype(np.uint8)
    return FinePeaks(
        frames[keep].astype(np.int32), bins.astype(np.int16), strength[keep], late, higher, level
    )


def _beside(
    before: NDArray[np.float32], top: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.int8]:
    """Return how far the top of a parabola through three levels lies beside the middle one."""
    bend = np.maximum(2.0 * top - before - after, 1e-3)
    place: NDArray[np.int8] = np.rint(
        FINE * np.clip(0.5 * (after - before) / bend, -0.5, 0.5)
    ).astype(np.int8)
    return place


def strongest(strength: NDArray[np.uint8], group: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return the rising indexes of the ``count`` strongest of each group; ties go to the earlier.

    group: 0 to 2^23 - 1.
    """
    # One key of group, weakness and index: numpy sorts numbers ten times as fast as two keys.
    key = np.arange(len(strength), dtype=np.int64)
    key |= (MAX_STRENGTH - strength).astype(np.int64) << 32
    key |= group.astype(np.int64) << 40
    key.sort()
    groups = key >> 40
    new = np.empty(len(key), bool)
    new[:1] = True
    np.not_equal(groups[1:], groups[:-1], out=new[1:])
    at = np.arange(len(key))
    firsts = np.maximum.accumulate(np.where(new, at, 0))
    indexes: NDArray[np.intp] = np.sort(key[at - firsts < count] & 0xFFFFFFFF)
    return indexes


def join_peaks(parts: list[FinePeaks]) -> FinePeaks:
    """Concatenate the constellations of successive parts."""
    if not parts:
        return no_peaks()
    return FinePeaks(
        np.concatenate([p.frame for p in parts]),
        np.concatenate([p.bin for p in parts]),
        np.concatenate([p.strength for p in parts]),
        np.concatenate([p.late for p in parts]),
        np.concatenate([p.higher for p in parts]),
        np.concatenate([p.level for p in parts]),
    )


def no_peaks() -> FinePeaks:
    whole, small = np.empty(0, np.uint8), np.empty(0, np.int8)
    return FinePeaks(np.empty(0, np.int32), np.empty(0, np.int16), whole, small, small, whole)


def distinct_bins(peaks: Peaks) -> int:
    """Count the different pitches of a constellation, of ``BINS``."""
    return int(np.count_nonzero(np.bincount(peaks.bin, minlength=BINS)))
