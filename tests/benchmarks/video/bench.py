"""Detection and localisation of copied videos by the production path, with peers on the same files.

    PYTHONPATH=tests/benchmarks/video:. python tests/benchmarks/video/bench.py SET OUT.json
        [--silent] [--peers PEERS.json] [--readings DIR] [--only FAMILY,...]

SET is from build_set.py, PEERS.json from peers.py. --readings keeps what was read of each file, so that a run with
another alignment need not decode again (its times of decode and embed are then of the new files alone).
--silent forgets all sound: an untouched sound track alone betrays most copies, so pictures are also measured without.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from metrics import Box, Detection, Pair, detection, localisation
from ours import Answer, Ours

from embeddings.errors import EmbeddingError
from oracle.bulk import scratch_database

COPY = 0.95
PDQ_BITS, PDQ_QUALITY = 31, 50  # vPDQ's own rule for two frames
PARTIAL = ("quote", "same_intro")  # share a part: showing it is right, calling it a copy is not


class Labels:
    """labels.csv and segments.csv."""

    def __init__(self, folder: Path, only: list[str]) -> None:
        with (folder / "labels.csv").open() as file:
            self.rows = [row for row in csv.DictReader(file) if not only or row["family"] in only]
        self.kind_of = {row["query"]: (row["family"], row["strength"]) for row in self.rows}
        self.copies: set[Pair] = {(row["query"], row["reference"]) for row in self.rows if row["reference"]}
        self.boxes: dict[Pair, list[Box]] = defaultdict(list)
        with (folder / "segments.csv").open() as file:
            for query, reference, *times in list(csv.reader(file))[1:]:
                if query in self.kind_of:
                    a, b, c, d = map(float, times)
                    self.boxes[query, reference].append((a, b, c, d))
        self.partial: set[Pair] = {pair for pair in self.boxes if self.kind_of[pair[0]][0] in PARTIAL}


def vpdq_scores(made: dict[str, Any], queries: Iterable[str]) -> dict[Pair, float]:
    """Share of frames matched, of the query or of the reference, whichever is more."""
    bits = {name: np.unpackbits(np.array([list(bytes.fromhex(h)) for _, q, h in listed if q >= PDQ_QUALITY],
                                         np.uint8).reshape(-1, 32), axis=1).astype(np.float32)
            for name, listed in made.items()}  # fmt: skip
    scores = {}
    for query in queries:
        ours = bits[f"queries/{query}"]
        for name, theirs in bits.items():
            if not name.startswith("references/") or not len(ours) or not len(theirs):
                continue
            distance = ours @ (1 - theirs.T) + (1 - ours) @ theirs.T
            near = distance <= PDQ_BITS
            share = max(float(near.any(axis=1).mean()), float(near.any(axis=0).mean()))
            if share > 0:
                scores[query, name.removeprefix("references/")] = share
    return scores


def videohash_scores(made: dict[str, str | None], queries: Iterable[str]) -> dict[Pair, float]:
    """64 less the Hamming distance; pairs more than 20 bits apart are not answers."""
    scores = {}
    for query in queries:
        mine = made[f"queries/{query}"]
        for name, theirs in made.items():
            if name.startswith("references/") and mine and theirs:
                distance = (int(mine, 16) ^ int(theirs, 16)).bit_count()
                if distance <= 20:
                    scores[query, name.removeprefix("references/")] = 64.0 - distance
    return scores


def run(folder: Path, labels: Labels, readings: Path | None, silent: bool) -> dict[str, Any]:
    """Register all references, ask all queries."""
    answers: dict[str, list[Answer]] = {}
    frame_scores: dict[Pair, float] = {}
    with scratch_database() as db:
        ours = Ours(db, readings, silent=silent)
        for path in sorted((folder / "references").iterdir()):
            ours.add(path)
        stored = dict(ours.clock.cpu_s)
        media_s, ours.clock.media_s = ours.clock.media_s, 0.0
        ours.clock.cpu_s.clear()
        print(f"{len(ours._names)} references, {ours.frames} frames, {media_s:.0f} s", flush=True)
        start = time.perf_counter()
        for done, row in enumerate(labels.rows[::-1], start=1):
            path = folder / "queries" / row["query"]
            try:
                reading = ours.read(path, search=True)
                answers[row["query"]] = ours.ask_read(reading, path.read_bytes()[:32].ljust(32))
                for name, score in ours.best_frame(reading).items():
                    frame_scores[row["query"], name] = score
            except EmbeddingError as error:
                answers[row["query"]] = []
                ours.unread.append((row["query"], str(error)))
            best = [f"{a.similarity:.3f} {a.reference}" for a in answers[row["query"]][:2] if a.similarity > 0]
            print(done, f"{time.perf_counter() - start:.0f} s", *row.values(), best, flush=True)
        return {"answers": answers, "best frame": frame_scores, "unread": ours.unread, "frames": ours.frames,
                "digest": ours.kind.model_digest.hex(), "reference_cpu_s": stored, "reference_media_s": media_s,
                "query_cpu_s": dict(ours.clock.cpu_s), "query_media_s": ours.clock.media_s,
                "channels": {name: state.on for name, state in ours.kind.channels.items()}}  # fmt: skip


def line(name: str, found: Detection) -> str:
    worst = f"  {found.worst[0]} > {found.worst[1]}" if found.worst else ""
    return (f"{name:24s} micro-AP {found.micro_ap:.3f}  R@P90 {found.recall_at_p90:.3f}  recall above highest false"
            f" {found.recall_above_false:.3f}  (false {found.highest_false:.4f}{worst})")  # fmt: skip


def cells(labels: Labels, scores: dict[Pair, float], boxes: dict[Pair, list[Box]], level: float) -> dict[str, Any]:
    """family -> strength -> n, recall at the level, recall of any answer, segment F1 of these copies."""
    table: dict[str, Any] = defaultdict(dict)
    for family in dict.fromkeys(row["family"] for row in labels.rows):
        for strength in ("weak", "medium", "strong"):
            pairs = [pair for pair in labels.copies if labels.kind_of[pair[0]] == (family, strength)]
            if pairs:
                there = {pair: boxes[pair] for pair in pairs if boxes.get(pair)}
                table[family][strength] = {
                    "n": len(pairs),
                    "recall": float(np.mean([scores.get(pair, 0.0) >= level for pair in pairs])),
                    "answered": float(np.mean([scores.get(pair, 0.0) > 0 for pair in pairs])),
                    "f1": localisation(there, {pair: labels.boxes[pair] for pair in pairs})[2],
                }
    return table


def report(result: dict[str, Any], labels: Labels, peers: dict[str, Any] | None, out: Path) -> None:
    answers: dict[str, list[Answer]] = result["answers"]
    scores = {(q, a.reference): a.similarity for q, listed in answers.items() for a in listed if a.similarity > 0}
    boxes = {(q, a.reference): list(a.boxes) for q, listed in answers.items() for a in listed if a.boxes}
    told = {(q, a.reference): a for q, listed in answers.items() for a in listed}
    methods = {"ours": scores, "best frame's cosine": result["best frame"]}
    if peers is not None:
        methods["vPDQ"] = vpdq_scores(peers["vpdq"], answers)
        methods["videohash"] = videohash_scores(peers["videohash"], answers)
    pictured = {pair for pair in labels.copies if labels.kind_of[pair[0]][0] != "only_sound"}
    found: dict[str, Any] = {}
    for name, of in methods.items():
        found[name] = detection(of, labels.copies, labels.partial)
        seen = {pair: score for pair, score in of.items() if labels.kind_of[pair[0]][0] != "only_sound"}
        found[f"{name}, pictures"] = detection(seen, pictured, labels.partial)
        print(line(name, found[name]))
        print(line(f"{name}, pictures", found[f"{name}, pictures"]))
    accused = [(score, *pair, told[pair].reason) for pair, score in scores.items()
               if score >= COPY and pair not in labels.copies]  # fmt: skip
    precision, recall, f1 = localisation(boxes, labels.boxes)
    table = cells(labels, scores, boxes, COPY)
    by_strength = {}
    for strength in ("weak", "medium", "strong"):
        pairs = [pair for pair in labels.copies if labels.kind_of[pair[0]][1] == strength]
        by_strength[strength] = float(np.mean([scores.get(pair, 0.0) >= COPY for pair in pairs])) if pairs else None
    print(f"segments: precision {precision:.3f} recall {recall:.3f} F1 {f1:.3f}   recall at 0.95 {by_strength}")
    print(f"called a copy and is none: {len(accused)}")
    for score, query, reference, reason in sorted(accused, reverse=True):
        print(f"  {score:.4f} {labels.kind_of[query]} {query} > {reference}: {reason}")
    print("missed:")
    for query, reference in sorted(labels.copies):
        if scores.get((query, reference), 0.0) < COPY:
            answer = told.get((query, reference))
            said = f"{answer.similarity:.3f} {answer.reason}" if answer else "not among the verified"
            print(f"  {labels.kind_of[query]} {query} > {reference}: {said}")
    print("shares a part:")
    for pair in sorted(labels.partial):
        print(f"  {labels.kind_of[pair[0]][0]} {pair[0]} > {pair[1]}: {scores.get(pair, 0.0):.3f}",
              boxes.get(pair, []), "true", labels.boxes[pair])  # fmt: skip
    for family, row in table.items():
        print(f"{family:18s}", {k: {m: round(v, 2) for m, v in cell.items()} for k, cell in row.items()})
    rates = {}
    for side in ("reference", "query"):
        media = result[f"{side}_media_s"]
        rates[side] = {stage: round(media / s, 1) for stage, s in result[f"{side}_cpu_s"].items() if s > 0 and media}
    print("seconds of video per CPU second:", rates)
    out.write_text(json.dumps({
        "n": {"copies": len(labels.copies), "queries": len(answers), "frames": result["frames"]},
        "detection": {name: asdict(one) for name, one in found.items()},
        "segments": {"precision": precision, "recall": recall, "f1": f1}, "by_strength": by_strength,
        "cells": table, "accused": accused, "rates": rates, "channels": result["channels"],
        "digest": result["digest"], "unread": result["unread"], "peers_cpu_s": (peers or {}).get("cpu_s"),
        "answers": {q: [asdict(a) for a in listed] for q, listed in answers.items()},
    }, indent=1))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--readings", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--silent", action="store_true")
    args = parser.parse_args()
    labels = Labels(args.folder, [name for name in args.only.split(",") if name])
    result = run(args.folder, labels, args.readings, args.silent)
    report(result, labels, json.loads(args.peers.read_text()) if args.peers else None, args.out)


if __name__ == "__main__":
    main()
