"""Pairs of sounds that are alike and not one recording, and copies of the same sounds.

    PYTHONPATH=tests/benchmarks/audio:. python tests/benchmarks/audio/renderings.py OUT
        [--seeds 0:24] [--texts 12] [--midi FOLDER] [--features FILE.npz]
        (needs fluidsynth, espeak-ng, ffmpeg and Debian's sound fonts: fluid-soundfont-gm,
        timgm6mb-soundfont, opl3-soundfont, csound-soundfont)

A score is made from each seed and played by sound fonts, instruments and players; a text is read by
espeak-ng at other paces and pitches and by other voices; each .mid file in FOLDER (tunes of
openttd-openmsx, of freedoom) by two sound fonts. Every pair is then compared in both directions,
and so are copies of the first sound of each score and text. Printed by kind: how many pairs the
landmarks prove, the highest margin, how many are called one recording. --features keeps what
fit_recording.py reads.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from edits import ROWS, Pool
from sounds import RATE, Signal, load, through

from embeddings.audio.align import Segment
from embeddings.audio.analyzer import AudioAnalyzer
from embeddings.audio.compare import align_sounds
from embeddings.audio.decode import SAMPLE_RATE_HZ
from embeddings.audio.recording import describe, load_table, residuals_of
from embeddings.audio.reference import common_landmarks, read_reference
from embeddings.audio.survivors import survivors_of

FONTS = {
    "fluid": "FluidR3_GM.sf2",
    "timgm": "TimGM6mb.sf2",
    "opl": "OPL-3_FM_128M.sf2",
    "csound": "sf_GMbank.sf2",
}
FONT_FOLDER = Path("/usr/share/sounds/sf2")
PROGRAMS = {
    "piano": 0,
    "epiano": 4,
    "harpsichord": 6,
    "vibes": 11,
    "organ": 19,
    "guitar": 24,
    "steel": 25,
    "strings": 48,
    "trumpet": 56,
    "flute": 73,
}
ORCHESTRA = {0: 73, 1: 48, 2: 43}
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 7, 9))
TEXT = (
    "the of and to in that is was for it with as his on be at by had not are but from or have an"
    " they which one you were all her she there would their we him been has when who will no more"
    " if out so said what up its about into than them can only other time new some could these two"
    " may first then do any like my now over such our man me even most made after also did many off"
    " before must well back through years where much your way down should because long each just"
    " people those too little state good very make world still see own work men day get here old"
    " life both between being under three never know same last another while us might great go"
)
WORDS = TEXT.split()
VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-us+f3", "en-gb+m3", "en-us+m7", "en-gb+f2")
COPIES = (
    "mp3 32 kbit/s",
    "opus 24 kbit/s",
    "phone band",
    "clipped 12 dB",
    "compressed 20:1",
    "pink noise 0 dB",
    "room 0.5 s",
    "across the room",
    "speed +5 %",
    "tempo +10 %",
    "pitch +1 semitone",
)
SECONDS = 30
Note = tuple[float, float, int, float, int]  # start, length, pitch, velocity, channel


@dataclass(frozen=True)
class Pair:
    kind: str
    family: str
    query: Path
    reference: Path


def score(seed: int, beats: int = 64) -> list[Note]:
    """A melody, chords and a bass, in beats; of each seed another."""
    rng = np.random.default_rng(seed + 1000)
    scale, root = SCALES[int(rng.integers(len(SCALES)))], int(rng.integers(55, 67))
    notes: list[Note] = []

    def pitch(degree: int) -> int:
        return root + scale[degree % len(scale)] + 12 * (degree // len(scale))

    degree, bar = int(rng.integers(2, 8)), 4 if rng.random() < 0.7 else 3
    style, busy = int(rng.integers(3)), rng.random() < 0.4
    motif: list[tuple[float, float, int]] = []
    for beat in range(0, beats, bar):
        chord = int(rng.choice([0, 3, 4, 5, 1, 2][: len(scale)]))
        melody = list(motif) if beat // bar % 4 == 2 and rng.random() < 0.6 else []
        at = bar if melody else 0.0
        while at < bar:
            length = float(rng.choice([0.25, 0.5, 0.5, 1] if busy else [0.5, 1, 1, 1.5, 2]))
            length = min(length, bar - at)
            degree = int(np.clip(degree + rng.choice([-2, -1, -1, 0, 1, 1, 2, 3, -3]), 0, 12))
            melody.append((at, length, degree))
            at += length
        motif = motif or melody
        notes += [(beat + a, 0.95 * n, pitch(d) + 12, 90 + 10 * (a == 0), 0) for a, n, d in melody]
        if style == 0:
            notes += [(beat, 0.95 * bar, pitch(chord + k), 66, 1) for k in (0, 2, 4)]
        else:
            steps = 2 * bar if style == 1 else bar
            for step in range(steps):
                degrees = ([0, 2, 4, 2][step % 4],) if style == 1 or step == 0 else (2, 4)
                start = beat + step * bar / steps
                notes += [(start, 0.8, pitch(chord + k), 61, 1) for k in degrees]
        notes.append((beat, 0.9 * bar, pitch(chord) - 24, 75, 2))
    return notes


def played(
    notes: list[Note],
    seed: int,
    bpm: float,
    *,
    jitter_s: float = 0.0,
    rubato: float = 0.0,
    touch: float = 0.0,
) -> list[Note]:
    """Notes in seconds as one player plays them.

    Args: jitter_s, rubato, touch: deviation of each onset, of the tempo, of loudness and length.
    """
    rng = np.random.default_rng(seed + 777)
    beats = np.arange(0, max(at + length for at, length, *_ in notes) + 1, 0.25)
    knots = np.arange(0, beats[-1] + 8, 4.0)
    tempo = 1 + rubato * np.interp(beats, knots, rng.standard_normal(len(knots)))
    steps = np.diff(beats) * 60 / bpm / np.clip(tempo[:-1], 0.7, 1.3)
    times = np.concatenate([[0.0], np.cumsum(steps)])
    out = []
    for at, length, pitch, velocity, channel in notes:
        start, end = np.interp([at, at + length], beats, times)
        out.append(
            (
                0.3 + float(start) + float(rng.normal(0, jitter_s)),
                float(end - start) * float(np.exp(rng.normal(0, touch))),
                pitch,
                velocity * float(np.exp(rng.normal(0, touch))),
                channel,
            )
        )
    return out


def midi(notes: list[Note], programs: dict[int, int]) -> bytes:
    """A MIDI file of one track, a thousand ticks a second."""
    events = [(0, 0, bytes([0xC0 | channel, program])) for channel, program in programs.items()]
    for start, length, pitch, velocity, channel in notes:
        first = max(0, round(1000 * start))
        last = max(first + 5, round(1000 * (start + length)))
        loudness = int(np.clip(velocity, 1, 127))
        events.append((first, 2, bytes([0x90 | channel, pitch, loudness])))
        events.append((last, 1, bytes([0x80 | channel, pitch, 0])))
    body, now = bytes([0, 0xFF, 0x51, 3]) + (1_000_000).to_bytes(3, "big"), 0
    for at, _, event in sorted(events):
        body += _variable(at - now) + event
        now = at
    body += bytes([0, 0xFF, 0x2F, 0])
    return (
        b"MThd"
        + struct.pack(">IHHH", 6, 0, 1, 1000)
        + b"MTrk"
        + struct.pack(">I", len(body))
        + body
    )


def _variable(number: int) -> bytes:
    out = [number & 127]
    while number := number >> 7:
        out.append(128 | (number & 127))
    return bytes(reversed(out))


def render(content: bytes, font: str, path: Path, *, dry: bool = False, skip_s: float = 0) -> Path:
    """Play a MIDI file by fluidsynth; kept where it is there already."""
    if not path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            source, wave = Path(folder) / "in.mid", Path(folder) / "out.wav"
            source.write_bytes(content)
            effects = ["-R", str(int(not dry)), "-C", str(int(not dry))]
            options = ["-q", "-ni", "-o", "synth.dynamic-sample-loading=1", "-g", "0.6", *effects]
            subprocess.run(
                [
                    "fluidsynth",
                    *options,
                    "-r",
                    "44100",
                    "-F",
                    wave,
                    FONT_FOLDER / FONTS[font],
                    source,
                ],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            soundfile.write(path, load(wave, skip_s, SECONDS), RATE)
    return path


def of_score(seed: int, out: Path) -> Iterator[Pair]:
    """Every pair of renderings of one score."""
    rng = np.random.default_rng(seed)
    notes, bpm = score(seed), float(rng.uniform(80, 140))
    instrument = "piano" if seed % 2 == 0 else str(rng.choice(list(PROGRAMS)))
    font, other, third = (str(name) for name in rng.permutation(list(FONTS))[:3])
    solo = dict.fromkeys((0, 1, 2), PROGRAMS[instrument])
    second = dict.fromkeys((0, 1, 2), PROGRAMS["piano" if instrument == "guitar" else "guitar"])

    def made(name: str, music: list[Note], programs: dict[int, int], by: str, **how: bool) -> Path:
        return render(midi(music, programs), by, out / f"s{seed}-{name}.flac", **how)

    strict = played(notes, 0, bpm)
    quicker = played(notes, 0, bpm * float(rng.choice([0.95, 0.98, 1.03, 1.06])))
    human = played(notes, 10 * seed, bpm, jitter_s=0.02, rubato=0.02, touch=0.1)
    twin = played(notes, 10 * seed + 1, bpm, jitter_s=0.02, touch=0.1)
    free = played(notes, 10 * seed + 2, 0.98 * bpm, jitter_s=0.02, rubato=0.05, touch=0.1)
    small = played(notes, 10 * seed + 3, bpm, jitter_s=0.01, touch=0.05)
    a = made("human", human, solo, font)
    q = made("strict", strict, solo, font)
    pairs = {
        "two players, 20 ms": (a, made("twin", twin, solo, font)),
        "two players, 5 % rubato": (a, made("free", free, solo, font)),
        "strict time and 10 ms": (q, made("small", small, solo, font)),
        "player and strict time": (a, q),
        "the same, another sound font": (a, made("strict-font", strict, solo, other)),
        "another sound font, strict time": (q, made("strict-font", strict, solo, other)),
        "another sound font (2), strict time": (
            made("strict-font", strict, solo, other),
            made("strict-third", strict, solo, third),
        ),
        "another sound font, no reverb": (q, made("dry", strict, solo, other, dry=True)),
        "another tempo, the same samples": (q, made("tempo", quicker, solo, font)),
        "another tempo and sound font": (q, made("tempo-font", quicker, solo, other)),
        "another instrument, another tempo": (q, made("second", quicker, second, font)),
        "orchestra and solo": (q, made("orchestra", strict, ORCHESTRA, other)),
    }
    for kind, (one, two) in pairs.items():
        yield Pair(kind, f"score {seed}", one, two)
        yield Pair(kind, f"score {seed}", two, one)


def of_text(seed: int, out: Path) -> Iterator[Pair]:
    """Every pair of readings of one text."""
    rng = np.random.default_rng(seed)
    sentences = (" ".join(rng.choice(WORDS, int(rng.integers(6, 14)))) for _ in range(9))
    text, voice = ". ".join(sentences) + ".", VOICES[seed % len(VOICES)]
    pitch, pace = int(rng.choice([40, 45, 56, 60])), int(rng.choice([150, 170, 175]))
    readings = {
        "itself": (voice, 160, 50),
        "another pace": (voice, pace, 50),
        "another pitch": (voice, 160, pitch),
        "another pace and pitch": (voice, 172, 58),
        "another voice": (VOICES[(seed + 3) % len(VOICES)], 160, 50),
    }
    paths = {}
    for name, (by, speed, height) in readings.items():
        paths[name] = out / f"t{seed}-{name.replace(' ', '-')}.wav"
        if not paths[name].is_file():
            subprocess.run(
                [
                    "espeak-ng",
                    "-v",
                    by,
                    "-s",
                    str(speed),
                    "-p",
                    str(height),
                    "-w",
                    paths[name],
                    text,
                ],
                check=True,
            )
    for name in list(readings)[1:]:
        yield Pair(f"speech, {name}", f"text {seed}", paths["itself"], paths[name])
        yield Pair(f"speech, {name}", f"text {seed}", paths[name], paths["itself"])


def of_tune(path: Path, number: int, out: Path) -> Iterator[Pair]:
    fonts = list(FONTS)
    one, other = (
        render(path.read_bytes(), font, out / f"g-{path.stem}-{font}.flac", skip_s=8)
        for font in (fonts[number % 4], fonts[(number + 1 + number // 4 % 3) % 4])
    )
    yield Pair("game music by two sound fonts", f"tune {path.stem}", one, other)
    yield Pair("game music by two sound fonts", f"tune {path.stem}", other, one)


class Measured:
    """Compares sounds and keeps the features of what the landmarks prove."""

    def __init__(self, seed: int) -> None:
        self._analyzer = AudioAnalyzer.load()
        self._rng = np.random.default_rng(seed)
        self._references: dict[Path, bytes] = {}
        self.rows: list[tuple[str, str, bool, np.ndarray]] = []
        self.asked: dict[str, int] = defaultdict(int)

    def compare(self, kind: str, family: str, query: Signal, reference: Path, copy: bool) -> None:
        """Compare 8, 15 or 30 seconds of a signal with a file."""
        seconds = float(self._rng.choice([8, 15, 30]))
        start = float(self._rng.uniform(0, max(0.0, len(query) / RATE - seconds)))
        part = query[round(start * RATE) : round((start + seconds) * RATE)]
        if reference not in self._references:
            self._references[reference] = self._fingerprint(load(reference)).reference
        made = self._fingerprint(part)
        self.asked[kind] += 1
        known = read_reference(self._references[reference])
        common = common_landmarks(made.keys, known)
        survivors = survivors_of(made.dense, made.length_frames)
        segments: tuple[Segment, ...] = align_sounds(made, survivors, known, common).segments
        calibration = self._analyzer.calibration
        if not segments or (
            calibration.p_false(segments[0].evidence, made.duration_s) > calibration.proven_p
        ):
            return
        residuals = residuals_of(made.dense, known.peaks, segments[0])
        features = describe(residuals, segments[0])
        if features is not None:
            self.rows.append((kind, family, copy, features))

    def _fingerprint(self, signal: Signal):  # type: ignore[no-untyped-def]
        samples = np.asarray(soxr.resample(signal, RATE, SAMPLE_RATE_HZ), np.float32)
        return self._analyzer.fingerprint_blocks([samples])


def copies(
    path: Path, rng: np.random.Generator, others: list[Signal]
) -> Iterator[tuple[str, Signal]]:
    """Three edits of a sound, as people make them."""
    sound, pool = load(path), Pool(rng, others, others)
    for name in rng.choice(COPIES, 3, replace=False).tolist():
        edited = ROWS[name].edit(sound, pool)
        if edited.signal is not None:
            yield f"copy: {name}", edited.signal
        else:
            with tempfile.TemporaryDirectory() as folder:
                coded = Path(folder) / f"coded{edited.suffix}"
                coded.write_bytes(edited.content)
                wave = Path(folder) / "out.wav"
                subprocess.run(
                    ["ffmpeg", "-v", "error", "-i", coded, "-ar", str(RATE), "-ac", "1", wave],
                    check=True,
                )
                yield f"copy: {name}", load(wave)
    yield "copy: slower and deeper", through(sound, "-af", "asetrate=17640,aresample=22050")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="0:24")
    parser.add_argument("--texts", type=int, default=12)
    parser.add_argument("--midi", type=Path)
    parser.add_argument("--features", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    first, last = map(int, options.seeds.split(":"))
    tunes = sorted(options.midi.glob("*.mid")) if options.midi else []
    measured, rng = Measured(first), np.random.default_rng(first)
    families = [
        *(of_score(seed, options.out) for seed in range(first, last)),
        *(of_text(first + number, options.out) for number in range(options.texts)),
        *(of_tune(path, number, options.out) for number, path in enumerate(tunes)),
    ]
    heard: list[Signal] = []
    for family in families:
        pairs = list(family)
        for pair in pairs:
            measured.compare(pair.kind, pair.family, load(pair.query), pair.reference, False)
        source = pairs[0].query
        if heard:
            for kind, signal in copies(source, rng, heard):
                measured.compare(kind, pairs[0].family, signal, source, True)
        heard = [load(source), *heard][:4]
        print(pairs[0].family, len(measured.rows), flush=True)
    table = load_table()
    margins = [table.margin(features) for *_, features in measured.rows]
    print("| pair | asked | proven | highest margin | lowest | one recording |")
    for kind in sorted(measured.asked, key=lambda name: (name.startswith("copy"), name)):
        of = [m for m, row in zip(margins, measured.rows, strict=True) if row[0] == kind]
        same = sum(m >= table.same_at for m in of)
        ends = (f"{max(of):.2f} | {min(of):.2f}") if of else "|"
        print(f"| {kind} | {measured.asked[kind]} | {len(of)} | {ends} | {same} |")
    if options.features:
        np.savez_compressed(
            options.features,
            features=np.array([row[3] for row in measured.rows], np.float16),
            copy=np.array([row[2] for row in measured.rows]),
            kind=np.array([row[0] for row in measured.rows]),
            family=np.array([row[1] for row in measured.rows]),
        )


if __name__ == "__main__":
    main()
