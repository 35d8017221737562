"""From many channels to one, so that no sound is lost that a listener hears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The power of the mean of channels that know nothing of each other is the sum of their powers by
# the square of their number. With less than half of it they work against each other: a song against
# its own mirror image with a quieter decoy overlaid on it. Two channels as loud as each other are
# heard apart where their mean has a quarter of the power of either; one channel that plays alone,
# or six of a film, are none of that.
CANCELLED = 0.5
# samples: what is decided at once, whatever the size of the blocks that a decoder gives
PIECE = 1 << 15
NOTE = "the channels cancel each other; the loudest one was analysed"

Samples = NDArray[np.float32]


class Mono:
    """The mean of the channels of one stream; the loudest one where they were made to cancel each
    other.

    ``cancelled`` says whether that happened.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self._mean_power = 0.0
        self._powers: NDArray[np.float64] = np.zeros(0)
        self._alone = 0

    def mix(self, block: Samples) -> Samples:
        """(n,) float32, finite, from (n, channels) float32."""
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
            self._mean_power, self._powers, self._alone = 0.0, np.zeros(channels), 0
        # A decoder may give some milliseconds at a time: they are judged with what was just before.
        fading = 0.5 ** (len(block) / PIECE)
        self._mean_power = fading * self._mean_power + float(mean @ mean)
        self._powers = fading * self._powers + np.einsum("nc,nc->c", block, block)
        if self._mean_power >= CANCELLED * float(self._powers.sum()) / channels**2:
            return mean
        self.cancelled = True
        # To and fro between channels about as loud would cut the sound to pieces.
        if self._powers[self._alone] < 0.5 * self._powers.max():
            self._alone = int(self._powers.argmax())
        return np.ascontiguousarray(block[:, self._alone])
