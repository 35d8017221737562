"""Write tests/golden/librosa.npz and two edited excerpts: what librosa makes of the tests' tune.

Usage: python tests/benchmarks/audio/make_golden.py      (needs the extra `bench`)

The tests compare with these files: importing librosa compiles for 20 s in a new environment.
"""

import sys
import tempfile
from pathlib import Path

import librosa
import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[3]))
from support import sounds

from embeddings.audio.decode import SAMPLE_RATE_HZ
from embeddings.audio.spectrum import HOP, WINDOW

GOLDEN = Path(__file__).parents[2] / "golden"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        loaded, _ = librosa.load(
            sounds.written(Path(folder), sounds.tune(1, 6.0)), sr=SAMPLE_RATE_HZ, mono=True
        )
    song = sounds.tune(1, 40.0)
    samples = librosa.resample(song, orig_sr=sounds.RATE_HZ, target_sr=SAMPLE_RATE_HZ)[
        : 3 * SAMPLE_RATE_HZ
    ]
    power = np.abs(librosa.stft(samples, n_fft=WINDOW, hop_length=HOP, center=False)) ** 2
    np.savez_compressed(
        GOLDEN / "librosa.npz",
        loaded=np.round(loaded * 32_767).astype(np.int16),
        power=power.astype(np.float32),
        lines_hz=librosa.fft_frequencies(sr=SAMPLE_RATE_HZ, n_fft=WINDOW),
    )
    excerpt = sounds.part(song, 12.0, 10.0)
    for name, edited in (
        ("tempo_110", librosa.effects.time_stretch(excerpt, rate=1.1)),
        ("semitone_higher", librosa.effects.pitch_shift(excerpt, sr=sounds.RATE_HZ, n_steps=1)),
    ):
        low = librosa.resample(edited, orig_sr=sounds.RATE_HZ, target_sr=SAMPLE_RATE_HZ)
        soundfile.write(GOLDEN / f"{name}.flac", low, SAMPLE_RATE_HZ, subtype="PCM_16")


main()
