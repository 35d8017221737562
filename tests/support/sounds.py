"""Music that nobody owns: seeded tunes with melody, chords, bass and drums, and what is done to
them.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 22_050
Samples = NDArray[np.float32]

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 6, 7, 10), (0, 2, 4, 7, 9))


def tune(seed: int, seconds: float = 20.0) -> Samples:
    """(n,) float32 at RATE_HZ, peak 0.8: one piece per seed, its own key, tempo, instruments and
    drums.
    """
    rng = np.random.default_rng(seed)
    beat_s = 60.0 / rng.uniform(80, 160)
    root, scale = rng.uniform(110, 220), _SCALES[rng.integers(len(_SCALES))]
    out = np.zeros(int((seconds + 3) * RATE_HZ), np.float32)
    voices = [
        (rng.integers(2, 5), rng.dirichlet(np.ones(6) * 0.6), rng.uniform(2, 9)) for _ in range(3)
    ]
    at = 0.0
    while at < seconds:
        chord = rng.integers(len(scale))
        for step in (0, 2, 4):
            _add(
                out,
                at,
                _note(root * _pitch(scale, chord + step) * 2, 3.5 * beat_s, voices[1][1], 1.5),
                0.12,
            )
        for beat in range(4):
            place = at + beat * beat_s
            _add(
                out,
                place,
                _note(root / 2 * _pitch(scale, chord), 0.9 * beat_s, voices[2][1], 4),
                0.3,
            )
            for half in range(2):
                if rng.random() < 0.75:
                    hz = root * voices[0][0] * _pitch(scale, int(rng.integers(10)))
                    length = rng.uniform(0.4, 1.4) * beat_s
                    _add(
                        out,
                        place + half * beat_s / 2,
                        _note(hz, length, voices[0][1], voices[0][2]),
                        0.35,
                    )
            _add(out, place, _hit(rng, 0.15, 70 if beat % 2 == 0 else 0), 0.4)
            _add(out, place + beat_s / 2, _hit(rng, 0.05, 0), 0.15)
        at += 4 * beat_s
    out = out[: int(seconds * RATE_HZ)]
    return (out * (0.8 / np.abs(out).max())).astype(np.float32)


def noise(seed: int, seconds: float, *, pink: bool = True) -> Samples:
    """(n,) float32 at RATE_HZ, RMS 0.1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ)))
    if pink:
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    samples = np.fft.irfft(spectrum, int(seconds * RATE_HZ))
    return (0.1 * samples / np.sqrt(np.mean(samples**2))).astype(np.float32)


def tone(hz: float, seconds: float) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(
        np.float32
    )


def beeps(hz: float, seconds: float) -> Samples:
    """A tone that goes on and off twice a second."""
    samples = tone(hz, seconds)
    return (samples * (np.arange(len(samples)) // (RATE_HZ // 4) % 2)).astype(np.float32)


def mixed(samples: Samples, other: Samples, snr_db: float) -> Samples:
    """Both at once, the first ``snr_db`` louder; the other one is repeated or cut to its length."""
    other = np.resize(other, samples.shape)
    gain = np.sqrt(np.mean(samples**2) / np.mean(other**2)) * 10 ** (-snr_db / 20)
    both = samples + gain * other
    return (both * (0.8 / np.abs(both).max())).astype(np.float32)


def faster(samples: Samples, factor: float) -> Samples:
    """Tape speed: time and pitch together."""
    return np.interp(
        np.arange(0, len(samples) - 1, factor), np.arange(len(samples)), samples
    ).astype(np.float32)


def stretched(samples: Samples, factor: float) -> Samples:
    """Another tempo at the same pitch, as players do it: pieces that overlap where they fit best
    (WSOLA).
    """
    size, hop, reach = 1024, 512, 256
    window = np.hanning(size)
    out = np.zeros(int(len(samples) / factor) + size)
    weight = np.zeros_like(out)
    wanted = samples[:size]
    for at in range(0, len(out) - size, hop):
        low = max(0, int(at * factor) - reach)
        around = samples[low : low + size + 2 * reach]
        if len(around) < size + reach:
            break
        fits = np.correlate(around, wanted, "valid")
        piece = low + int(fits.argmax())
        out[at : at + size] += window * samples[piece : piece + size]
        weight[at : at + size] += window
        wanted = samples[piece + hop : piece + hop + size]
        if len(wanted) < size:
            break
    return (out / np.maximum(weight, 0.1)).astype(np.float32)


def part(samples: Samples, start_s: float, seconds: float) -> Samples:
    return samples[int(start_s * RATE_HZ) : int((start_s + seconds) * RATE_HZ)]


def encoded(samples: Samples, suffix: str = "wav", rate_hz: int = RATE_HZ) -> bytes:
    """The bytes of a file: wav, flac, ogg (Vorbis) or mp3."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=suffix.upper())
    return buffer.getvalue()


def written(
    folder: Path, samples: Samples, name: str = "sound.wav", rate_hz: int = RATE_HZ
) -> Path:
    """The path of a new file; the format goes by the name's suffix."""
    path = folder / name
    path.write_bytes(encoded(samples, path.suffix[1:], rate_hz))
    return path


def _pitch(scale: tuple[int, ...], degree: int) -> float:
    return float(2.0 ** ((scale[degree % len(scale)] + 12 * (degree // len(scale))) / 12))


def _note(
    hz: float, seconds: float, partials: NDArray[np.float64], decay: float
) -> NDArray[np.float64]:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tones = sum(
        a * np.sin(2 * np.pi * hz * (k + 1) * t)
        for k, a in enumerate(partials)
        if hz * (k + 1) < 9_000
    )
    return np.asarray(tones * np.exp(-decay * t) * np.minimum(1.0, t / 0.01))


def _hit(rng: np.random.Generator, seconds: float, hz: float) -> NDArray[np.float64]:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    body = np.sin(2 * np.pi * hz * t) if hz else rng.standard_normal(len(t)) * 0.5
    return np.asarray(body * np.exp(-5 * t / seconds))


def _add(out: Samples, at_s: float, sound: NDArray[np.float64], gain: float) -> None:
    at = int(at_s * RATE_HZ)
    room = out[at : at + len(sound)]
    room += (gain * sound[: len(room)]).astype(np.float32)
