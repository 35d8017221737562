"""Tell a recording from a loop that two recordings share.

Where a drum loop or a sample runs under two different songs, only what repeats is in both. What
occurs once (a voice, a melody over the loop) is in a copy about as often as what repeats, however
loud either is, and in another song over the same loop not at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.align import Segment
from embeddings.audio.reference import ReferenceSound
from embeddings.audio.spectrum import BINS
from embeddings.audio.survivors import Survivors
from embeddings.audio.variants import SHIFTS

# Of 30 pairs of songs over ten loops of a sample pack at most 0.23; of 34 copies of such songs, and
# of songs with drums of their own, under noise or under another song, at least 0.62.
LOOP_SHARE = 0.42
STRENGTHS = 5  # classes of strength in which peaks are compared
LOOP_PEAKS = 20  # of either kind: fewer say nothing
MIN_LAG = 20  # frames: less is the same place
MIN_PAIRS = 40  # pairs of peaks at a lag, for its share of repeats to count
NEIGHBOURHOOD = 6  # frames around the best lag
MAX_LAGS = 12
AROUND_FRAMES = 25_840  # 20 minutes before and after the middle of a segment are searched
PROMINENT = 4.0  # deviations above the usual share of repeats


def is_loop(
    best: Segment, rival_lag: float | None, reference: ReferenceSound, survivors: Survivors
) -> bool:
    """Return whether the query holds only the part of the reference that repeats.

    Args:
        rival_lag: frames between two places of the reference that the same seconds of the query
            fit, None where there is one place.
    """
    frames = reference.peaks.frame.astype(np.int64)
    bins = reference.peaks.bin.astype(np.int64)
    # Bounded, however long both sounds are: what repeats for longer repeats there as well.
    around = np.abs(frames - 0.5 * (best.first + best.last)) <= AROUND_FRAMES
    lags = find_lags(frames[around], bins[around]) + rival_lags(rival_lag, frames)
    if not lags:
        return False
    inside = around & (frames >= best.first) & (frames <= best.last)
    repeated = _repeats(frames, bins, inside, lags)
    if min(np.count_nonzero(repeated), np.count_nonzero(~repeated)) < LOOP_PEAKS:
        return False
    rows = np.rint((frames[inside] - best.line.start) / best.line.rate * SHIFTS).astype(np.intp)
    survived = survivors.hits(rows, np.rint(bins[inside] - best.line.shift).astype(np.intp)) > 0
    chance = (best.survived / max(best.peaks, 1) - best.survival) / max(1.0 - best.survival, 0.01)
    once, again = _survival_at_equal_strength(reference.peaks.strength[inside], survived, repeated)
    return bool(once - chance < LOOP_SHARE * (again - chance))


def _survival_at_equal_strength(
    strength: NDArray[np.uint8], survived: NDArray[np.bool_], repeated: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return which share survives of what occurs once, and of what repeats, among peaks of equal
    strength: noise leaves the strongest, which in most music are its drums.
    """
    edges = np.quantile(strength, np.linspace(0.0, 1.0, STRENGTHS + 1)[1:-1])
    stratum = np.searchsorted(edges, strength, "right")
    once = again = total = 0.0
    for number in range(STRENGTHS):
        here = stratum == number
        one, other = survived[here & ~repeated], survived[here & repeated]
        weight = len(one) * len(other) / max(len(one) + len(other), 1)
        if weight:
            once, again = once + weight * one.mean(), again + weight * other.mean()
            total += weight
    return (once / total, again / total) if total else (1.0, 1.0)


def rival_lags(lag: float | None, frames: NDArray[np.int64]) -> list[int]:
    """Return the first multiples, at most ``MAX_LAGS``, of a lag that lie within a sound."""
    if lag is None or abs(lag) < MIN_LAG or not len(frames):
        return []
    return [round(k * abs(lag)) for k in range(1, MAX_LAGS + 1) if k * abs(lag) <= frames.max()]


def find_lags(frames: NDArray[np.int64], bins: NDArray[np.int64]) -> list[int]:
    """Return the lags in frames at which far more peaks recur than usual, the best first.

    Args: frames, bins: (n,) the peaks of a sound.
    """
    if len(frames) < MIN_PAIRS:
        return []
    frames = frames - frames.min()
    length = int(frames.max()) + 1
    peaks = np.zeros((length, BINS + 2), np.float32)
    peaks[frames, bins + 1] = 1.0
    near = np.maximum(np.maximum(peaks, np.roll(peaks, 1, 1)), np.roll(peaks, -1, 1))
    near = np.maximum(np.maximum(near, np.roll(near, 1, 0)), np.roll(near, -1, 0))
    size = 1 << (2 * length - 1).bit_length()
    # The correlation of all pitches at once, by Wiener and Khinchin.
    spectrum = np.zeros(size // 2 + 1, np.complex128)
    for pitch in range(peaks.shape[1]):
        if peaks[:, pitch].any():
            spectrum += np.conj(np.fft.rfft(peaks[:, pitch], size)) * np.fft.rfft(
                near[:, pitch], size
            )
    recurring = np.fft.irfft(spectrum, size)[:length]
    pairs = np.cumsum(np.bincount(frames, minlength=length))[::-1]  # peaks that have a later place
    usable = (np.arange(length) >= MIN_LAG) & (pairs >= MIN_PAIRS)
    if not usable.any():
        return []
    share = np.where(usable, recurring / np.maximum(pairs, 1), 0.0)
    usual = float(np.median(share[usable]))
    deviation = max(1.48 * float(np.median(np.abs(share[usable] - usual))), 1e-3)
    lags: list[int] = []
    for lag in np.argsort(-share, kind="stable").tolist():
        if len(lags) == MAX_LAGS or share[lag] < usual + PROMINENT * deviation:
            break
        if all(abs(lag - other) > NEIGHBOURHOOD for other in lags):
            lags.append(lag)
    return lags


def _repeats(
    frames: NDArray[np.int64],
    bins: NDArray[np.int64],
    inside: NDArray[np.bool_],
    lags: Sequence[int],
) -> NDArray[np.bool_]:
    """Return, of each peak inside, whether it recurs at one of the lags, before or after."""
    places = np.sort(frames * BINS + bins)
    found = np.zeros(np.count_nonzero(inside), bool)
    for lag in (sign * lag for lag in lags for sign in (-1, 1)):
        for late in (-1, 0, 1):
            for higher in (-1, 0, 1):
                wanted = (frames[inside] + lag + late) * BINS + bins[inside] + higher
                at = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
                found |= places[at] == wanted
    return found
