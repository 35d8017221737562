"""How often sound that was never registered looks like a copy: evidence over tens of thousands of windows.

    PYTHONPATH=tests/benchmarks/audio:. python tests/benchmarks/audio/false_matches.py SOUNDS_DIR [--share 1.0]

Two directions, so that no second of the judged half is wasted: windows of the negative part against the references, and
windows of the references against the negative part. The index is the service's own ranking (storage.landmark_votes)
over postings held in memory instead of Postgres; the VERIFIED best candidates of each window are verified. Writes
SOUNDS_DIR/false-matches.json and prints the tail; a window counts by its strongest candidate.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from sounds import load

from embeddings.audio.analyzer import AudioAnalyzer, AudioFingerprint
from embeddings.audio.decode import SAMPLE_RATE_HZ
from storage.landmark_postings import Postings, join
from storage.landmark_votes import common_landmarks, hits_of, rank

WINDOW_S = 5.0
HOP_S = {"music": 1.2, "speech": 0.6, "effect": 0.6}
KINDS = (*HOP_S, "short")
VERIFIED = 5


@dataclass(frozen=True, eq=False)
class Index:
    """Everything registered, in memory. tracks are numbers of names, from 1."""

    names: list[str]
    references: list[bytes]
    postings: Postings


def kind_of(path: Path) -> str:
    return path.stem.split("-")[-1]


def index_of(analyzer: AudioAnalyzer, folder: Path) -> Index:
    names, references, parts = [], [], []
    for path in sorted(p for p in folder.iterdir() if kind_of(p) in KINDS):
        made = analyzer.fingerprint(path, search=False)
        names.append(path.name)
        references.append(made.reference)
        parts.append(Postings(made.hashes, np.full(len(made.hashes), len(names), np.int32), made.frames))
    return Index(names, references, join(parts))


def windows(folder: Path, share: float) -> Iterator[tuple[str, float, np.ndarray]]:
    """(file, start in seconds, samples at the analyzer's rate) of every window of music, speech and effects."""
    for path in sorted(folder.iterdir()):
        if kind_of(path) not in HOP_S:
            continue
        samples = np.asarray(soxr.resample(load(path), 22_050, SAMPLE_RATE_HZ), np.float32)
        length, hop = int(WINDOW_S * SAMPLE_RATE_HZ), int(HOP_S[kind_of(path)] / share * SAMPLE_RATE_HZ)
        for start in range(0, len(samples) - length + 1, hop):
            yield path.name, start / SAMPLE_RATE_HZ, samples[start : start + length]


def strongest(analyzer: AudioAnalyzer, index: Index, query: AudioFingerprint) -> tuple[float, float, str]:
    """(evidence, similarity, name) of the strongest of the best candidates; zeros where there is none."""
    common = common_landmarks(query.keys.hashes, index.postings)
    best = (0.0, 0.0, "")
    for vote in rank(common, query.keys.positions, query.keys.groups, VERIFIED):
        hits = hits_of(common, vote.track, 20_000)
        match = analyzer.match(query, index.references[vote.track - 1], hits)
        best = max(best, (match.scores["evidence"], match.similarity, index.names[vote.track - 1]))
    return best


def tail(evidence: np.ndarray, proven_at: float) -> None:
    """Print how the strongest evidence of a window is distributed, and the exponential tail through its upper part."""
    print(f"{len(evidence)} windows, proven at {proven_at:.1f} nats: {int((evidence >= proven_at).sum())} above")
    quantiles = {q: round(float(np.quantile(evidence, q)), 1) for q in (0.5, 0.9, 0.99, 0.999)}
    print("highest", np.sort(evidence)[::-1][:10].round(1), quantiles)
    threshold = float(np.quantile(evidence, 0.98))
    decay = 1.0 / float((evidence[evidence > threshold] - threshold).mean())
    at_proven = 0.02 * np.exp(-decay * (proven_at - threshold))
    print(
        f"tail above {threshold:.1f} nats falls by {decay:.3f} a nat; extrapolated to the line {at_proven:.1e} a window"
    )
    print(f"measured: fewer than {3 / len(evidence):.1e} a window at 95 % confidence, if none is above")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=1.0)
    args = parser.parse_args()
    analyzer = AudioAnalyzer.load()
    references, never = args.folder / "set" / "references", args.folder / "never"
    rows: list[tuple[str, float, float, float, str]] = []
    plain = 0
    for asked, registered in ((never, references), (references, never)):
        index = index_of(analyzer, registered)
        for name, start_s, samples in windows(asked, args.share):
            query = analyzer.fingerprint_blocks([samples])
            if query.too_plain:
                plain += 1
                continue
            rows.append((name, start_s, *strongest(analyzer, index, query)))
            if len(rows) % 1000 == 0:
                print(len(rows), max(row[2] for row in rows), flush=True)
    (args.folder / "false-matches.json").write_text(json.dumps(rows))
    tail(np.array([row[2] for row in rows]), analyzer.calibration.proven_at)
    print(f"{plain} further windows were too plain to decide; strongest:")
    for row in sorted(rows, key=lambda row: -row[2])[:12]:
        print("  ", row)


if __name__ == "__main__":
    main()
