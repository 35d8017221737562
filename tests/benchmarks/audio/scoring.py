"""What an answer is worth, the same for every method: right work, right place, and how surely.

A method's answers are a JSON file {query: [[reference, score, start_s], ...]}; start_s is where the
query's beginning lies in the reference, the higher the score the surer. An answer is right if the
work is the labelled one and the place is within TOLERANCE_S of the truth, or sounds the same as the
truth (loops repeat: then waveforms decide). An answer with another work of the labelled one's
family is neither right nor wrong; every other answer is false.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from build_set import Label, Reference
from scipy.signal import fftconvolve
from sounds import RATE, load

TOLERANCE_S = 0.5
SAME_SOUND = 0.5  # normalised correlation of the waveforms, within 0.2 s of lag

Answers = dict[str, list[tuple[str, float, float]]]


@dataclass(frozen=True)
class Judged:
    """One answer of a method.

    error_s: distance from the true place, None where the answer is false.
    """

    query: str
    reference: str
    score: float
    right: bool
    error_s: float | None


def read_labels(folder: Path) -> dict[str, Label]:
    types = {"length_s": int, "start_s": float, "speed": float, "second_start_s": float}
    with (folder / "labels.csv").open() as file:
        rows = [
            {key: types.get(key, str)(value) for key, value in line.items()}
            for line in csv.DictReader(file)
        ]
    return {row["query"]: Label(**row) for row in rows}


def read_references(folder: Path) -> dict[str, Reference]:
    with (folder / "references.csv").open() as file:
        rows = [{**line, "duration_s": float(line["duration_s"])} for line in csv.DictReader(file)]
    return {row["name"]: Reference(**row) for row in rows}


@lru_cache(maxsize=4096)
def sounds_alike(path: Path, a_s: float, b_s: float, length_s: float) -> bool:
    """Whether the reference has the same sound at both places, as sample loops have."""
    if min(a_s, b_s) < 0:
        return False
    x, y = load(path, a_s, length_s), load(path, max(b_s - 0.2, 0), length_s + 0.4)
    if len(y) < len(x) or len(x) < RATE:
        return False
    products = fftconvolve(y, x[::-1], "valid")
    total = np.concatenate([[0.0], np.cumsum(np.square(y, dtype=np.float64))])
    energy = np.maximum(total[len(x) :] - total[: -len(x)], 1e-9) * max(total_energy(x), 1e-9)
    return bool((products / np.sqrt(energy)).max() > SAME_SOUND)


def total_energy(x: np.ndarray) -> float:
    return float(np.sum(np.square(x, dtype=np.float64)))


class Judge:
    """Holds the truth of one set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labels = read_labels(folder)
        self.references = read_references(folder)

    def judge(self, query: str, reference: str, score: float, start_s: float) -> Judged | None:
        """None where the answer is neither right nor wrong."""
        label = self.labels[query]
        truths = [(label.source, label.start_s)] + (
            [(label.second, label.second_start_s)] if label.second else []
        )
        for source, truth in truths:
            if source == reference:
                if label.expected == "part":
                    return None
                error = abs(start_s - truth)
                slack = TOLERANCE_S + abs(label.speed - 1) * label.length_s
                if error <= slack:
                    return Judged(query, reference, score, True, error)
                length = label.length_s / (2 if "spliced" in label.edit else 1)
                alike = sounds_alike(
                    self.folder / "references" / reference, max(truth, 0.0), start_s, length
                )
                return Judged(query, reference, score, True, None) if alike else None
        families = {self.references[source].family for source, _ in truths if source}
        if self.references[reference].family in families:
            return None
        return Judged(query, reference, score, False, None)

    def all(self, answers: Answers) -> list[Judged]:
        found = (
            self.judge(query, *answer) for query, listed in answers.items() for answer in listed
        )
        return [one for one in found if one is not None]


@dataclass(frozen=True)
class Summary:
    """One method on one set.

    line: the highest score of a false answer; recall counts right answers above it.
    """

    line: float
    recall: float
    micro_ap: float
    recall_by_row: dict[tuple[str, int], tuple[int, int]]
    recall_by_kind: dict[tuple[str, str], tuple[int, int]]
    highest_false: list[Judged]
    errors_s: list[float]


def summarise(judge: Judge, judged: Iterable[Judged], asked: Container[str]) -> Summary:
    """micro-AP over all copies that were asked for; recall at zero false matches, negatives
    included.
    """
    listed = sorted(judged, key=lambda one: (-one.score, one.right))
    line = next((one.score for one in listed if not one.right), -np.inf)
    copies = [
        q
        for q, label in judge.labels.items()
        if label.expected == "copy" and not label.second and q in asked
    ]
    hits: dict[str, Judged] = {}
    for one in listed:
        if one.right and one.score > line:
            hits.setdefault(one.query, one)
    rows: defaultdict[tuple[str, int], list[bool]] = defaultdict(list)
    kinds: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for query in copies:
        label = judge.labels[query]
        rows[label.edit, label.length_s].append(query in hits)
        kinds[label.edit, label.kind].append(query in hits)
    # A method may name one work twice in an answer, at two places: it counts once, where it is
    # surest.
    single, named = set(copies), set[tuple[str, str]]()
    ranked = []
    for one in listed:
        if (one.query, one.reference) not in named and (one.query in single or not one.right):
            ranked.append(one)
        named.add((one.query, one.reference))
    right = np.array([one.right for one in ranked], dtype=bool)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return Summary(
        line=float(line),
        recall=sum(query in hits for query in copies) / max(len(copies), 1),
        micro_ap=float((precision * right).sum() / max(len(copies), 1)),
        recall_by_row={key: (sum(found), len(found)) for key, found in rows.items()},
        recall_by_kind={key: (sum(found), len(found)) for key, found in kinds.items()},
        highest_false=[one for one in listed if not one.right][:20],
        errors_s=[one.error_s for one in hits.values() if one.error_s is not None],
    )


def read_answers(path: Path) -> Answers:
    return {
        query: [(str(r), float(s), float(t)) for r, s, t in listed]
        for query, listed in json.loads(path.read_text()).items()
    }
