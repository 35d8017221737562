"""From measured agreement to one similarity: a versioned table, fitted on labelled pairs.

First: is it the same picture? The evidence (a sum with weights >= 0, so that more agreement never
lowers it) is compared with ``proven_at``, which different pictures pass with the stated
false-positive rate. Below it the similarity follows the table's knots and stays under 0.95. Second:
how much of it is used? Above ``proven_at``, similarity = 0.95 + 0.05 x strength. Strength in [0, 1]
is the agreeing share of the query times that of the reference, times the fidelity: a plain
re-encode has 1, half a collage 0.5.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

PROVEN_SIMILARITY = 0.95


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """One fitted table.

    knots: (evidence, similarity) pairs, both rising, ending at (proven_at, just under 0.95).
    """

    version: str
    bias: float
    weights: Mapping[str, float]
    proven_at: float
    knots: tuple[tuple[float, float], ...]
    different_pairs: int = 0

    @property
    def statement(self) -> str:
        """The meaning of a proven similarity, with the number of pairs that were measured."""
        if not self.different_pairs:
            return f"Calibration {self.version} carries no measured rate of false matches."
        # Clopper-Pearson, one-sided, for none among n
        bound = 1.0 - 0.05 ** (1.0 / self.different_pairs)
        return (
            f"Calibration {self.version}: none of {self.different_pairs:,} pairs of different"
            f" pictures reached 0.95, so a false match is rarer than {bound:.1e} per compared pair"
            " (upper bound at 95 % confidence)."
        )

    @property
    def unproven_at(self) -> float:
        """The evidence at which similarity is 0.69, the most for what must not be called a copy."""
        return self.knots[-2][0]

    def evidence(self, scores: Mapping[str, float]) -> float:
        """Return log-odds-like evidence for shared pixels, from an alignment's scores."""
        return self.bias + sum(weight * scores[name] for name, weight in self.weights.items())

    def similarity(self, evidence: float, strength: float) -> float:
        """Return the similarity in [0, 1]; monotone in both arguments."""
        if evidence >= self.proven_at:
            return PROVEN_SIMILARITY + (1.0 - PROVEN_SIMILARITY) * min(max(strength, 0.0), 1.0)
        return _interpolate(self.knots, evidence)


@cache
def load_calibration() -> Calibration:
    """Load the table that ships with the package."""
    table = json.loads(
        resources.files("embeddings.image").joinpath("calibration.json").read_text("utf-8")
    )
    return parse_calibration(table)


def parse_calibration(table: Mapping[str, Any]) -> Calibration:
    """Check and freeze a table. Raises: ValueError if it is not monotone."""
    knots = tuple((float(x), float(y)) for x, y in table["knots"])
    weights = {str(name): float(weight) for name, weight in table["weights"].items()}
    if any(weight < 0 for weight in weights.values()):
        raise ValueError(
            "a calibration weight is negative: more agreement would lower the similarity"
        )
    if any(b[0] <= a[0] or b[1] < a[1] for a, b in pairwise(knots)):
        raise ValueError("the calibration knots do not rise")
    if knots[-1][0] > float(table["proven_at"]) or knots[-1][1] >= PROVEN_SIMILARITY:
        raise ValueError("unproven similarity must stay below 0.95")
    return Calibration(
        version=str(table["version"]),
        bias=float(table["bias"]),
        weights=weights,
        proven_at=float(table["proven_at"]),
        knots=knots,
        different_pairs=int(table.get("different_pairs", 0)),
    )


def lower_bound(successes: float, trials: float, z: float = 1.64) -> float:
    """Return Wilson's lower bound (one-sided 95 % at z = 1.64) of a share; 0.0 without trials.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA
        1927.
    """
    if trials <= 0:
        return 0.0
    share = min(successes / trials, 1.0)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, (share + z * z / (2 * trials) - spread) / (1 + z * z / trials))


def _interpolate(knots: tuple[tuple[float, float], ...], x: float) -> float:
    if x <= knots[0][0]:
        return knots[0][1]
    for (x0, y0), (x1, y1) in pairwise(knots):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return knots[-1][1]
