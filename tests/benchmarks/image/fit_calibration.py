"""Step 2 of calibration: fit the table that ships in the package, from the pairs of
``calibration_pairs.py``.

    python tests/benchmarks/image/fit_calibration.py PAIRS.json VERSION [--write]

Logistic regression on the raw scores with weights bounded below by zero (more agreement never
speaks against a copy), copies against hard negatives and whatever of the null aligned at all; every
family counts the same. Then ``proven_at`` is set above every different pair by MARGIN. With no
false one among n, the false-positive rate is below 3 / n at 95 % confidence (rule of three); that
number and n go into the table.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import embeddings.image
from embeddings.image.evidence import is_second_view

FEATURES = ("uncontested", "pictorial_whole", "pictorial_part", "still", "rigid")
# How far above the highest different pair the proof begins. The tail of hard negatives' evidence
# falls by e in 0.65: of those that align and are not stopped as second views about one in 3 000 is
# left above the line.
MARGIN = 1.0
SAME_CONTENT = Path(__file__).with_name("same_content.json")
RIDGE = 1e-3


def matrix(rows: list[dict]) -> np.ndarray:
    return np.array([[row["scores"].get(name, 0.0) for name in FEATURES] for row in rows])


def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ beta[1:] + beta[0]
        value = float((weight * (np.logaddexp(0, z) - y * z)).sum() + RIDGE * (beta[1:] ** 2).sum())
        slope = weight * (1 / (1 + np.exp(-z)) - y)
        return value, np.concatenate([[slope.sum()], x.T @ slope + 2 * RIDGE * beta[1:]])

    start = np.concatenate([[-8.0], np.ones(len(FEATURES))])
    bounds = [(None, None)] + [(0.0, 12.0)] * len(FEATURES)
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x


def main(path: Path, version: str, write: bool) -> None:
    data = json.loads(path.read_text())
    known = {frozenset(pair) for pair in json.loads(SAME_CONTENT.read_text())["pairs"]}
    data["rows"] = [
        row for row in data["rows"] if row["kind"] == "copy" or frozenset(row["names"]) not in known
    ]
    # Too plain pictures are never judged, so they have no say in the table either.
    rows = [row for row in data["rows"] if len(row["scores"]) > 1 and not row["plain"]]
    copy = np.array([row["kind"] == "copy" for row in rows])
    groups = Counter((row["kind"], row["family"]) for row in rows)
    weight = np.array([1.0 / groups[row["kind"], row["family"]] for row in rows])
    weight[copy] /= weight[copy].sum()
    weight[~copy] /= weight[~copy].sum()
    x = matrix(rows)
    beta = fit(x, copy.astype(float), weight)
    evidence = x @ beta[1:] + beta[0]
    # Whatever may be a second photograph is never proven, so it has no say in where the line is.
    evidence = np.where(
        [is_second_view(row["scores"]) for row in rows], np.minimum(evidence, -MARGIN), evidence
    )
    different = np.sort(evidence[~copy])
    proven_at = float(different[-1] + MARGIN)
    n = sum(row["kind"] != "copy" for row in data["rows"]) + data["silent"]
    likely = float(np.quantile(evidence[[row["kind"] == "hard" for row in rows]], 0.98))
    # 0.70, the medium tier, starts above 98 % of the hard negatives and no more than 1.5 below the
    # proof.
    middle = min(max(likely, proven_at - 1.5), proven_at - 0.5)
    table = {
        "version": version,
        "fitted_on": f"{int(copy.sum())} copies, {n} different pairs, of which"
        f" {int((~copy).sum())} aligned",
        "different_pairs": n,
        "false_positive_rate_below": round(3 / n, 8),
        "bias": round(float(beta[0]), 4),
        "weights": {name: round(float(b), 4) for name, b in zip(FEATURES, beta[1:], strict=True)},
        "proven_at": round(proven_at, 4),
        "knots": [
            [round(min(-10.0, middle - 5), 4), 0.0],
            [round(middle - 3, 4), 0.3],
            [round(middle, 4), 0.69],
            [round(proven_at, 4), 0.9499],
        ],
    }
    print(json.dumps(table, indent=1))
    all_copies = [row for row in data["rows"] if row["kind"] == "copy" and not row["plain"]]
    print(
        "copies proven:",
        float((evidence[copy] >= proven_at).sum() / len(all_copies)),
        "highest different:",
        np.round(different[-12:], 2),
    )
    order = np.argsort(-evidence)
    for i in [i for i in order if not copy[i]][:15]:
        row = rows[i]
        print(round(float(evidence[i]), 2), row["kind"], row["family"], row["names"])
        print(
            "    ",
            dict(zip(FEATURES, np.round(x[i], 2).tolist(), strict=True)),
            row["scores"]["blocks_agreeing"],
        )
    families = sorted({row["family"] for row in all_copies})
    found = Counter(
        row["family"]
        for row, e in zip(rows, evidence, strict=True)
        if row["kind"] == "copy" and e >= proven_at
    )
    of = Counter(row["family"] for row in all_copies)
    print(
        {
            family: round(found[family] / of[family], 2)
            for family in families
            if found[family] < of[family]
        }
    )
    if write:
        target = Path(embeddings.image.__file__).parent / "calibration.json"
        target.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], "--write" in sys.argv)
