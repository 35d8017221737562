"""The waveform of a sound, for display."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.decode import SAMPLE_RATE_HZ, SoundLimits, SoundStream

STEP = SAMPLE_RATE_HZ // 20  # samples per value of the envelope: 50 ms


def envelope(path: Path, columns: int, limits: SoundLimits | None = None) -> NDArray[np.float32]:
    """Return (columns,) float32, 0..1: the peak magnitude in each part of a file; bounded memory.

    Raises: as ``SoundStream.blocks``.
    """
    tops: list[NDArray[np.float32]] = []
    rest = np.empty(0, np.float32)
    for block in SoundStream(path=path, limits=limits or SoundLimits()).blocks():
        samples = np.concatenate([rest, np.abs(block)])
        whole = len(samples) // STEP * STEP
        tops.append(samples[:whole].reshape(-1, STEP).max(axis=1))
        rest = samples[whole:]
    if len(rest):
        tops.append(rest.max(keepdims=True))
    values = np.concatenate(tops) if tops else np.zeros(1, np.float32)
    edges = np.linspace(0, len(values), columns + 1)
    starts = np.minimum(edges[:-1].astype(np.intp), len(values) - 1)
    result: NDArray[np.float32] = np.minimum(np.maximum.reduceat(values, starts), 1.0)
    return result
