"""Mix channels to mono without losing a sound that a listener hears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The mean of n independent channels has the power sum / n^2. Less than half of it means that they
# cancel each other: a song against its inverse, with a quieter decoy overlaid. For two equally loud
# channels that is a mean with a quarter of the power of either. A single channel that plays, or the
# six of a film, stay above.
CANCELLED = 0.5
# samples decided on at once, whatever the size of a decoder's blocks
PIECE = 1 << 15
NOTE = "the channels cancel each other; the loudest one was analysed"

Samples = NDArray[np.float32]


class Mono:
    """The mean of the channels of a stream, or the loudest where they cancel each other.

    ``cancelled``: whether they did.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self._mean_power = 0.0
        self._powers: NDArray[np.float64] = np.zeros(0)
        self._loudest = 0

    def mix(self, block: Samples) -> Samples:
        """Return (n,) float32, finite, from (n, channels) float32."""
        if not np.isfinite(block).all():
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        if block.shape[1] == 1:
            return np.ascontiguousarray(block[:, 0])
        pieces = [self._mix(block[at : at + PIECE]) for at in range(0, len(block), PIECE)]
        return np.concatenate(pieces) if pieces else np.empty(0, np.float32)

    def _mix(self, block: Samples) -> Samples:
        channels = block.shape[1]
        mean: Samples = block.mean(axis=1, dtype=np.float32)
        if len(self._powers) != channels:
            self._mean_power, self._powers, self._loudest = 0.0, np.zeros(channels), 0
        # Blocks may be milliseconds long, so they are judged with the sound just before.
        fading = 0.5 ** (len(block) / PIECE)
        self._mean_power = fading * self._mean_power + float(mean @ mean)
        self._powers = fading * self._powers + np.einsum("nc,nc->c", block, block)
        if self._mean_power >= CANCELLED * float(self._powers.sum()) / channels**2:
            return mean
        self.cancelled = True
        # Switching between equally loud channels would cut the sound to pieces.
        if self._powers[self._loudest] < 0.5 * self._powers.max():
            self._loudest = int(self._powers.argmax())
        return np.ascontiguousarray(block[:, self._loudest])
