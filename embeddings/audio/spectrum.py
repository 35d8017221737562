"""The spectrogram that peaks are found in: level over time and log-frequency.

Frequencies are spaced evenly in pitch, so that a change of pitch or speed moves the whole
spectrogram by the same number of bins and keeps the distances between peaks (after Panako's
constant-Q front end; Six and Leman, ISMIR 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from embeddings.audio.decode import SAMPLE_RATE_HZ

# samples, 186 ms: long enough to separate notes from a louder voice (measured against 1024)
WINDOW = 2048
HOP = 512  # samples
FRAME_S = HOP / SAMPLE_RATE_HZ  # 46.4 ms
BINS_PER_OCTAVE = 36
LOWEST_HZ = 240.0
BINS = 158  # up to 4.9 kHz: a telephone line keeps most of it
FRAMES_AT_ONCE = 64  # half a megabyte: fits the processor's cache
BINS_AT_ONCE = 24  # most of a filter matrix of all bins and lines would be zeros
QUIET_DB = -40.0  # less counts as digital silence; a full-scale sine is at +54 dB


def frame_count(samples: int) -> int:
    """Return how many whole frames the samples hold."""
    return max(0, (samples - WINDOW) // HOP + 1)


def levels_of(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (frames, BINS) float32, dB. Frame i is centred on sample ``i * HOP + WINDOW / 2``.

    The power is librosa's short-time Fourier transform (Hann, not centred), weighted by triangles
    that are one bin or one FFT line wide, whichever is more.
    """
    if len(samples) < WINDOW:
        return np.empty((0, BINS), np.float32)
    bands, window = _tables()
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    banded = np.empty((len(frames), BINS), np.float32)
    for at in range(0, len(frames), FRAMES_AT_ONCE):
        lines = scipy.fft.rfft(frames[at : at + FRAMES_AT_ONCE] * window, axis=1)[
            :, : bands[-1].lines.stop
        ]
        power = np.square(lines.real)
        power += np.square(lines.imag)
        for band in bands:
            np.matmul(
                power[:, band.lines], band.weights, out=banded[at : at + FRAMES_AT_ONCE, band.bins]
            )
    banded += 10.0 ** (QUIET_DB / 10.0)
    levels = cv2.log(banded)
    levels *= 10.0 / np.log(10.0)
    return np.asarray(levels, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Band:
    """Some neighbouring bins and their FFT lines. weights: (lines, bins) float32."""

    lines: slice
    bins: slice
    weights: NDArray[np.float32]


@lru_cache(maxsize=1)
def _tables() -> tuple[tuple[_Band, ...], NDArray[np.float32]]:
    spacing = SAMPLE_RATE_HZ / WINDOW
    lines = np.arange(WINDOW // 2 + 1) * spacing
    centres = LOWEST_HZ * 2.0 ** (np.arange(BINS) / BINS_PER_OCTAVE)
    widths = np.maximum(centres * (2.0 ** (1.0 / BINS_PER_OCTAVE) - 1.0), spacing)
    filters = np.maximum(0.0, 1.0 - np.abs(lines[:, None] - centres[None]) / widths[None])
    filters /= filters.sum(axis=0)
    bands = []
    for at in range(0, BINS, BINS_AT_ONCE):
        bins = slice(at, min(at + BINS_AT_ONCE, BINS))
        used = np.flatnonzero(filters[:, bins].any(axis=1))
        span = slice(int(used[0]), int(used[-1]) + 1)
        bands.append(_Band(span, bins, np.ascontiguousarray(filters[span, bins], np.float32)))
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)
    return tuple(bands), window.astype(np.float32)
