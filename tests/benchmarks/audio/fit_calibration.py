"""Fit the tail of false evidence on the fitting part: what sound that is in no registered one
reaches at most.

    PYTHONPATH=tests/benchmarks/audio:. python tests/benchmarks/audio/fit_calibration.py
    SOUNDS_DIR/fit [--write]

Every sound of the fitting part is registered, and windows of all of them, in random order, are
looked up as if their own family were not there: ten candidates are verified, as in the service, and
the strongest evidence counts. Windows come as they are, at other speeds, and in noise. Families are
those of split.json, in whose order the files are numbered. All speech is one family: a synthetic
voice says a word exactly alike each time, so that two speeches of one voice truly share sound (for
a second or so: a partial match), which says nothing about chance.

An exponential is fitted to the evidence above a quantile of all windows (maximum likelihood), and
moved to the upper end of its 95 % confidence interval. Nothing of the judged half is read.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from catalogue import SPLIT, family_of

from embeddings.audio import calibration
from embeddings.audio.analyzer import AudioAnalyzer
from embeddings.audio.decode import SAMPLE_RATE_HZ, read_sound
from storage.search.sounds.postings import Postings, join
from storage.search.sounds.spans import merge_parts, sort_part
from storage.search.sounds.votes import rank, without_stop_hashes

TABLE = Path(calibration.__file__).with_name("calibration.json")
CANDIDATES = 10
SEED = 11
TAIL = 0.9  # quantile from which the tail is fitted
PROVEN_P = 1e-7  # at 50 uploads a second one false match in two days, if the tail holds
LENGTHS_S = (5.0, 10.0)
HOP_S = 4.0
# Arrangements of one theme, note by note at the same tempo (109 s of the first pair are aligned
# throughout, the second is a medley), and one recording of footsteps under two names: what they
# share is not chance either. A wave at the beach is in the sound of a port, sample by sample
# (correlation 0.97).
RELATED = (
    {"theme", "christmas_theme"},
    {"theme", "forest"},
    {"hstep_run_dirt_mn", "footstep_gravel_running"},
    {"wave", "sel_port"},
)


def families(folder: Path) -> list[tuple[Path, str, str]]:
    """(file, kind, family) of every sound of the fitting part."""
    dealt = [
        text.split(": ", 1)[1] for text in json.loads(SPLIT.read_text())["sounds"]["fit"].values()
    ]
    found = []
    for path in sorted(folder.iterdir()):
        number, kind = path.stem[1:].split("-")
        found.append(
            (path, kind, "speech" if kind == "speech" else family_of(Path(dealt[int(number)])))
        )
    return found


def windows(sounds: list[np.ndarray], rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """(number of the sound, first sample, samples) of every window, in random order."""
    found = []
    for number, samples in enumerate(sounds):
        for length_s in LENGTHS_S:
            length = int(length_s * SAMPLE_RATE_HZ)
            last = max(1, len(samples) - length // 2)
            found += [
                (number, start, length) for start in range(0, last, int(HOP_S * SAMPLE_RATE_HZ))
            ]
    return [found[i] for i in rng.permutation(len(found))]


def edited(part: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As it is, at another speed, or in noise; one of the three by chance."""
    level = float(np.sqrt(np.mean(np.square(part))))
    edit = rng.integers(3)
    if edit == 1:
        at = np.arange(0, len(part) - 1, rng.uniform(0.94, 1.06))
        part = np.interp(at, np.arange(len(part)), part)
    elif edit == 2:
        part = part + level * 10 ** (rng.uniform(-5, 5) / 20) * rng.standard_normal(len(part))
    return part.astype(np.float32)


def strongest_false(folder: Path, minutes: float) -> tuple[list[float], list[str]]:
    """The strongest evidence of each window against sounds of other families, nats, and the
    strongest pairs.
    """
    listed = families(folder)
    sounds = [read_sound(path).samples for path, _, _ in listed]
    analyzer = AudioAnalyzer.load()
    made = [analyzer.fingerprint_blocks([samples], search=False) for samples in sounds]
    indexed = join(
        [
            Postings(m.hashes, np.full(len(m.hashes), n, np.int32), m.frames)
            for n, m in enumerate(made)
        ]
    )
    spans = merge_parts([sort_part(indexed)])
    rng, began = np.random.default_rng(SEED), time.monotonic()
    found: list[float] = []
    loud: list[str] = []
    for number, start, length in windows(sounds, rng):
        if time.monotonic() - began > 60 * minutes:
            break
        query = analyzer.fingerprint_blocks([edited(sounds[number][start : start + length], rng)])
        if query.insufficient_detail:
            continue
        keys = query.keys
        told = without_stop_hashes(spans, keys.hashes, len(indexed))
        votes = rank(keys.hashes, keys.positions, keys.groups, told, CANDIDATES + 25)
        others = [v.track for v in votes if not _related(listed[v.track], listed[number])]
        evidence = [
            analyzer.match(query, made[track].reference).scores["evidence"]
            for track in others[:CANDIDATES]
        ]
        found.append(max(evidence, default=0.0))
        if found[-1] > 22.0:
            best = others[int(np.argmax(evidence))]
            at_s = start / SAMPLE_RATE_HZ
            loud.append(
                f"{found[-1]:.1f} nats: {listed[number][0].name} at {at_s:.0f} s in"
                f" {listed[best][0].name}"
            )
            print(loud[-1], flush=True)
        if len(found) % 250 == 0:
            print(f"{len(found)} windows, {time.monotonic() - began:.0f} s", flush=True)
    return found, loud


def _related(one: tuple[Path, str, str], other: tuple[Path, str, str]) -> bool:
    return one[2] == other[2] or {one[2], other[2]} in RELATED


def fit(evidence: np.ndarray) -> tuple[float, float]:
    """(decay, log_scale) of P(evidence >= x) = exp(log_scale - decay x) above the TAIL quantile."""
    start = float(np.quantile(evidence, TAIL))
    excess = evidence[evidence > start] - start
    count = len(excess)
    # The decay's standard error is decay / sqrt(count): the slower end of its interval.
    decay = (1.0 - 1.645 / np.sqrt(count)) / float(excess.mean())
    share = (count + 1.645 * np.sqrt(count)) / len(evidence)
    return decay, float(np.log(share)) + decay * start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after that long")
    parser.add_argument("--write", action="store_true", help="write calibration.json")
    parser.add_argument(
        "--keep", type=Path, help="write the evidence of every window to this .npy file"
    )
    options = parser.parse_args()
    found, _ = strongest_false(options.folder, options.minutes)
    evidence = np.array(found)
    if options.keep:
        np.save(options.keep, evidence)
    decay, log_scale = fit(evidence)
    table = {
        "version": "audio-2026-11.2",
        "fitted_on": f"{len(evidence)} windows of 5 and 10 s of the benchmark's fitting part"
        " (music, effects, speech; as they are, at other speeds, in noise), each"
        " against all sounds of other families",
        "null_windows": len(evidence),
        "largest_null": round(float(evidence.max()), 2),
        "decay": round(decay, 4),
        "log_scale": round(log_scale, 4),
        "window_s": float(np.mean(LENGTHS_S)),
        "proven_p": PROVEN_P,
    }
    print(json.dumps(table, indent=2))
    print(
        "proven at",
        round((log_scale - np.log(PROVEN_P)) / decay, 2),
        "nats; quantiles 50 90 99 99.9:",
        np.quantile(evidence, [0.5, 0.9, 0.99, 0.999]).round(2),
    )
    if options.write:
        TABLE.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
