"""Tell whether a film's pictures are one short piece over and over: a loop that many buy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embeddings.video.fingerprint import ReferenceVideo

MIN_PERIOD_S = 2.0
ALIKE_BITS = 32  # of 256: the same moment of the loop, coded again
CHANGED_BITS = 56  # half a period later: something moves in it
MIN_RETURNS = 6  # moments in a row
REPEATING_SHARE = 0.8  # of the moments, to come back after one period


def is_loop(film: ReferenceVideo) -> bool:
    """Return whether the pictures come back to one clock, and move in between.

    Film cut to and fro between two shots comes back as well, but to no clock.
    """
    count = len(film.times_s)
    steps = np.diff(film.times_s)
    if count <= MIN_RETURNS or steps.max() > 2 * np.median(steps):
        return False
    apart = _bits_apart(film.phashes)
    shortest = max(2, int(np.ceil(MIN_PERIOD_S / float(np.median(steps)))))
    for period in range(shortest, count - MIN_RETURNS):
        # A period need not be whole samples: the moment may be the next one, or some periods later.
        near = [np.diagonal(apart, lag) for lag in (period, period + 1)]
        back = np.minimum(near[0][: len(near[1])], near[1])
        between = np.diagonal(apart, period // 2)[: len(back)]
        if np.mean(back <= ALIKE_BITS) >= REPEATING_SHARE and np.median(between) >= CHANGED_BITS:
            return True
    return False


def _bits_apart(hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return (n, n), in how many bits each two of (n, 32) hashes differ."""
    bits = np.unpackbits(hashes, axis=1).astype(np.int64)
    ones = bits.sum(axis=1)
    common: NDArray[np.int64] = bits @ bits.T
    apart: NDArray[np.int64] = ones[:, None] + ones[None, :] - 2 * common
    return apart
