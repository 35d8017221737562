"""From a hint to an exact alignment: the matching segments of query and reference, with evidence.

The reference's peaks are predicted in the query (as quad-based fingerprinting verifies; Sonnleitner
and Widmer, DAFx 2014). Each that survives or not adds to a sum of log likelihood ratios. The
segment is the run with the largest sum. The tail of such sums under chance is exponential (Karlin
and Altschul, PNAS 1990), which the calibration measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.reference import Hint, Hits, ReferenceSound
from embeddings.audio.spectrum import BINS
from embeddings.audio.survivors import Survivors
from embeddings.audio.variants import SHIFTS, VARIANTS

EXACT = 0.7
MAX_SEGMENTS_PER_LINE = 16
SURVIVAL = (0.25, 0.7)  # probability that a peak survives a heavy and a light edit
REFINED_PEAKS = 200  # enough to fit a line; more only cost time
NEAR_FRAMES = 4.0  # landmarks this close to a line belong to it
_STEPS = np.arange(-3, 4) * 0.5


@dataclass(frozen=True)
class Line:
    """reference frame = rate x query frame + start; reference bin = query bin + shift.

    A rate below 0 is a query that is played backwards.
    """

    rate: float
    start: float
    shift: float


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A matched part of a line.

    first, last: frames of the reference; evidence: nats; peaks, survived: how many were predicted,
    and found; survival: share of the peaks that survive beyond chance.
    """

    line: Line
    first: float
    last: float
    evidence: float
    peaks: int
    survived: int
    survival: float


def line_of(hint: Hint) -> Line:
    """Return the line of a hint."""
    variant = VARIANTS[hint.group]
    return Line(variant.rate, hint.offset, float(variant.shift))


def fit_line(hint: Hint, hits: Hits) -> Line:
    """Fit a line through the landmarks near a hint: three rounds of least squares without outliers.

    The slope is fitted only where the landmarks span more than five seconds; below that it cannot
    be determined.
    """
    line = line_of(hint)
    in_group = hits.group == hint.group
    query = hits.position[in_group].astype(np.float64) / VARIANTS[hint.group].rate
    place = hits.place[in_group].astype(np.float64)
    for _ in range(3):
        close = np.abs(place - (line.rate * query + line.start)) <= NEAR_FRAMES
        x, y = query[close], place[close]
        if len(x) < 4:
            break
        spread = float(x.std())
        if spread > 30.0 and len(x) >= 8:
            rate = float(((x - x.mean()) * (y - y.mean())).mean() / spread**2)
            if abs(rate / VARIANTS[hint.group].rate - 1.0) > 0.02:
                break
            line = Line(rate, float(y.mean() - rate * x.mean()), line.shift)
        else:
            line = Line(line.rate, float(np.median(y - line.rate * x)), line.shift)
    return line


