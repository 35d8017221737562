"""From evidence to the probability that it is chance: an exponential tail measured on sounds that
were never registered.

P(false) = n x exp(log_scale - decay x evidence), where n is the query's length in windows: the
chance that a query which is in no registered sound gives at least that evidence against any of its
candidates. A longer query has more places to be wrong in (Karlin and Altschul's search space). The
tail is fitted on windows of unrelated music (how, how many and which: ``fitted_on``); beyond the
largest value seen there it is an extrapolation, and says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Calibration:
    """One fitted tail. window_s: mean length of the queries it was measured on. proven_p: a match
    is proven where P(false) is at most this; null_windows: queries of never registered sound that
    were measured, largest_null: the strongest evidence among them, nats.
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
        """0..1, falling with evidence (nats), rising with the query's length."""
        windows = max(1.0, query_s / self.window_s)
        return float(math.exp(min(0.0, math.log(windows) + self.log_scale - self.decay * evidence)))

    @property
    def proven_at(self) -> float:
        """Evidence from which a match of a short query is proven, nats."""
        return (self.log_scale - math.log(self.proven_p)) / self.decay

    @property
    def statement(self) -> str:
        """What a proven match means, for people."""
        if not self.null_windows:
            return f"Calibration {self.version} carries no measured rate of false matches."
        return (
            f"Calibration {self.version}: of {self.null_windows:,} stretches of sound that were"
            f" never registered, none reached the evidence of a proven match ({self.proven_at:.0f}"
            f" nats; the strongest had {self.largest_null:.0f}). Extrapolated, one in"
            f" {1 / self.proven_p:,.0f} would."
        )


def load_calibration() -> Calibration:
    """Read the table that ships with the package."""
    return parse_calibration(
        json.loads(
            resources.files("embeddings.audio").joinpath("calibration.json").read_text("utf-8")
        )
    )


def parse_calibration(table: Mapping[str, Any]) -> Calibration:
    """Check and freeze a table. Raises: ValueError if more evidence would not mean less chance."""
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
