"""Our own answers to every query of the set, by the production path; then what the index takes and
what time it took.

    PYTHONPATH=tests/benchmarks/audio:. python tests/benchmarks/audio/bench.py SOUNDS_DIR [--every
    N]

Writes SOUNDS_DIR/answers-ours.json (score: evidence in nats) and similarities-ours.json; report.py
makes the tables.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from engine import Engine, Hit, scratch_database
from scoring import Judge

from embeddings.audio.decode import SoundLimits, read_sound
from embeddings.errors import EmbeddingError
from storage.search.sounds.merge import merge_all, merge_segments, reclaim

PASSES = 8  # over all edits, so that whoever stops early has a part of each


def register_all(engine: Engine, folder: Path) -> None:
    """Register every reference; print how long it took and what it left on disk."""
    spent = {"fingerprint": 0.0, "store": 0.0}
    seconds = landmarks = 0.0
    for path in sorted(folder.iterdir()):
        start = time.process_time()
        fingerprint = engine.analyzer.fingerprint(path, search=False)
        spent["fingerprint"] += time.process_time() - start
        start = time.perf_counter()
        engine.register(path.name, fingerprint)
        spent["store"] += time.perf_counter() - start
        seconds += fingerprint.duration_s
        landmarks += len(fingerprint.hashes)
    print(
        f"registered {seconds:.0f} s of sound, {landmarks / seconds:.1f} landmarks a second, spent"
        f" s {spent}"
    )
    print_size(engine, seconds, "as registered")
    merging = True
    while merging:
        with engine.db.transaction() as conn:
            merging = merge_segments(conn)
    print_size(engine, seconds, "after a round of the service's own upkeep")
    with engine.db.transaction() as conn:
        merge_all(conn)
    reclaim(engine.db.dsn)
    print_size(engine, seconds, "after merge_all and reclaim")


def print_size(engine: Engine, seconds: float, when: str) -> None:
    size = engine.size_bytes()
    each = {table: round(value / seconds, 1) for table, value in size.items()}
    print(
        f"bytes per second {when}: {sum(size.values()) / seconds:.1f}, by table {each}", flush=True
    )


def thirty_seconds(references: Path, scratch: Path) -> list[Path]:
    """24 stereo mp3 files of 30 s, 44.1 kHz, 192 kbit/s: the ordinary upload."""
    paths = []
    for source in sorted(references.glob("*-music.ogg"))[:24]:
        paths.append(scratch / f"{source.stem}.mp3")
        options = ["-ar", "44100", "-ac", "2", "-b:a", "192k"]
        subprocess.run(
            [
                "ffmpeg",
                "-nostdin",
                "-v",
                "error",
                "-ss",
                "10",
                "-t",
                "30",
                "-i",
                source,
                *options,
                paths[-1],
            ],
            check=True,
        )
    return paths


def speed(engine: Engine, paths: list[Path]) -> None:
    """CPU time of the whole path beside bare decoding, each file in turn, milliseconds; the
    second of two rounds.
    """
    stages = (
        "decode",
        "decoded to stored",
        "decoded to query",
        "whole, to stored",
        "whole, to query",
    )
    rows: dict[str, list[float]] = {}
    for _ in range(2):
        rows = {stage: [] for stage in stages}
        for path in paths:
            at = [time.process_time()]
            samples = read_sound(path, limits=SoundLimits()).samples
            at.append(time.process_time())
            engine.analyzer.fingerprint_blocks([samples], search=False)
            at.append(time.process_time())
            engine.analyzer.fingerprint_blocks([samples])
            at.append(time.process_time())
            engine.analyzer.fingerprint(path, search=False)
            at.append(time.process_time())
            engine.analyzer.fingerprint(path)
            at.append(time.process_time())
            for stage, took in zip(stages, np.diff(at), strict=True):
                rows[stage].append(1e3 * float(took))
    medians = {stage: statistics.median(values) for stage, values in rows.items()}
    print(
        f"CPU ms of {len(paths)} stereo mp3 files of 30 s, median:",
        {k: round(v, 1) for k, v in medians.items()},
    )
    for whole in ("whole, to stored", "whole, to query"):
        print(
            f"{whole}: {medians[whole] / medians['decode']:.2f} x decode,"
            f" {1e3 / medians[whole]:.0f} files/s of a core"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    judge = Judge(args.folder / "set")
    listed = sorted(judge.labels)[:: args.every]
    queries = [query for first in range(PASSES) for query in listed[first::PASSES]]
    answers: dict[str, list[tuple[str, float, float]]] = {}
    similarities: dict[str, list[tuple[str, float, bool]]] = {}
    spent = {"fingerprint": 0.0, "ask": 0.0}
    refused = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        scratch_database(Path(scratch) / "postgres") as db,
    ):
        engine = Engine(db)
        register_all(engine, args.folder / "set" / "references")
        for query in queries:
            hits: list[Hit] = []
            start = time.process_time()
            try:
                fingerprint = engine.analyzer.fingerprint(args.folder / "set" / "queries" / query)
                spent["fingerprint"] += time.process_time() - start
                start = time.process_time()
                hits = engine.ask(fingerprint)
                spent["ask"] += time.process_time() - start
                plain = bool(fingerprint.insufficient_detail)
            except EmbeddingError as error:
                plain = True
                print(query, error.code, error)
            if plain:
                refused.append(query)
            answers[query] = [(hit.name, hit.match.scores["evidence"], hit.start_s) for hit in hits]
            similarities[query] = [
                (hit.name, hit.match.similarity, hit.match.verified) for hit in hits
            ]
            if len(answers) % 100 == 0 or len(answers) == len(queries):
                (args.folder / "answers-ours.json").write_text(json.dumps(answers))
                (args.folder / "similarities-ours.json").write_text(json.dumps(similarities))
                print(
                    len(answers),
                    {stage: round(s / len(answers), 4) for stage, s in spent.items()},
                    flush=True,
                )
        speed(engine, thirty_seconds(args.folder / "set" / "references", Path(scratch)))
        plain_copies = [q for q in refused if judge.labels[q].expected == "copy"]
        print(f"too plain to decide: {len(refused)}, of them copies: {plain_copies}")
        print(
            "proven at",
            engine.analyzer.calibration.proven_at,
            engine.analyzer.calibration.statement,
        )


if __name__ == "__main__":
    main()
