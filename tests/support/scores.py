"""Scores from seeds, and what players and instruments make of them: performances of one piece that
are not one recording.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from support.sounds import RATE_HZ, Samples

_SCALE = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True)
class Note:
    """beat, length: beats; pitch: MIDI number; loudness: 0..1; voice: melody, chords, bass."""

    beat: float
    length: float
    pitch: int
    loudness: float
    voice: int


@dataclass(frozen=True)
class Player:
    """seed: of this evening; uneven_s: standard deviation of a note's begin; rubato: of the tempo
    from bar to bar; touch: of the loudness, a share.
    """

    seed: int = 0
    bpm: float = 100.0
    uneven_s: float = 0.0
    rubato: float = 0.0
    touch: float = 0.0


def score(seed: int, beats: int = 56) -> list[Note]:
    """A melody with chords and a bass."""
    rng = np.random.default_rng(seed)
    root, degree = int(rng.integers(57, 66)), 4
    notes: list[Note] = []

    def pitch(step: int) -> int:
        return root + _SCALE[step % 7] + 12 * (step // 7)

    for bar in range(0, beats, 4):
        chord = int(rng.choice([0, 3, 4, 5]))
        at = 0.0
        while at < 4.0:
            length = min(float(rng.choice([0.5, 0.5, 1.0, 1.0, 1.5])), 4.0 - at)
            degree = int(np.clip(degree + rng.integers(-3, 4), 0, 12))
            notes.append(Note(bar + at, 0.95 * length, pitch(degree) + 12, 0.7, 0))
            at += length
        for step in range(8):
            at_chord = chord + (0, 2, 4, 2)[step % 4]
            notes.append(Note(bar + step / 2, 0.6, pitch(at_chord), 0.4, 1))
        notes.append(Note(bar, 3.6, pitch(chord) - 12, 0.6, 2))
    return notes


def performed(
    notes: list[Note], player: Player, instrument: int = 1, seconds: float = 24.0
) -> Samples:
    """(n,) float32 at RATE_HZ, peak 0.8: additive voices; ``instrument`` is the seed of their
    sound.
    """
    rng = np.random.default_rng(1000 + player.seed)
    voices = np.random.default_rng(instrument)
    sounds = [
        (voices.dirichlet(np.ones(6)), voices.uniform(1, 6), voices.uniform(0.003, 0.03))
        for _ in range(3)
    ]
    bars = int(max(note.beat for note in notes) // 4) + 3
    tempo = player.bpm * (1.0 + player.rubato * rng.standard_normal(bars))
    begins = np.concatenate([[0.0], np.cumsum(240.0 / tempo)])
    out = np.zeros(int((seconds + 4.0) * RATE_HZ))
    for note in notes:
        bar = int(note.beat // 4)
        beat_s = 60.0 / tempo[bar]
        at_s = 0.2 + begins[bar] + (note.beat - 4 * bar) * beat_s
        at_s = max(0.0, at_s + player.uneven_s * rng.standard_normal())
        loudness = note.loudness * np.exp(player.touch * rng.standard_normal())
        if at_s < seconds:
            at = int(at_s * RATE_HZ)
            tone = loudness**1.5 * _tone(note, note.length * beat_s, *sounds[note.voice])
            out[at : at + len(tone)] += tone[: len(out) - at]
    out = out[: int(seconds * RATE_HZ)] + 1e-4 * rng.standard_normal(int(seconds * RATE_HZ))
    return (out * (0.8 / np.abs(out).max())).astype(np.float32)


def _tone(
    note: Note, seconds: float, partials: NDArray[np.float64], decay: float, attack_s: float
) -> NDArray[np.float64]:
    t = np.arange(int((seconds + 0.15) * RATE_HZ)) / RATE_HZ
    hz = 440.0 * 2.0 ** ((note.pitch - 69) / 12)
    tone = sum(
        weight * np.sin(2 * np.pi * hz * (k + 1) * t)
        for k, weight in enumerate(partials)
        if hz * (k + 1) < 9_000
    )
    fade = np.minimum(1.0, t / attack_s) * np.minimum(1.0, (seconds + 0.15 - t) / 0.05)
    return np.asarray(tone * np.exp(-decay * t) * fade)
