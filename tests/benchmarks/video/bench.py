"""Detection and localisation of copied videos by the production path, with peers on the same files.

    PYTHONPATH=tests/benchmarks/video:. python tests/benchmarks/video/bench.py SET OUT.json
        [--peers PEERS.json] [--readings DIR] [--only FAMILY,...]

SET is from build_set.py, PEERS.json from peers.py. --readings keeps what was read of each file, so
that a run with another alignment need not decode again (its times of decode and embed are then of
the new files alone). Everything is judged twice: as it is, and with every sound track forgotten,
since an untouched one alone betrays most copies; the copies that share nothing but sound are not
asked for there.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from metrics import Box, Detection, Pair, detection, localisation
from ours import Answer, Ours, silent

from oracle.originality.folder_match import scratch_database

COPY = 0.95
PDQ_BITS, PDQ_QUALITY = 31, 50  # vPDQ's own rule for two frames
ONLY_SOUND = "only_sound"
PARTIAL = ("quote", "same_intro")  # share a part: showing it is right, calling it a copy is not


class Labels:
    """labels.csv and segments.csv."""

    def __init__(self, folder: Path, only: list[str]) -> None:
        with (folder / "labels.csv").open() as file:
            self.rows = [row for row in csv.DictReader(file) if not only or row["family"] in only]
        self.kind_of = {row["query"]: (row["family"], row["strength"]) for row in self.rows}
        self.copies: set[Pair] = {
            (row["query"], row["reference"]) for row in self.rows if row["reference"]
        }
        self.boxes: dict[Pair, list[Box]] = defaultdict(list)
        with (folder / "segments.csv").open() as file:
            for query, reference, *times in list(csv.reader(file))[1:]:
                if query in self.kind_of:
                    a, b, c, d = map(float, times)
                    self.boxes[query, reference].append((a, b, c, d))
        self.partial: set[Pair] = {
            pair for pair in self.boxes if self.kind_of[pair[0]][0] in PARTIAL
        }


def vpdq_scores(made: dict[str, Any], queries: Iterable[str]) -> dict[Pair, float]:
    """Share of frames matched, of the query or of the reference, whichever is more."""
    bits = {
        name: np.unpackbits(
            np.array(
                [list(bytes.fromhex(h)) for _, q, h in listed if q >= PDQ_QUALITY], np.uint8
            ).reshape(-1, 32),
            axis=1,
        ).astype(np.float32)
        for name, listed in made.items()
    }
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
        mine = made.get(f"queries/{query}")
        for name, theirs in made.items():
            if name.startswith("references/") and mine and theirs:
                distance = (int(mine, 16) ^ int(theirs, 16)).bit_count()
                if distance <= 20:
                    scores[query, name.removeprefix("references/")] = 64.0 - distance
    return scores


@dataclass
class Result:
    """What one way of judging said of every query."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)

    @property
    def scores(self) -> dict[Pair, float]:
        return {
            (q, a.reference): a.similarity
            for q, listed in self.answers.items()
            for a in listed
            if a.similarity
        }

    @property
    def boxes(self) -> dict[Pair, list[Box]]:
        return {
            (q, a.reference): list(a.boxes)
            for q, listed in self.answers.items()
            for a in listed
            if a.boxes
        }


