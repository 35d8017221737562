"""Landmarks: pairs of peaks as integers that an index can look up.

Layout, 21 bits, low to high:

    bits 0..5    dt     frames between the two peaks, 2..31 (46 ms each)
    bits 6..12   df     bins from the first to the second, -47..47, plus 47
    bits 13..20  bin    of the first peak, 0..157

The time difference is in the low bits, so that all tempos of a pair of pitches are neighbours in
the index. A change of pitch or speed alters only ``bin``, by the same amount for every landmark.
Source: Wang, ISMIR 2003, section 2.2; Panako (Six and Leman, ISMIR 2014) for tolerance by range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.peaks import SLOT_FRAMES, Peaks, strongest

MIN_DT, MAX_DT = 2, 31
MAX_DF = 47
DT_BITS, DF_BITS, BIN_BITS = 6, 7, 8
PART_SLOTS = 128  # slots paired at once: two minutes
HASH_BITS = DT_BITS + DF_BITS + BIN_BITS

# By |df|: how common landmarks are compared with most, in powers of two (measured on the fitting
# part of the benchmark). A held pitch, octaves, fifths, fourths and thirds are in all music; they
# fill the index and carry little information.
COMMON_BITS = (
    3.5,
    1.1,
    0.0,
    0.3,
    0.0,
    0.0,
    1.2,
    0.2,
    0.0,
    0.9,
    0.0,
    0.0,
    0.7,
    0.0,
    0.3,
    1.5,
    0.4,
    0.0,
    0.0,
    0.0,
    0.3,
    1.7,
    0.5,
    0.0,
    0.4,
    0.0,
    0.1,
    0.8,
    0.0,
    0.0,
    0.6,
    0.0,
    0.0,
    0.0,
    0.0,
    0.4,
    1.9,
    0.6,
    0.0,
    0.0,
    0.0,
    0.0,
    0.6,
    0.0,
    0.0,
    0.2,
    0.0,
    0.0,
)
# halves of a dB that a landmark twice as common must be stronger by, to be searched with
STRENGTH_PER_BIT = 10

_Ints = NDArray[np.int32]
_Bytes = NDArray[np.uint8]
_COSTS = np.rint(np.array(COMMON_BITS) * STRENGTH_PER_BIT).astype(np.uint8)


@dataclass(frozen=True)
class Pairing:
    """The choice of pairs: each peak's strongest successors, each slot's strongest pairs.

    distinctive: choose by strength relative to how common they are (see ``weight``).
    """

    successors: int
    fan_out: int
    per_slot: int
    distinctive: bool = False


SPARSE_PAIRS = Pairing(successors=60, fan_out=3, per_slot=39)  # 40 a second
DENSE_PAIRS = Pairing(successors=60, fan_out=12, per_slot=400, distinctive=True)


@dataclass(frozen=True, eq=False)
class Landmarks:
    """frame, bin, df, dt: (n,) int32; strength: (n,) uint8, of the weaker peak; first, second: (n,)
    intp, the two peaks. Sorted by frame.
    """

    frame: NDArray[np.int32]
    bin: NDArray[np.int32]
    df: NDArray[np.int32]
    dt: NDArray[np.int32]
    strength: NDArray[np.uint8]
    first: NDArray[np.intp]
    second: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.frame)

    def hashes(self) -> NDArray[np.int32]:
        """Return (n,) int32, 0 to 2^21 - 1."""
        return pack(self.bin, self.df, self.dt)


def pack(
    bin_: NDArray[np.int32], df: NDArray[np.int32], dt: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return the hashes of landmarks within their ranges; see the module for the layout."""
    return ((bin_ << (DT_BITS + DF_BITS)) | ((df + MAX_DF) << DT_BITS) | dt).astype(np.int32)


def weight(strength: _Bytes, df: _Ints) -> _Bytes:
    """Return the value of looking a landmark up: its strength, less a cost for common ones."""
    costs = _COSTS[np.abs(df)]
    result: _Bytes = np.where(strength > costs, strength - costs, 0).astype(np.uint8)
    return result


def pair_peaks(peaks: Peaks, pairing: Pairing) -> Landmarks:
    """Pair the peaks of a constellation into landmarks, the most robust ones.

    A pair is as strong as its weaker peak; every bound is applied by strength. Long sounds are
    paired in parts to save memory, with the same result.
    """
    part = PART_SLOTS * SLOT_FRAMES
    ends = range(part, int(peaks.frame[-1]) + 1 + part if len(peaks) else part + 1, part)
    parts = []
    for end in ends:
        low, own, high = np.searchsorted(peaks.frame, (end - part, end, end + MAX_DT))
        near = Peaks(peaks.frame[low:high], peaks.bin[low:high], peaks.strength[low:high])
        *columns, firsts, seconds = _pair_part(near, int(own - low), pairing)
        parts.append((*columns, firsts + low, seconds + low))
    return Landmarks(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _pair_part(
    peaks: Peaks, own: int, pairing: Pairing
) -> tuple[_Ints, _Ints, _Ints, _Ints, _Bytes, NDArray[np.intp], NDArray[np.intp]]:
    """Return the columns of the landmarks that start at one of the first ``own`` peaks."""
    firsts, seconds = _close_pairs(peaks, pairing.successors)
    owned = firsts < own
    firsts, seconds = firsts[owned], seconds[owned]
    strength = np.minimum(peaks.strength[firsts], peaks.strength[seconds])
    keep = strongest(strength, firsts, pairing.fan_out)
    firsts, seconds, strength = firsts[keep], seconds[keep], strength[keep]
    bins = peaks.bin.astype(np.int32)
    df = bins[seconds] - bins[firsts]
    weights = weight(strength, df) if pairing.distinctive else strength
    keep = strongest(weights, peaks.frame[firsts].astype(np.intp) // SLOT_FRAMES, pairing.per_slot)
    keep = keep[np.argsort(peaks.frame[firsts[keep]], kind="stable")]
    firsts, seconds, strength, df = firsts[keep], seconds[keep], strength[keep], df[keep]
    return (
        peaks.frame[firsts],
        bins[firsts],
        df,
        peaks.frame[seconds] - peaks.frame[firsts],
        strength,
        firsts,
        seconds,
    )


def _close_pairs(peaks: Peaks, successors: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    frames, bins = peaks.frame, peaks.bin.astype(np.int32)
    firsts: list[NDArray[np.intp]] = [np.empty(0, np.intp)]
    seconds: list[NDArray[np.intp]] = [np.empty(0, np.intp)]
    for step in range(1, min(successors + 1, len(peaks))):
        dt = frames[step:] - frames[:-step]
        # As unsigned, negative numbers are large: one comparison instead of two.
        near = (dt - MIN_DT).view(np.uint32) <= MAX_DT - MIN_DT
        near &= (bins[step:] - bins[:-step] + MAX_DF).view(np.uint32) <= 2 * MAX_DF
        at = np.flatnonzero(near)
        firsts.append(at)
        seconds.append(at + step)
        if not len(at) and dt.min() > MAX_DT:
            break
    return np.concatenate(firsts), np.concatenate(seconds)
