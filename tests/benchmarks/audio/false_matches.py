"""How often sound that was never registered looks like a copy: evidence over tens of thousands of
windows.

    PYTHONPATH=tests/benchmarks/audio:. python tests/benchmarks/audio/false_matches.py SOUNDS_DIR
    [--minutes M]

Two directions, so that no second of the judged half is wasted: windows of the negative part against
the references, and windows of the references against the negative part. The index is the service's
own ranking (storage.landmark_votes) over postings held in memory instead of Postgres; the VERIFIED
best candidates of each window are verified. Writes SOUNDS_DIR/false-matches.json and prints the
tail; a window counts by its strongest candidate.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import soxr
from sounds import RATE, load

from embeddings.audio.analyzer import AudioAnalyzer, AudioFingerprint
from embeddings.audio.decode import SAMPLE_RATE_HZ
from storage.search.sounds.postings import Postings, join
from storage.search.sounds.spans import Spans, merge_parts, sort_part
from storage.search.sounds.votes import rank, without_stop_hashes

WINDOW_S = 5.0
HOP_S = {"music": 1.2, "speech": 0.6, "effect": 0.6}
KINDS = (*HOP_S, "short")
VERIFIED = 4
PASSES = 8
# File, start in seconds; evidence, similarity and name of the strongest candidate.
Row = tuple[str, float, float, float, str]


@dataclass(frozen=True, eq=False)
class Index:
    """Everything registered, in memory. tracks are numbers of names, from 1."""

    names: list[str]
    references: list[bytes]
    spans: Spans
    landmarks: int


def kind_of(path: Path) -> str:
    return path.stem.split("-")[-1]


def index_of(analyzer: AudioAnalyzer, folder: Path) -> Index:
    names, references, parts = [], [], []
    for path in sorted(p for p in folder.iterdir() if kind_of(p) in KINDS):
        made = analyzer.fingerprint(path, search=False)
        names.append(path.name)
        references.append(made.reference)
        parts.append(
            Postings(made.hashes, np.full(len(made.hashes), len(names), np.int32), made.frames)
        )
    postings = join(parts)
    return Index(names, references, merge_parts([sort_part(postings)]), len(postings))


def windows(folder: Path) -> Iterator[tuple[str, float, np.ndarray]]:
    """(file, start in seconds, samples at the analyzer's rate) of every window of music, speech and
    effects.

    In PASSES passes over all files, so that whoever stops early has looked at all of them.
    """
    held = {}
    for path in sorted(p for p in folder.iterdir() if kind_of(p) in HOP_S):
        held[path] = (soxr.resample(load(path), RATE, SAMPLE_RATE_HZ) * 32767).astype(np.int16)
    for number in range(PASSES):
        for path, samples in held.items():
            length, hop = int(WINDOW_S * SAMPLE_RATE_HZ), int(HOP_S[kind_of(path)] * SAMPLE_RATE_HZ)
            for start in range(number * hop, len(samples) - length + 1, PASSES * hop):
                window = samples[start : start + length].astype(np.float32) / 32767
                yield path.name, start / SAMPLE_RATE_HZ, window


def strongest(
    analyzer: AudioAnalyzer, index: Index, query: AudioFingerprint
) -> tuple[float, float, str]:
    """(evidence, similarity, name) of the strongest of the best candidates; zeros where there is
    none.
    """
    keys = query.keys
    told = without_stop_hashes(index.spans, keys.hashes, index.landmarks)
    best = (0.0, 0.0, "")
    for vote in rank(keys.hashes, keys.positions, keys.groups, told, VERIFIED):
        match = analyzer.match(query, index.references[vote.track - 1])
        best = max(best, (match.scores["evidence"], match.similarity, index.names[vote.track - 1]))
    return best


def tail(name: str, evidence: np.ndarray, proven_at: float) -> None:
    """Print how the strongest evidence of a window is distributed, and the exponential tail
    through its upper part.
    """
    above = int((evidence >= proven_at).sum())
    print(f"{name}: {len(evidence)} windows, {above} at {proven_at:.1f} nats (proven) or more")
    quantiles = {q: round(float(np.quantile(evidence, q)), 1) for q in (0.5, 0.9, 0.99, 0.999)}
    print("  highest", np.sort(evidence)[::-1][:8].round(1), quantiles)
    threshold = float(np.quantile(evidence, 0.98))
    decay = 1.0 / float((evidence[evidence > threshold] - threshold).mean())
    at_line = 0.02 * np.exp(-decay * (proven_at - threshold))
    print(
        f"  tail above {threshold:.1f} nats falls by {decay:.3f} a nat; at the line, extrapolated,"
        f" {at_line:.1e}"
    )
    print(
        f"  a window; fewer than {3 / len(evidence):.1e} a window at 95 % confidence where none"
        " was seen"
    )


def report(rows: list[Row], plain: int, proven_at: float) -> None:
    """The tail of all windows, and apart for speech and for the rest: synthetic voices say a
    word exactly alike.
    """
    speech = np.array(["speech" in row[0] for row in rows])
    evidence = np.array([row[2] for row in rows])
    for name, which in (
        ("all", speech | ~speech),
        ("speech", speech),
        ("music and effects", ~speech),
    ):
        tail(name, evidence[which], proven_at)
    print(f"{plain} further windows were too plain to decide; strongest:")
    for row in sorted(rows, key=lambda row: -row[2])[:12]:
        print("  ", row)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--minutes", type=float, default=1e9, help="stop then and report on what was measured"
    )
    args = parser.parse_args()
    analyzer = AudioAnalyzer.load()
    references, never = args.folder / "set" / "references", args.folder / "never"
    rows: list[Row] = []
    plain, until = 0, time.monotonic() + 60 * args.minutes
    directions = [
        (windows(asked), index_of(analyzer, held))
        for asked, held in ((never, references), (references, never))
    ]
    while directions and time.monotonic() < until:
        # In turn, eight windows of one direction for five of the other: about as many as each has.
        for (asked, index), count in zip(list(directions), (5, 8), strict=False):
            taken = list(islice(asked, count))
            if not taken:
                directions.remove((asked, index))
            for name, start_s, samples in taken:
                query = analyzer.fingerprint_blocks([samples])
                plain += bool(query.insufficient_detail)
                if not query.insufficient_detail:
                    rows.append((name, start_s, *strongest(analyzer, index, query)))
        if len(rows) % 1000 < 13:
            (args.folder / "false-matches.json").write_text(json.dumps(rows))
            print(len(rows), max(row[2] for row in rows), flush=True)
    (args.folder / "false-matches.json").write_text(json.dumps(rows))
    report(rows, plain, analyzer.calibration.proven_at)


if __name__ == "__main__":
    main()
