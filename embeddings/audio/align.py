"""From a hint to an exact alignment: which stretch of the query is which stretch of the reference,
and how strong the evidence is.

The reference's peaks are predicted in the query (as quad-based fingerprinting verifies; Sonnleitner
and Widmer, DAFx 2014). Each that survives or not moves a sum of log likelihood ratios; the stretch
with the largest sum is the segment, and the tail of such sums under chance is exponential (Karlin
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
MAX_STRETCHES = 16
SURVIVAL = (0.25, 0.7)  # a peak's chance to live through an edit: a heavy and a light one
REFINED_PEAKS = 200  # enough to place a line; more only cost time
NEAR_FRAMES = 4.0  # landmarks so close to a line belong to it
_STEPS = np.arange(-3, 4) * 0.5


@dataclass(frozen=True)
class Line:
    """reference frame = rate x query frame + start; reference bin = query bin + shift."""

    rate: float
    start: float
    shift: float


@dataclass(frozen=True)
class Stretch:
    """A matched stretch of a line. Frames of the reference; evidence in nats; survival: share of
    the peaks that live beyond chance; peaks, survived: how many were predicted and found.
    """

    line: Line
    first: float
    last: float
    evidence: float
    peaks: int
    survived: int
    survival: float


def line_of(hint: Hint) -> Line:
    """The line that a hint stands for."""
    variant = VARIANTS[hint.group]
    return Line(variant.rate, hint.offset, float(variant.shift))


def fit_line(hint: Hint, hits: Hits) -> Line:
    """The line through the landmarks near a hint: least squares, thrice, keeping what lies close.

    The slope is only touched where the landmarks span more than five seconds; below that they
    cannot tell.
    """
    line = line_of(hint)
    mine = hits.group == hint.group
    query = hits.position[mine].astype(np.float64) / VARIANTS[hint.group].rate
    place = hits.place[mine].astype(np.float64)
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
    """Try small changes of rate, shift and start, and keep those under which most peaks survive.

    Args:
        around: reference frames (from, to) that the evidence lies in.
    """
    low, high = np.searchsorted(reference.peaks.frame, around)
    step = max(1, (int(high) - int(low)) // REFINED_PEAKS)
    frames = reference.peaks.frame[low:high:step].astype(np.float64)
    bins = reference.peaks.bin[low:high:step].astype(np.float64)
    if not len(frames):
        return line
    middle = float(frames.mean())
    reach = max(float(np.abs(frames - middle).max()), 1.0)
    # Rates that move the ends by half a frame each; beyond four steps another hint is responsible.
    changes = (
        np.array([0, 1, -1, 2, -2, 3, -3, 4, -4]) * (0.5 / reach) if reach > 60 else np.zeros(1)
    )
    plain = line.shift == 0.0 and line.rate == 1.0
    shifts = line.shift + (np.zeros(1) if plain else np.array([0.0, -0.5, 0.5]))
    rates = line.rate * (1.0 + changes)
    pivots = line.start + (line.rate - rates) * (middle - line.start) / line.rate
    starts = pivots[:, None] + _STEPS[None]
    rows = np.rint((frames - starts[:, :, None]) / rates[:, None, None] * SHIFTS).astype(np.intp)
    best, most = line, -1.0
    for shift in shifts:
        query_bins = np.broadcast_to(np.rint(bins - shift).astype(np.intp), rows.shape)
        found = (
            survivors.hits(rows, query_bins).sum(axis=2, dtype=np.int64)
            - 0.01 * np.abs(_STEPS)[None]
        )
        found = found - 0.01 * reach * np.abs(changes)[:, None]
        at = np.unravel_index(int(found.argmax()), found.shape)
        if found[at] > most:
            most = float(found[at])
            best = Line(float(rates[at[0]]), float(starts[at]), float(shift))
    return best


def stretches(
    line: Line, reference: ReferenceSound, survivors: Survivors, least: float
) -> list[Stretch]:
    """The strongest stretch along a line, and the others on it with at least ``least`` nats;
    strongest first.

    They do not overlap. Others are only looked for beside a first one of ``least`` nats.
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
    found: list[Stretch] = []
    todo = [(0, len(inside))]
    while todo and len(found) < MAX_STRETCHES:
        low, high = todo.pop()
        best = _strongest(totals[:, low : high + 1])
        if best is None or (found and best[2] < least):
            continue
        first, last, evidence = best[0] + low, best[1] + low, best[2]
        expected = float(chance[first:last].sum())
        count, survived = last - first, int(np.count_nonzero(hits[first:last]))
        survival = min(1.0, max(0.0, (survived - expected) / max(count - expected, 1.0)))
        found.append(
            Stretch(
                line,
                float(frames[first]),
                float(frames[last - 1]),
                evidence,
                count,
                survived,
                survival,
            )
        )
        if evidence >= least:
            todo += [(low, first), (last, high)]
    return sorted(found, key=lambda stretch: -stretch.evidence)


def _running_evidence(hits: NDArray[np.uint8], chance: NDArray[np.float32]) -> NDArray[np.float64]:
    """(len(SURVIVAL), n + 1) running sums of each peak's log likelihood ratio, starting at 0.

    A peak that survives is found right there with probability EXACT, else in the next bin; by
    chance, one time in three.
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


def _strongest(totals: NDArray[np.float64]) -> tuple[int, int, float] | None:
    """The run (first, end, evidence) with the largest rise of any of the sums; Kadane's
    algorithm.
    """
    if totals.shape[1] < 2:
        return None
    lowest = np.minimum.accumulate(totals, axis=1)
    gains = totals - lowest
    row, end = np.unravel_index(int(gains.argmax()), gains.shape)
    if gains[row, end] <= 0.0:
        return None
    first = int(np.flatnonzero(totals[row, : end + 1] == lowest[row, end])[-1])
    return first, int(end), float(gains[row, end])
