"""Fit what tells one recording from one score played twice, and show how it does on families of
sounds that it was not fitted on.

    PYTHONPATH=tests/benchmarks/audio:. python tests/benchmarks/audio/fit_recording.py [--write]

Reads recording_features.npz beside it: the FEATURES of proven pairs, as README.md describes them.
Every score, text, game tune and source of copies is a family; five folds of families are dealt by
their name. Pairs of sound fonts that hold the very same samples, played in the same time, are one
waveform: they are counted ("same samples") and left out of the fit, as nothing tells them apart.
"""

from __future__ import annotations

import argparse
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.svm import SVC

from embeddings.audio import recording
from embeddings.audio.recording import FEATURES

DATA = Path(__file__).with_name("recording_features.npz")
TABLE = Path(recording.__file__).with_name("recording.json")
FOLDS = 5
COST, GAMMA = 2.0, 0.07
TREES, LEAVES, TREES_WEIGHT = 60, 64, 2.0
SAME_AT = 0.85  # margin


@dataclass(frozen=True)
class Fitted:
    """Both machines, and the scale of the features."""

    machine: SVC
    trees: ExtraTreesClassifier
    centre: np.ndarray
    scale: np.ndarray

    def margins(self, x: np.ndarray) -> np.ndarray:
        scaled = np.clip((x - self.centre) / self.scale, -3, 3)
        votes = self.trees.predict_proba(scaled)[:, 1] - 0.5
        return np.asarray(self.machine.decision_function(scaled) + TREES_WEIGHT * votes)


def fit(x: np.ndarray, y: np.ndarray) -> Fitted:
    """Fit features and whether each is a copy."""
    centre, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    scaled = np.clip((x - centre) / scale, -3, 3)
    machine = SVC(C=COST, gamma=GAMMA, class_weight="balanced")
    trees = ExtraTreesClassifier(
        TREES,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=2,
        max_features=0.5,
        class_weight="balanced",
        random_state=0,
    )
    return Fitted(machine.fit(scaled, y), trees.fit(scaled, y), centre, scale)


def nodes_of(trees: ExtraTreesClassifier) -> dict[str, list[float]]:
    """All trees, one after the other."""
    nodes: dict[str, list[float]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "roots")
    }
    for tree in (one.tree_ for one in trees.estimators_):
        first = len(nodes["feature"])
        leaf = tree.children_left < 0
        votes = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)
        nodes["roots"].append(first)
        nodes["feature"] += np.where(leaf, -1, tree.feature).tolist()
        nodes["threshold"] += np.where(leaf, votes, tree.threshold).round(3).tolist()
        nodes["left"] += np.where(leaf, 0, tree.children_left + first).tolist()
        nodes["right"] += np.where(leaf, 0, tree.children_right + first).tolist()
    return nodes


def same_samples(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Innocent pairs that differ by less than a codec makes."""
    column = {name: x[:, number] for number, name in enumerate(FEATURES)}
    return (
        ~y
        & (column["louder"] < 0.06)
        & (column["higher"] < 0.06)
        & (column["late"] < 0.15)
        & (column["tempo"] < 0.05)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write recording.json")
    options = parser.parse_args()
    data = np.load(DATA)
    x, y = data["features"].astype(np.float64), data["copy"]
    kinds, families = data["kind"], data["family"]
    same = same_samples(x, y)
    fold = np.array([zlib.crc32(family.encode()) % FOLDS for family in families.tolist()])
    margin = np.zeros(len(y))
    for number in range(FOLDS):
        fitted = fit(*(part[(fold != number) & ~same] for part in (x, y)))
        held = fold == number
        margin[held] = fitted.margins(x[held])
    print(f"same samples: {np.count_nonzero(same)}")
    for kind in sorted(set(kinds.tolist()), key=lambda k: (k.startswith("copy"), k)):
        of = (kinds == kind) & ~same
        share = np.mean(margin[of] >= SAME_AT)
        print(f"| {kind} | {np.count_nonzero(of)} | {margin[of].max():.2f} | {share:.2f} |")
    innocent = ~y & ~same
    taken, lost = margin[innocent] >= SAME_AT, margin[y] < SAME_AT
    print(f"innocent taken for one recording: {taken.sum()} of {innocent.sum()}")
    print(f"copies lost: {lost.sum()} of {y.sum()}")
    for count in (0, 2, 4, 6, 10, 20):
        line = np.sort(margin[innocent])[::-1][count]
        print(f"above {line:.2f}: {count} innocent pairs, {(margin[y] <= line).sum()} copies lost")
    fitted = fit(x[~same], y[~same])
    machine = fitted.machine
    table = {
        "version": "recording-2026-11.3",
        "statement": f"{innocent.sum()} proven pairs of two renderings, {y.sum()} of copies; held"
        f" out by family, {taken.mean():.1%} of the first and {1 - lost.mean():.1%} of the second"
        " were taken for one recording",
        "features": list(FEATURES),
        "gamma": GAMMA,
        "bias": round(float(machine.intercept_[0]), 4),
        "same_at": SAME_AT,
        "centre": fitted.centre.round(4).tolist(),
        "scale": fitted.scale.round(4).tolist(),
        "weights": machine.dual_coef_[0].round(4).tolist(),
        "vectors": machine.support_vectors_.round(2).tolist(),
        "trees_weight": TREES_WEIGHT,
        "trees": nodes_of(fitted.trees),
    }
    print(table["statement"], f"({len(table['weights'])} vectors)")
    if options.write:
        TABLE.write_text(json.dumps(table) + "\n")


if __name__ == "__main__":
    main()
