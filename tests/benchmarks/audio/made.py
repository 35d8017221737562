"""What machines make and fingerprints trip over: silence, tones, hum, clicks, noise, drum loops.

All of it negative.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import chirp
from sounds import RATE, Signal

Maker = Callable[[np.random.Generator, int], Signal]


def seconds(length_s: int) -> np.ndarray:
    return np.arange(length_s * RATE) / RATE


def silence(_: np.random.Generator, length_s: int) -> Signal:
    return np.zeros(length_s * RATE, np.float32)


def hiss(rng: np.random.Generator, length_s: int) -> Signal:
    """What a silent recording holds: noise of the last bit."""
    return (rng.standard_normal(length_s * RATE) / 32768).astype(np.float32)


def offset(_: np.random.Generator, length_s: int) -> Signal:
    return np.full(length_s * RATE, 0.25, np.float32)


def white(rng: np.random.Generator, length_s: int) -> Signal:
    return (rng.standard_normal(length_s * RATE) * 0.1).astype(np.float32)


def tone(rng: np.random.Generator, length_s: int) -> Signal:
    return (0.5 * np.sin(2 * np.pi * rng.uniform(100, 4000) * seconds(length_s))).astype(np.float32)


def chord(rng: np.random.Generator, length_s: int) -> Signal:
    root = rng.uniform(110, 330)
    notes = [root, root * 5 / 4, root * 3 / 2, root * 2]
    return np.asarray(
        sum(0.15 * np.sin(2 * np.pi * hz * seconds(length_s)) for hz in notes), np.float32
    )


def hum(rng: np.random.Generator, length_s: int) -> Signal:
    """Mains at 50 Hz with its harmonics, a little noise."""
    t = seconds(length_s)
    tones = sum(0.2 / k * np.sin(2 * np.pi * 50 * k * t) for k in range(1, 20))
    return np.asarray(tones + 0.003 * rng.standard_normal(len(t)), np.float32)


def sweep(rng: np.random.Generator, length_s: int) -> Signal:
    low, high = rng.uniform(50, 300), rng.uniform(3000, 8000)
    return np.asarray(
        0.5 * chirp(seconds(length_s), low, length_s, high, "logarithmic"), np.float32
    )


def clicks(rng: np.random.Generator, length_s: int) -> Signal:
    """A metronome."""
    x = np.zeros(length_s * RATE, np.float32)
    step = int(RATE * 60 / rng.uniform(60, 200))
    burst = np.sin(2 * np.pi * 1500 * np.arange(400) / RATE) * np.exp(-np.arange(400) / 80)
    for at in range(0, len(x) - 400, step):
        x[at : at + 400] += 0.6 * burst
    return x


def dialling(rng: np.random.Generator, length_s: int) -> Signal:
    """A telephone's dialling tones."""
    t = np.arange(int(0.1 * RATE)) / RATE
    gap = np.zeros(int(0.05 * RATE))
    out: list[np.ndarray] = []
    while sum(map(len, out)) < length_s * RATE:
        low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])
        out += [0.3 * np.sin(2 * np.pi * low * t) + 0.3 * np.sin(2 * np.pi * high * t), gap]
    return np.concatenate(out)[: length_s * RATE].astype(np.float32)


def drums(rng: np.random.Generator, length_s: int) -> Signal:
    """A drum machine: kick, snare and hat on a grid, exactly alike in each bar."""
    beat = int(RATE * 60 / rng.uniform(90, 150) / 2)
    t = np.arange(int(0.18 * RATE)) / RATE
    kick = np.sin(2 * np.pi * 60 * t * np.exp(-3 * t)) * np.exp(-18 * t)
    snare = rng.standard_normal(len(t)) * np.exp(-25 * t) * 0.5
    hat = np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-70 * t) * 0.2
    x = np.zeros(length_s * RATE + len(t), np.float32)
    for number, at in enumerate(range(0, length_s * RATE, beat)):
        x[at : at + len(t)] += (
            hat + (kick if number % 4 == 0 else 0) + (snare if number % 4 == 2 else 0)
        )
    return x[: length_s * RATE] * np.float32(0.5)


SYNTHETIC: dict[str, Maker] = {
    "silence": silence,
    "hiss": hiss,
    "offset": offset,
    "white noise": white,
    "tone": tone,
    "chord": chord,
    "hum": hum,
    "sweep": sweep,
    "clicks": clicks,
    "dialling": dialling,
    "drums": drums,
}