def refine(
    line: Line, around: tuple[float, float], reference: ReferenceSound, survivors: Survivors
) -> Line:
    """Try small changes of rate, shift and start; return the line under which most peaks survive.

    Args:
        around: reference frames (from, to) of the evidence.
    """
    low, high = np.searchsorted(reference.peaks.frame, around)
    step = max(1, (int(high) - int(low)) // REFINED_PEAKS)
    frames = reference.peaks.frame[low:high:step].astype(np.float64)
    bins = reference.peaks.bin[low:high:step].astype(np.float64)
    if not len(frames):
        return line
    middle = float(frames.mean())
    reach = max(float(np.abs(frames - middle).max()), 1.0)
    # Each rate moves the ends by half a frame; beyond four steps another hint applies.
    changes = (
        np.array([0, 1, -1, 2, -2, 3, -3, 4, -4]) * (0.5 / reach) if reach > 60 else np.zeros(1)
    )
    plain = line.shift == 0.0 and abs(line.rate) == 1.0
    shifts = line.shift + (np.zeros(1) if plain else np.array([0.0, -0.5, 0.5]))
    rates = line.rate * (1.0 + changes)
    pivots = line.start + (line.rate - rates) * (middle - line.start) / line.rate
    starts = pivots[:, None] + _STEPS[None]
    rows = np.rint((frames - starts[:, :, None]) / rates[:, None, None] * SHIFTS).astype(np.intp)
    best, best_score = line, -1.0
    for shift in shifts:
        query_bins = np.broadcast_to(np.rint(bins - shift).astype(np.intp), rows.shape)
        scores = (
            survivors.hits(rows, query_bins).sum(axis=2, dtype=np.int64)
            - 0.01 * np.abs(_STEPS)[None]
        )
        scores = scores - 0.01 * reach * np.abs(changes)[:, None]
        at = np.unravel_index(int(scores.argmax()), scores.shape)
        if scores[at] > best_score:
            best_score = float(scores[at])
            best = Line(float(rates[at[0]]), float(starts[at]), float(shift))
    return best


def find_segments(
    line: Line, reference: ReferenceSound, survivors: Survivors, min_evidence: float
) -> list[Segment]:
    """Return the strongest segment of a line and all others with ``min_evidence`` nats, strongest
    first.

    They do not overlap. Others are searched only beside a segment of ``min_evidence`` nats.
    """
    rows = np.rint((reference.peaks.frame - line.start) / line.rate * SHIFTS).astype(np.intp)
    bins = np.rint(reference.peaks.bin - line.shift).astype(np.intp)
    inside = np.flatnonzero((rows >= 0) & (rows < survivors.rows) & (bins >= 0) & (bins < BINS))
    if not len(inside):
        return []
    rows, bins = rows[inside], bins[inside]
    hits, chance = survivors.hits(rows, bins), survivors.chance(rows, bins)
    totals = _running_evidence(hits, chance)
    frames = reference.peaks.frame[inside].astype(np.float64)
    segments: list[Segment] = []
    todo = [(0, len(inside))]
    while todo and len(segments) < MAX_SEGMENTS_PER_LINE:
        low, high = todo.pop()
        best = _strongest_run(totals[:, low : high + 1])
        if best is None or (segments and best[2] < min_evidence):
            continue
        first, last, evidence = best[0] + low, best[1] + low, best[2]
        expected = float(chance[first:last].sum())
        count, survived = last - first, int(np.count_nonzero(hits[first:last]))
        survival = min(1.0, max(0.0, (survived - expected) / max(count - expected, 1.0)))
        segments.append(
            Segment(
                line=line,
                first=float(frames[first]),
                last=float(frames[last - 1]),
                evidence=evidence,
                peaks=count,
                survived=survived,
                survival=survival,
            )
        )
        if evidence >= min_evidence:
            todo += [(low, first), (last, high)]
    return sorted(segments, key=lambda segment: -segment.evidence)


def _running_evidence(hits: NDArray[np.uint8], chance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (len(SURVIVAL), n + 1) running sums of the peaks' log likelihood ratios, starting at
    0.

    A surviving peak is in the predicted bin with probability EXACT, else in the next one. A chance
    peak is in the predicted bin one time in three.
    """
    totals = np.zeros((len(SURVIVAL), len(hits) + 1))
    for row, survival in enumerate(SURVIVAL):
        right = np.log((survival * EXACT + (1.0 - survival) * chance / 3.0) / (chance / 3.0))
        beside = np.log(
            (survival * (1.0 - EXACT) + (1.0 - survival) * chance * 2.0 / 3.0)
            / (chance * 2.0 / 3.0)
        )
        np.cumsum(
            np.choose(hits, (np.float32(np.log(1.0 - survival)), beside, right)),
            out=totals[row, 1:],
        )
    return totals


def _strongest_run(totals: NDArray[np.float64]) -> tuple[int, int, float] | None:
    """Return the run (first, end, evidence) with the largest rise of any sum (Kadane)."""
    if totals.shape[1] < 2:
        return None
    lowest = np.minimum.accumulate(totals, axis=1)
    gains = totals - lowest
    row, end = np.unravel_index(int(gains.argmax()), gains.shape)
    if gains[row, end] <= 0.0:
        return None
    first = int(np.flatnonzero(totals[row, : end + 1] == lowest[row, end])[-1])
    return first, int(end), float(gains[row, end])
