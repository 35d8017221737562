"""Is it one recording, or one score played twice?

Landmarks along a line are what any two renderings of one piece share. They differ in what no copy
changes: when each note begins (to milliseconds, for all its partials together), how loud it is
beside the others, how its partials are tuned and weighed. A copy may be noisy, filtered, filmed or
sped up; then its peaks are off as well, but each by itself. So the peaks that survived are measured
again, finer than the landmarks, and what is systematic in the differences is told from noise.

``recording.json`` holds a support vector machine with a radial kernel over ``FEATURES`` (Cortes and
Vapnik, 1995) and extremely randomised trees (Geurts, Ernst and Wehenkel, 2006), fitted by
tests/benchmarks/audio/fit_recording.py on renderings of scores and copies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.align import Segment
from embeddings.audio.peaks import FINE, FinePeaks
from embeddings.audio.spectrum import BINS, BINS_PER_OCTAVE

MIN_FOUND = 10  # fewer peaks tell nothing
MAX_LATE, MAX_HIGHER, MAX_LOUDER = 0.8, 0.6, 10.0  # frames, bins, dB: beyond, it is another peak
SMOOTH = 31  # peaks, neighbours in pitch, over which a filter is even
WOW_FRAMES = 43  # two seconds over which a tape's or a player's speed is even
WOW_STEP = 10  # frames between two medians
FEATURES = (
    "survival",
    "found",
    "late",
    "late_share",
    "higher",
    "higher_share",
    "louder",
    "louder_share",
    "contrast",
    "contrast_spread",
    "contrast_correlation",
    "found_strong",
    "tempo",
    "peaks",
    "late_together",
    "louder_together",
    "higher_by_pitch",
    "louder_by_pitch",
    "late_by_pitch",
    "exact",
)

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Residuals:
    """The reference's peaks in a segment, and how the query's peaks differ from them.

    frame, bin, strength: (n,) of the reference. found: (n,) bool; the rest is NaN where not found.
    late: frames of the reference; higher: bins; louder: dB; found_strength: of the query's peak.
    """

    frame: NDArray[np.int32]
    bin: NDArray[np.int16]
    strength: NDArray[np.uint8]
    found: NDArray[np.bool_]
    late: _Floats
    higher: _Floats
    louder: _Floats
    found_strength: _Floats


def residuals_of(dense: tuple[FinePeaks, ...], reference: FinePeaks, segment: Segment) -> Residuals:
    """Find each peak of the reference in a segment again in the query: the nearest peak within one
    frame and one bin of its place.

    Args:
        dense: the query's constellations, at whole frames and between.
    """
    inside = (reference.frame >= segment.first) & (reference.frame <= segment.last)
    frame, bins = reference.frame[inside], reference.bin[inside]
    line = segment.line
    at = (frame + reference.late[inside] / FINE - line.start) / line.rate
    pitch = bins + reference.higher[inside] / FINE - line.shift
    level = reference.level[inside].astype(np.float64)
    late, higher, louder, strength = (np.full(len(frame), np.nan) for _ in range(4))
    nearest = np.full(len(frame), np.inf)
    middle = np.rint(pitch).astype(np.int64)
    for number, peaks in enumerate(dense):
        if not len(peaks):
            continue
        fraction = number / len(dense)
        places = peaks.frame.astype(np.int64) * BINS + peaks.bin
        order = np.argsort(places)
        places = places[order]
        row = np.rint(at - fraction).astype(np.int64)
        for step in (-1, 0, 1):
            for beside in (-1, 0, 1):
                cell = (row + step) * BINS + middle + beside
                found = np.minimum(np.searchsorted(places, cell), len(places) - 1)
                hit = (places[found] == cell) & (middle + beside >= 0) & (middle + beside < BINS)
                peak = order[found]
                off = (peaks.frame[peak] + fraction + peaks.late[peak] / FINE - at) * line.rate
                up = peaks.bin[peak] + peaks.higher[peak] / FINE - pitch
                away = np.abs(off) + np.abs(up)
                hit &= away < nearest
                nearest[hit] = away[hit]
                late[hit], higher[hit] = off[hit], up[hit]
                louder[hit] = peaks.level[peak][hit] - level[hit]
                strength[hit] = peaks.strength[peak][hit]
    return Residuals(
        frame,
        bins,
        reference.strength[inside],
        np.isfinite(nearest),
        late,
        higher,
        louder,
        strength,
    )


def describe(residuals: Residuals, segment: Segment) -> _Floats | None:
    """Return (len(FEATURES),), or None where too few peaks were found."""
    found = residuals.found
    if np.count_nonzero(found) < MIN_FOUND:
        return None
    frame, bins = residuals.frame[found].astype(np.int64), residuals.bin[found].astype(np.int64)
    late = _without_wow(_without_drift(residuals.late[found], frame), frame)
    higher = _without_wow(residuals.higher[found], frame)
    higher = higher - np.median(higher)
    louder = _without_filter(residuals.louder[found], bins)
    strength = residuals.strength[found].astype(np.float64)
    contrast = residuals.found_strength[found] - strength
    strong = residuals.strength >= np.quantile(residuals.strength, 0.6)
    line = segment.line
    stretched = abs(np.log(abs(line.rate)) + line.shift / BINS_PER_OCTAVE * np.log(2.0))
    clipped = [
        np.clip(x, -most, most)
        for x, most in ((late, MAX_LATE), (higher, MAX_HIGHER), (louder, MAX_LOUDER))
    ]
    values = (
        segment.survival,
        found.mean(),
        np.minimum(np.abs(late), 1.0).mean(),
        (np.abs(late) < 0.15).mean(),
        np.minimum(np.abs(higher), 1.0).mean(),
        (np.abs(higher) < 0.1).mean(),
        np.minimum(np.abs(louder), MAX_LOUDER).mean() / MAX_LOUDER,
        (np.abs(louder) < 1.5).mean(),
        np.median(contrast) / 40.0,
        np.median(np.abs(contrast - np.median(contrast))) / 20.0,
        _correlation(residuals.found_strength[found], strength),
        found[strong].mean(),
        min(5.0 * stretched, 1.0),
        np.log(len(found)) / 5.0,
        _together(clipped[0], frame, 1, bins, 3),
        _together(clipped[2], frame, 1, bins, 3) / 5.0,
        _together(clipped[1], bins, 0, frame, 6),
        _together(clipped[2], bins, 0, frame, 6) / 5.0,
        _together(clipped[0], bins, 0, frame, 6),
        (np.abs(late) < 0.25).mean()
        * (np.abs(higher) < 0.15).mean()
        * (np.abs(louder) < 3.0).mean(),
    )
    return np.array(values, np.float64)


def _without_drift(late: _Floats, frame: NDArray[np.int64]) -> _Floats:
    """Return the delays less a straight line through most of them: the segment's own is good to
    half a frame only.
    """
    late = late - np.median(late)
    time = (frame - frame.mean()) / max(float(frame.std()), 1.0)
    for _ in range(3):
        close = np.abs(late) < 0.35
        if np.count_nonzero(close) < MIN_FOUND:
            break
        slope, start = np.polyfit(time[close], late[close], 1)
        late = late - slope * time - start
    return late


def _without_wow(values: _Floats, frame: NDArray[np.int64]) -> _Floats:
    """Return the differences less their running median over time, of all pitches: a tape that runs
    unevenly.
    """
    order = np.argsort(frame, kind="stable")
    at, ordered = frame[order], values[order]
    centres = np.arange(at[0], at[-1] + WOW_STEP, WOW_STEP)
    first = np.searchsorted(at, centres - WOW_FRAMES // 2, "left")
    last = np.searchsorted(at, centres + WOW_FRAMES // 2, "right")
    heard = last > first
    medians = [np.median(ordered[a:b]) for a, b in zip(first[heard], last[heard], strict=True)]
    return values - np.interp(frame, centres[heard], medians)


def _without_filter(louder: _Floats, bins: NDArray[np.int64]) -> _Floats:
    """Return the differences of level less their running median over pitch: a filter."""
    if len(louder) <= SMOOTH:
        return louder - np.median(louder)
    order = np.argsort(bins, kind="stable")
    padded = np.pad(louder[order], SMOOTH // 2, mode="reflect")
    result = np.empty_like(louder)
    result[order] = louder[order] - np.median(
        np.lib.stride_tricks.sliding_window_view(padded, SMOOTH), axis=1
    )
    return result


def _together(
    values: _Floats,
    near: NDArray[np.int64],
    gap: int,
    far: NDArray[np.int64],
    apart: int,
    neighbours: int = 6,
) -> float:
    """Return the signed root of the mean product over pairs that are within ``gap`` by one measure
    and ``apart`` by the other: what they have in common. Independent noise adds nothing to it.
    """
    order = np.argsort(near, kind="stable")
    values, near, far = values[order], near[order], far[order]
    total, count = 0.0, 0
    for step in range(1, neighbours + 1):
        pair = near[step:] - near[:-step] <= gap
        pair &= np.abs(far[step:] - far[:-step]) >= apart
        total += float((values[step:] * values[:-step])[pair].sum())
        count += int(np.count_nonzero(pair))
    if count < MIN_FOUND:
        return 0.0
    return float(np.sign(total) * np.sqrt(abs(total / count)))


def _correlation(one: _Floats, other: _Floats) -> float:
    if min(float(one.std()), float(other.std())) == 0.0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


@dataclass(frozen=True, eq=False)
class Trees:
    """Nodes of all trees: (n,) feature (-1 at a leaf), threshold (at a leaf: the share of copies
    there), left, right (the next nodes); roots: (t,).
    """

    feature: NDArray[np.int64]
    threshold: _Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    roots: NDArray[np.int64]

    def share(self, scaled: _Floats) -> float:
        """Return the mean share, 0..1, of copies in the leaves that the features fall into."""
        node = self.roots
        while (self.feature[node] >= 0).any():
            lower = scaled[self.feature[node]] <= self.threshold[node]
            following = np.where(lower, self.left[node], self.right[node])
            node = np.where(self.feature[node] >= 0, following, node)
        return float(self.threshold[node].mean())


@dataclass(frozen=True, eq=False)
class RecordingTable:
    """Two fitted machines, whose votes are added.

    centre, scale: (f,) of the features; vectors: (s, f) scaled; weights: (s,); gamma, bias: of the
    kernel; trees; trees_weight: of their share of votes, less a half; same_at: the least margin of
    one recording; statement: what it was measured on.
    """

    version: str
    centre: _Floats
    scale: _Floats
    vectors: _Floats
    weights: _Floats
    gamma: float
    bias: float
    trees: Trees
    trees_weight: float
    same_at: float
    statement: str

    def margin(self, features: _Floats) -> float:
        """Return how far the features lie on the side of one recording; at least ``same_at`` is
        one.
        """
        scaled = np.clip((features - self.centre) / self.scale, -3.0, 3.0)
        distance = np.square(self.vectors - scaled).sum(axis=1)
        kernel = float(self.weights @ np.exp(-self.gamma * distance)) + self.bias
        return kernel + self.trees_weight * (self.trees.share(scaled) - 0.5)


@lru_cache(maxsize=1)
def load_table() -> RecordingTable:
    """Load the table that ships with the package."""
    return parse_table(
        json.loads(
            resources.files("embeddings.audio").joinpath("recording.json").read_text("utf-8")
        )
    )


def parse_table(table: Mapping[str, Any]) -> RecordingTable:
    """Check and freeze a table. Raises: ValueError for one of other features."""
    if tuple(table["features"]) != FEATURES:
        raise ValueError("the table was fitted on other features")
    arrays = {
        name: np.array(table[name], np.float64)
        for name in ("centre", "scale", "vectors", "weights")
    }
    nodes = {
        name: np.array(table["trees"][name], np.int64)
        for name in ("feature", "left", "right", "roots")
    }
    return RecordingTable(
        trees=Trees(threshold=np.array(table["trees"]["threshold"], np.float64), **nodes),
        trees_weight=float(table["trees_weight"]),
        version=str(table["version"]),
        gamma=float(table["gamma"]),
        bias=float(table["bias"]),
        same_at=float(table["same_at"]),
        statement=str(table["statement"]),
        **arrays,
    )
