"""Recall of the hard rows where the index holds millions of other landmarks, and the references
came last.

    PYTHONPATH=tests/benchmarks/audio:. python tests/benchmarks/audio/bench_filled.py SOUNDS_DIR
    [--millions 5]

The index is filled with tracks made from the fitting part: its constellations, moved by 5 to 33
bins (beyond what a bent key reaches) and stretched, so that they are other music with the same
statistics, structure and all, and can be verified against. Then the references are registered, the
latest works of all: the worst place for whatever keeps early ones. Queries: those of bench.py, 5
and 10 s, of the edits that leave least. Writes SOUNDS_DIR/answers-filled.json and prints recall
beside that of the same queries in the index of bench.py.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from engine import Engine, scratch_database
from report import proven
from scoring import Answers, Judge, read_answers

from embeddings.audio import constellation
from embeddings.audio.landmarks import SPARSE_PAIRS, pair_peaks
from embeddings.audio.peaks import FinePeaks
from embeddings.audio.spectrum import BINS, FRAME_S
from storage.search.sounds.index import StoredSound
from storage.search.sounds.merge import merge_segments

MOVES = tuple(s * k for k in (5, 9, 13, 17, 22, 27, 33) for s in (1, -1))  # bins
RATES = (1.0, 0.8, 1.25, 0.86, 1.16)
SEED = 5
HARD = (
    "pink noise 0 dB",
    "pink noise -5 dB",
    "other song 6 dB below",
    "other song equal",
    "speech equal",
    "speech 6 dB louder",
    "babble 3 dB",
    "across the room",
    "speed +5 %",
    "speed -5 %",
    "tempo +10 %",
    "tempo -10 %",
    "pitch +1 semitone",
    "pitch -1 semitone",
    "speed +2 %, mp3 64",
)


def moved(peaks: FinePeaks, frames: int, bins: int, rate: float) -> StoredSound:
    """Another sound: every peak so many bins higher, the whole so many times as long."""
    kept = (peaks.bin + bins >= 0) & (peaks.bin + bins < BINS)
    at = np.rint(peaks.frame[kept] * rate).astype(np.int32)
    made = FinePeaks(
        at,
        (peaks.bin[kept] + bins).astype(np.int16),
        peaks.strength[kept],
        peaks.late[kept],
        peaks.higher[kept],
        peaks.level[kept],
    )
    landmarks = pair_peaks(made, SPARSE_PAIRS)
    length = round(frames * rate) + 1
    return StoredSound(
        landmarks.hashes(),
        landmarks.frame,
        constellation.encode(made, length),
        round(1000 * length * FRAME_S),
    )


def fillers(engine: Engine, folder: Path) -> Iterator[StoredSound]:
    originals = [
        constellation.decode(engine.analyzer.fingerprint(path, search=False).reference)
        for path in sorted(folder.iterdir())
    ]
    moves = list(product(MOVES, RATES))
    for number in np.random.default_rng(SEED).permutation(len(moves)):
        for peaks, frames in originals:
            yield moved(peaks, frames, *moves[number])


def fill(engine: Engine, folder: Path, landmarks: int) -> int:
    """Register made tracks up to that many landmarks. Returns: how many there are."""
    held = tracks = 0
    for number, sound in enumerate(fillers(engine, folder)):
        if len(sound.hashes) < 100:
            continue
        with engine.db.transaction() as conn:
            engine.store(conn, f"made {number}", sound)
        held, tracks = held + len(sound.hashes), tracks + 1
        if tracks % 100 == 0:
            tend(engine)
        if held >= landmarks:
            print(f"{held} landmarks of {tracks} made tracks", flush=True)
            return held
    raise SystemExit(f"the fitting part is enough for {held} landmarks only")


def tend(engine: Engine) -> None:
    """What the service does every few seconds."""
    while True:
        with engine.db.transaction() as conn:
            if not merge_segments(conn):
                return


def found(judge: Judge, answers: Answers, query: str) -> bool:
    """Whether a match is right."""
    judged = [
        judge.judge(query, *answer) for answer in answers[query] if proven(judge, query, answer[1])
    ]
    return any(one is not None and one.right for one in judged)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--millions", type=float, default=5)
    args = parser.parse_args()
    judge = Judge(args.folder / "set")
    asked = [q for q, label in judge.labels.items() if label.edit in HARD and label.length_s <= 10]
    answers: Answers = {}
    spent: list[float] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        scratch_database(Path(scratch) / "postgres") as db,
    ):
        engine = Engine(db)
        fill(engine, args.folder / "fit", int(args.millions * 1e6))
        for path in sorted((args.folder / "set" / "references").iterdir()):
            engine.register(path.name, engine.analyzer.fingerprint(path, search=False))
        tend(engine)
        for query in asked:
            fingerprint = engine.analyzer.fingerprint(args.folder / "set" / "queries" / query)
            start = time.perf_counter()
            hits = engine.ask(fingerprint)
            spent.append(time.perf_counter() - start)
            answers[query] = [(hit.name, hit.match.scores["evidence"], hit.start_s) for hit in hits]
    (args.folder / "answers-filled.json").write_text(json.dumps(answers))
    alone = read_answers(args.folder / "answers-ours.json")
    made = [(q, *a) for q, listed in answers.items() for a in listed if a[0].startswith("made")]
    matches = [one for one in made if proven(judge, one[0], one[2])]
    print(
        f"{len(asked)} queries; made tracks: {len(made)} candidates, {len(matches)} matches,"
        " strongest evidence",
        max((one[2] for one in made), default=0.0),
    )
    answers = {
        q: [a for a in listed if not a[0].startswith("made")] for q, listed in answers.items()
    }
    print(f"look-up and verification, wall clock ms, p50 {1e3 * float(np.median(spent)):.0f}")
    print("| edit | 5 s, alone | 5 s, filled | 10 s, alone | 10 s, filled |\n|---|---|---|---|---|")
    for edit in (*HARD, "all"):
        cells = []
        for length in (5, 10):
            mine = [
                q
                for q in asked
                if judge.labels[q].length_s == length and edit in (judge.labels[q].edit, "all")
            ]
            for held in (alone, answers):
                cells.append(f"{np.mean([found(judge, held, q) for q in mine]):.2f}")
        print(f"| {edit} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
