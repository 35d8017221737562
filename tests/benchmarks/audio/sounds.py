"""Sound in memory: reading, writing, levels, and what an encoder or a filter of ffmpeg makes of it.

A signal is a float32 array of shape (samples,), mono at RATE, full scale 1.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

Signal = NDArray[np.float32]
RATE = 22_050
PEAK = 0.9


def load(path: Path, start_s: float = 0.0, length_s: float | None = None) -> Signal:
    """Mono at RATE, from ``start_s`` on; all of the file if no length is given."""
    with soundfile.SoundFile(path) as file:
        file.seek(int(start_s * file.samplerate))
        frames = -1 if length_s is None else int(length_s * file.samplerate)
        samples = file.read(frames, dtype="float32", always_2d=True).mean(axis=1)
        return np.asarray(soxr.resample(samples, file.samplerate, RATE), np.float32)


def save(path: Path, signal: Signal) -> None:
    """FLAC or WAV of 16 bits, by the suffix."""
    soundfile.write(path, np.clip(signal, -1.0, 1.0), RATE, subtype="PCM_16")


def rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)))) + 1e-12


def level(signal: Signal) -> Signal:
    """Scaled down to PEAK where it is louder, never up."""
    peak = float(np.abs(signal).max(initial=0.0))
    return signal if peak <= PEAK else (signal * (PEAK / peak)).astype(np.float32)


def add(signal: Signal, other: Signal, signal_db: float) -> Signal:
    """The sum, the signal's RMS being ``signal_db`` dB above that of the other one."""
    other = np.resize(other, signal.shape)
    gain = rms(signal) / rms(other) / 10 ** (signal_db / 20)
    return level((signal + gain * other).astype(np.float32))


def encode(signal: Signal, suffix: str, *options: str) -> bytes:
    """The content of a file as ffmpeg writes it; the suffix names the container."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.wav", Path(folder) / f"out{suffix}"
        save(source, signal)
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-i", source, "-bitexact", *options, target],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return target.read_bytes()


def through(signal: Signal, *options: str, suffix: str = ".wav") -> Signal:
    """The signal after an ffmpeg filter, or after a codec and back."""
    content = encode(signal, suffix, *options)
    if suffix != ".wav":
        back = subprocess.run(
            ["ffmpeg", "-v", "error", "-f", suffix[1:], "-i", "pipe:0", "-f", "wav", "pipe:1"],
            input=content,
            capture_output=True,
            check=True,
        )
        content = back.stdout
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(content)
        file.flush()
        return load(Path(file.name))
