"""What people and machines do to sound before they post it; each edit is a row of the benchmark's
table.

An edit takes an excerpt and a Pool and returns what is to be stored. ``speed`` is how much faster
the reference runs by in the query: reference time = start + speed x query time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import soxr
from scipy.signal import butter, fftconvolve, sosfilt
from sounds import RATE, Signal, add, encode, level, rms, through


@dataclass(frozen=True, eq=False)
class Pool:
    """What an edit may draw from: chance, and sound that was never registered (each at least 40
    s).
    """

    rng: np.random.Generator
    songs: list[Signal]
    voices: list[Signal]

    def stretch(self, sounds: list[Signal], samples: int) -> Signal:
        """A stretch of one of the sounds; the first one that is not near silence."""
        for _ in range(20):
            sound = sounds[int(self.rng.integers(len(sounds)))]
            start = int(self.rng.integers(max(1, len(sound) - samples)))
            part = sound[start : start + samples]
            if rms(part) > 0.01:
                break
        return part


@dataclass(frozen=True, eq=False)
class Edited:
    """What is stored: the content of a file and its suffix, or a signal to be stored without
    loss.
    """

    signal: Signal | None = None
    content: bytes = b""
    suffix: str = ".flac"


Edit = Callable[[Signal, Pool], Edited]


@dataclass(frozen=True)
class Row:
    """An edit, and how much faster the reference runs by in what it makes."""

    edit: Edit
    speed: float = 1.0


def plain(x: Signal, _: Pool) -> Edited:
    return Edited(x)


def codec(suffix: str, *options: str) -> Edit:
    return lambda x, _: Edited(None, encode(x, suffix, *options), suffix)


def ffmpeg_filter(text: str) -> Edit:
    return lambda x, _: Edited(level(through(x, "-af", text)))


def phone_band(x: Signal, _: Pool) -> Edited:
    """300 to 3400 Hz at 8 kHz, 8 bits mu-law."""
    band = sosfilt(butter(6, (300, 3400), "bandpass", fs=RATE, output="sos"), x).astype(np.float32)
    return Edited(through(level(band), "-ar", "8000", "-c:a", "pcm_mulaw"))


def gsm(x: Signal, _: Pool) -> Edited:
    """GSM 06.10 full rate at 13 kbit/s."""
    return Edited(
        through(x, "-ar", "8000", "-ac", "1", "-c:a", "libgsm", "-f", "gsm", suffix=".gsm")
    )


def shelf(x: Signal, _: Pool, *, hz: float, db: float, kind: str) -> Edited:
    """A tone control: what lies beyond ``hz`` louder by ``db``."""
    part = sosfilt(butter(2, hz, kind, fs=RATE, output="sos"), x)
    return Edited(level((x + (10 ** (db / 20) - 1) * part).astype(np.float32)))


def clipped(x: Signal, _: Pool, *, db: float) -> Edited:
    """Driven ``db`` over the loudest sample and cut there."""
    peak = float(np.abs(x).max()) / 10 ** (db / 20)
    return Edited((np.clip(x, -peak, peak) / peak * 0.9).astype(np.float32))


def quieter(x: Signal, _: Pool, *, db: float) -> Edited:
    return Edited((x * 10 ** (-db / 20)).astype(np.float32))


def pink_noise(rng: np.random.Generator, samples: int) -> Signal:
    """Power falling by 3 dB an octave above 20 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1 / RATE)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 20.0)), samples)
    return (noise / noise.std() * 0.1).astype(np.float32)


def with_pink(x: Signal, pool: Pool, *, snr_db: float) -> Edited:
    return Edited(add(x, pink_noise(pool.rng, len(x)), snr_db))


def with_white(x: Signal, pool: Pool, *, snr_db: float) -> Edited:
    return Edited(add(x, pool.rng.standard_normal(len(x)).astype(np.float32), snr_db))


def with_song(x: Signal, pool: Pool, *, snr_db: float) -> Edited:
    return Edited(add(x, pool.stretch(pool.songs, len(x)), snr_db))


def under_speech(x: Signal, pool: Pool, *, snr_db: float) -> Edited:
    return Edited(add(x, pool.stretch(pool.voices, len(x)), snr_db))


def in_babble(x: Signal, pool: Pool, *, snr_db: float) -> Edited:
    """Six people talk at once."""
    crowd = sum(
        (s / rms(s) for s in (pool.stretch(pool.voices, len(x)) for _ in range(6))),
        np.zeros_like(x),
    )
    return Edited(add(x, np.asarray(crowd, np.float32), snr_db))


