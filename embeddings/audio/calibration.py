"""From evidence to the probability of chance: an exponential tail, measured on unregistered sounds.

P(false) = n x exp(log_scale - decay x evidence), where n is the query's length in windows. It is
the probability that a query of no registered sound reaches this evidence against any candidate. A
longer query has more places for chance (Karlin and Altschul's search space). The tail is fitted on
windows of unrelated music (``fitted_on`` says which); beyond the largest measured value it is an
extrapolation, and ``statement`` says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """One fitted tail.

    window_s: mean length of the queries measured; proven_p: the largest P(false) of a proven match;
    null_windows: number of unregistered queries measured; largest_null: the strongest evidence
    among them, nats.
    """

    version: str
    fitted_on: str
    decay: float
    log_scale: float
    window_s: float
    proven_p: float
    null_windows: int
    largest_null: float

    def p_false(self, evidence: float, query_s: float = 0.0) -> float:
        """Return P(false), 0..1: falls with evidence (nats), rises with the query's length."""
        windows = max(1.0, query_s / self.window_s)
        return float(math.exp(min(0.0, math.log(windows) + self.log_scale - self.decay * evidence)))

    @property
    def proven_at(self) -> float:
        """Evidence from which a match of a short query is proven, nats."""
        return (self.log_scale - math.log(self.proven_p)) / self.decay

    @property
    def statement(self) -> str:
        """The meaning of a proven match, for the report."""
        if not self.null_windows:
            return f"Calibration {self.version} carries no measured rate of false matches."
        return (
            f"Calibration {self.version}: of {self.null_windows:,} stretches of sound that were"
            f" never registered, none reached the evidence of a proven match ({self.proven_at:.0f}"
            f" nats; the strongest had {self.largest_null:.0f}). Extrapolated, one in"
            f" {1 / self.proven_p:,.0f} would."
        )


def load_calibration() -> Calibration:
    """Load the table that ships with the package."""
    return parse_calibration(
        json.loads(
            resources.files("embeddings.audio").joinpath("calibration.json").read_text("utf-8")
        )
    )


def parse_calibration(table: Mapping[str, Any]) -> Calibration:
    """Check and freeze a table. Raises: ValueError if its tail does not fall."""
    calibration = Calibration(
        version=str(table["version"]),
        fitted_on=str(table["fitted_on"]),
        decay=float(table["decay"]),
        log_scale=float(table["log_scale"]),
        window_s=float(table["window_s"]),
        proven_p=float(table["proven_p"]),
        null_windows=int(table.get("null_windows", 0)),
        largest_null=float(table.get("largest_null", 0.0)),
    )
    if min(calibration.decay, calibration.window_s) <= 0.0 or not 0.0 < calibration.proven_p < 1.0:
        raise ValueError("the calibration's tail does not fall")
    if calibration.largest_null >= calibration.proven_at:
        raise ValueError("a sound that was never registered reached the evidence of a proven match")
    return calibration
