"""What librosa made of the tests' tune; tests/benchmarks/audio/make_golden.py writes the files."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from support import sounds

GOLDEN = Path(__file__).parents[1] / "golden"


@cache
def librosa() -> dict[str, NDArray[Any]]:
    """`loaded`: int16 samples at 11 025 Hz; `power`: (lines, frames) float32; `lines_hz`: each
    line's frequency.
    """
    with np.load(GOLDEN / "librosa.npz") as file:
        return dict(file)


def edited(name: str) -> sounds.Samples:
    """An edit of the excerpt from 12 s to 22 s, at the rate of `sounds`."""
    samples, rate_hz = soundfile.read(GOLDEN / f"{name}.flac", dtype="float32")
    return soxr.resample(samples, rate_hz, sounds.RATE_HZ)
