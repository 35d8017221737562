"""Sounds with insufficient detail to decide on: silence, steady tones, beeps, a blink of noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.decode import SAMPLE_RATE_HZ
from embeddings.audio.peaks import Peaks, distinct_bins

MIN_S = 1.0
MIN_PEAKS = 12
MIN_LANDMARKS = 24  # distinct ones: a repeated beep adds none
MIN_PITCHES = 6
# of what is too short to be recognised: with fewer it is silence or a beep
SHORT_PEAKS, SHORT_PITCHES = 4, 3


def is_too_short(peaks: Peaks, samples: int) -> bool:
    """Return whether only its length keeps a sound from being recognised: the same file still
    tells, which of silence and beeps it does not.
    """
    return (
        samples < MIN_S * SAMPLE_RATE_HZ
        and len(peaks) >= SHORT_PEAKS
        and distinct_bins(peaks) >= SHORT_PITCHES
    )


def insufficient_detail(peaks: Peaks, hashes: NDArray[np.int32], samples: int) -> str | None:
    """Return why a sound has too little detail to tell a copy from chance, or None."""
    seconds = samples / SAMPLE_RATE_HZ
    if seconds < MIN_S:
        return (
            f"The sound is {seconds:.2f} s long; less than {MIN_S:.0f} s does not tell a"
            " copy from chance."
        )
    if len(peaks) < MIN_PEAKS:
        return "The sound is silent or steady: nothing in it stands out."
    if distinct_bins(peaks) < MIN_PITCHES or len(np.unique(hashes)) < MIN_LANDMARKS:
        return "The sound repeats so few tones that it is not told from other tones."
    return None