@dataclass
class Run:
    """Both ways of judging, and what they cost.

    best_frame: a baseline, the highest cosine of two frames.
    """

    loud: Result = field(default_factory=Result)
    mute: Result = field(default_factory=Result)
    best_frame: dict[Pair, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def run(folder: Path, labels: Labels, readings: Path | None) -> Run:
    """Register all references, ask all queries."""
    result = Run()
    with scratch_database() as db, scratch_database() as mute_db:
        ours, mute = Ours(db, readings), Ours(mute_db)
        for path in sorted((folder / "references").iterdir()):
            extraction = ours.read(path, search=False)
            ours.add(path, extraction)
            mute.add(path, silent(extraction))
        result.facts = {
            "frames": ours.frames,
            "digest": ours.kind.model_digest.hex(),
            "reference_cpu_s": dict(ours.clock.cpu_s),
            "reference_media_s": ours.clock.media_s,
        }
        print(f"{ours.frames} frames of references, {ours.clock.media_s:.0f} s", flush=True)
        ours.clock.cpu_s.clear()
        ours.clock.media_s = asked_s = 0.0
        start = time.perf_counter()
        for done, row in enumerate(labels.rows[::-1], start=1):
            path = folder / "queries" / row["query"]
            extraction = ours.read(path, search=True)
            asked_s += extraction.fingerprint.duration_s
            sha256 = hashlib.sha256(path.read_bytes()).digest()
            result.loud.answers[path.name] = ours.ask(extraction, sha256)
            if row["family"] != ONLY_SOUND:
                result.mute.answers[path.name] = mute.ask(silent(extraction), sha256)
            for name, score in ours.best_frame(extraction).items():
                result.best_frame[path.name, name] = score
            best = [
                [
                    f"{a.similarity:.3f} {a.reference}"
                    for a in one.answers.get(path.name, [])[:2]
                    if a.similarity
                ]
                for one in (result.loud, result.mute)
            ]
            print(done, f"{time.perf_counter() - start:.0f} s", *row.values(), *best, flush=True)
        result.loud.cpu_s, result.mute.cpu_s = dict(ours.clock.cpu_s), dict(mute.clock.cpu_s)
        result.facts |= {"read_media_s": ours.clock.media_s, "asked_media_s": asked_s}
    return result


def line(name: str, found: Detection) -> str:
    worst = f"  {found.worst[0]} > {found.worst[1]}" if found.worst else ""
    return (
        f"{name:24s} micro-AP {found.micro_ap:.3f}  R@P90 {found.recall_at_p90:.3f}  recall above"
        f" highest false {found.recall_above_false:.3f}  (false {found.highest_false:.4f}{worst})"
    )


def cells(
    labels: Labels,
    asked: set[Pair],
    scores: dict[Pair, float],
    boxes: dict[Pair, list[Box]],
    level: float,
) -> dict[str, Any]:
    """family -> strength -> n, recall at the level, recall of any answer, segment F1 of these
    copies.
    """
    table: dict[str, Any] = defaultdict(dict)
    for family in dict.fromkeys(row["family"] for row in labels.rows):
        for strength in ("weak", "medium", "strong"):
            pairs = [pair for pair in asked if labels.kind_of[pair[0]] == (family, strength)]
            if pairs:
                there = {pair: boxes[pair] for pair in pairs if boxes.get(pair)}
                table[family][strength] = {
                    "n": len(pairs),
                    "recall": float(np.mean([scores.get(pair, 0.0) >= level for pair in pairs])),
                    "answered": float(np.mean([scores.get(pair, 0.0) > 0 for pair in pairs])),
                    "f1": localisation(there, {pair: labels.boxes[pair] for pair in pairs})[2],
                }
    return table


def judged(name: str, result: Result, labels: Labels) -> dict[str, Any]:
    """Numbers of one way of judging, printed as they are made."""
    scores, boxes = result.scores, result.boxes
    told = {(q, a.reference): a for q, listed in result.answers.items() for a in listed}
    asked = {pair for pair in labels.copies if pair[0] in result.answers}
    true = {pair: listed for pair, listed in labels.boxes.items() if pair[0] in result.answers}
    found = detection(scores, asked, labels.partial)
    print(f"\n== {name}: {len(asked)} copies\n{line(name, found)}")
    precision, recall, f1 = localisation(boxes, true)
    by_strength = {}
    for strength in ("weak", "medium", "strong"):
        pairs = [pair for pair in asked if labels.kind_of[pair[0]][1] == strength]
        hit = sum(scores.get(pair, 0.0) >= COPY for pair in pairs)
        by_strength[strength] = {"n": len(pairs), "recall": hit / len(pairs) if pairs else None}
    print(
        f"segments: precision {precision:.3f} recall {recall:.3f} F1 {f1:.3f}   recall at 0.95"
        f" {by_strength}"
    )
    accused = sorted(
        (
            (score, *pair, told[pair].reason)
            for pair, score in scores.items()
            if score >= COPY and pair not in asked
        ),
        reverse=True,
    )
    print(f"called a copy and is none: {len(accused)}")
    for score, query, reference, reason in accused:
        print(f"  {score:.4f} {labels.kind_of[query]} {query} > {reference}: {reason}")
    print("missed:")
    for query, reference in sorted(asked):
        if scores.get((query, reference), 0.0) < COPY:
            answer = told.get((query, reference))
            said = (
                f"{answer.similarity:.3f} {answer.reason}" if answer else "not among the verified"
            )
            print(f"  {labels.kind_of[query]} {query} > {reference}: {said}")
    print("shares a part:")
    for pair in sorted(labels.partial):
        print(
            f"  {labels.kind_of[pair[0]][0]} {pair[0]} > {pair[1]}: {scores.get(pair, 0.0):.3f}",
            boxes.get(pair, []),
            "true",
            labels.boxes[pair],
        )
    table = cells(labels, asked, scores, boxes, COPY)
    for family, row in table.items():
        print(
            f"{family:18s}",
            {k: {m: round(v, 2) for m, v in cell.items()} for k, cell in row.items()},
        )
    negatives: dict[str, float] = defaultdict(float)
    for (query, reference), score in scores.items():
        if (query, reference) not in labels.copies:
            family = labels.kind_of[query][0]
            negatives[family] = max(negatives[family], score)
    print("highest wrong answer by family:", {k: round(v, 3) for k, v in sorted(negatives.items())})
    return {
        "detection": asdict(found),
        "segments": {"precision": precision, "recall": recall, "f1": f1},
        "by_strength": by_strength,
        "cells": table,
        "accused": accused,
        "highest_wrong": dict(negatives),
        "cpu_s": result.cpu_s,
        "answers": {q: [asdict(a) for a in listed] for q, listed in result.answers.items()},
    }


def report(result: Run, labels: Labels, peers: dict[str, Any] | None, out: Path) -> None:
    made: dict[str, Any] = {
        "facts": result.facts,
        "with sound": judged("with sound", result.loud, labels),
        "pictures alone": judged("pictures alone", result.mute, labels),
    }
    others = {"best frame's cosine": result.best_frame}
    if peers is not None:
        others["vPDQ"] = vpdq_scores(peers["vpdq"], result.mute.answers)
        others["videohash"] = videohash_scores(peers["videohash"], result.mute.answers)
        print("peers' CPU s", peers["cpu_s"])
    shown = {pair for pair in labels.copies if pair[0] in result.mute.answers}
    print("\n== peers, pictures alone")
    for name, scores in others.items():
        found = detection(
            {p: s for p, s in scores.items() if p[0] in result.mute.answers}, shown, labels.partial
        )
        made[name] = asdict(found)
        print(line(name, found))
    facts, cpu_s = result.facts, result.loud.cpu_s
    rates = {
        stage: facts[
            "asked_media_s"
            if stage in ("search", "database", "align", "verify")
            else "read_media_s"
        ]
        / s
        for stage, s in cpu_s.items()
        if s > 0
    }
    print(
        "seconds of video per CPU second, queries:",
        {stage: round(rate, 1) for stage, rate in rates.items()},
    )
    out.write_text(json.dumps({**made, "rates": rates}, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--readings", type=Path)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    labels = Labels(args.folder, [name for name in args.only.split(",") if name])
    result = run(args.folder, labels, args.readings)
    report(result, labels, json.loads(args.peers.read_text()) if args.peers else None, args.out)


if __name__ == "__main__":
    main()