def room(x: Signal, rng: np.random.Generator, rt60_s: float) -> Signal:
    """A diffuse room: exponentially decaying noise after the direct sound, direct to reverberant
    about 0 dB.
    """
    t = np.arange(int(rt60_s * RATE)) / RATE
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60_s)
    tail[: int(0.002 * RATE)] = 0
    tail /= np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return level(fftconvolve(x, tail)[: len(x)].astype(np.float32))


def in_room(x: Signal, pool: Pool, *, rt60_s: float) -> Edited:
    return Edited(room(x, pool.rng, rt60_s))


def recorded_far(x: Signal, pool: Pool) -> Edited:
    """A phone across the room: small loudspeaker, 0.8 s of reverberation, pink noise 10 dB
    below.
    """
    small = sosfilt(butter(2, (200, 6000), "bandpass", fs=RATE, output="sos"), x).astype(np.float32)
    return Edited(add(room(small, pool.rng, 0.8), pink_noise(pool.rng, len(x)), 10))


def faster(x: Signal, _: Pool, *, factor: float) -> Edited:
    """Tape speed: time and pitch together."""
    return Edited(level(np.asarray(soxr.resample(x, RATE * factor, RATE), np.float32)))


def phone_in_noise(x: Signal, pool: Pool) -> Edited:
    noisy = add(x, pink_noise(pool.rng, len(x)), 5)
    return phone_band(noisy, pool)


def faster_mp3(x: Signal, pool: Pool) -> Edited:
    signal = faster(x, pool, factor=1.02).signal
    assert signal is not None
    return codec(".mp3", "-c:a", "libmp3lame", "-b:a", "64k")(signal, pool)


SEMITONE = 2 ** (1 / 12)
ROWS: dict[str, Row] = {
    "unedited": Row(plain),
    "mp3 128 kbit/s": Row(
        codec(".mp3", "-ar", "44100", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k")
    ),
    "mp3 64 kbit/s": Row(codec(".mp3", "-ar", "44100", "-c:a", "libmp3lame", "-b:a", "64k")),
    "mp3 32 kbit/s": Row(codec(".mp3", "-c:a", "libmp3lame", "-b:a", "32k")),
    "aac 64 kbit/s": Row(codec(".m4a", "-ar", "44100", "-c:a", "aac", "-b:a", "64k")),
    "opus 24 kbit/s": Row(codec(".opus", "-ar", "48000", "-c:a", "libopus", "-b:a", "24k")),
    "vorbis q0": Row(codec(".ogg", "-ar", "44100", "-c:a", "libvorbis", "-q:a", "0")),
    "phone band": Row(phone_band),
    "gsm": Row(gsm),
    "bass +12 dB": Row(partial(shelf, hz=200, db=12, kind="lowpass")),
    "treble +12 dB": Row(partial(shelf, hz=2500, db=12, kind="highpass")),
    "clipped 12 dB": Row(partial(clipped, db=12)),
    "clipped 20 dB": Row(partial(clipped, db=20)),
    "volume -30 dB": Row(partial(quieter, db=30)),
    "compressed 20:1": Row(
        ffmpeg_filter("acompressor=threshold=0.03:ratio=20:attack=5:release=100:makeup=8")
    ),
    "pink noise 10 dB": Row(partial(with_pink, snr_db=10)),
    "pink noise 0 dB": Row(partial(with_pink, snr_db=0)),
    "pink noise -5 dB": Row(partial(with_pink, snr_db=-5)),
    "white noise 0 dB": Row(partial(with_white, snr_db=0)),
    "room 0.5 s": Row(partial(in_room, rt60_s=0.5)),
    "across the room": Row(recorded_far),
    "babble 3 dB": Row(partial(in_babble, snr_db=3)),
    "other song 6 dB below": Row(partial(with_song, snr_db=6)),
    "other song equal": Row(partial(with_song, snr_db=0)),
    "speech equal": Row(partial(under_speech, snr_db=0)),
    "speech 6 dB louder": Row(partial(under_speech, snr_db=-6)),
    "speed +2 %": Row(partial(faster, factor=1.02), 1.02),
    "speed -2 %": Row(partial(faster, factor=0.98), 0.98),
    "speed +5 %": Row(partial(faster, factor=1.05), 1.05),
    "speed -5 %": Row(partial(faster, factor=0.95), 0.95),
    "tempo +10 %": Row(ffmpeg_filter("rubberband=tempo=1.1"), 1.1),
    "tempo -10 %": Row(ffmpeg_filter("atempo=0.9"), 0.9),
    "pitch +1 semitone": Row(ffmpeg_filter(f"rubberband=pitch={SEMITONE:.6f}")),
    "pitch -1 semitone": Row(ffmpeg_filter(f"rubberband=pitch={1 / SEMITONE:.6f}")),
    "phone band, pink 5 dB": Row(phone_in_noise),
    "speed +2 %, mp3 64": Row(faster_mp3, 1.02),
}
