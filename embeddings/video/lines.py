"""Straight lines in the likeness of two videos: reference time = speed x query time + shift.

Hough voting over speed and shift. A line is scored by its best run instead of its sum, so that ten
seconds in an hour stand out as much as in a minute. The winner is refined by least squares, its
rows are removed, and the search continues.

Sources: Douze et al., "Circulant temporal encoding for video retrieval and temporal alignment",
IJCV 2016 (shift votes); He et al., "VCSL", CVPR 2022 (segments as the unit); Bentley, "Programming
Pearls", CACM 1984 (best run).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.video.similarity import Cells

SPEEDS = tuple(round(2.0 ** (k / 10), 4) for k in range(-10, 11))  # 0.5 to 2 in steps of 7 %
MIN_GAIN = 0.2  # likeness from which a point extends a run
FAINT = 0.1  # cells below this do not vote
# handicap of a reversed line: still content runs either way
BACKWARDS = 0.75
ODD_SPEED = 0.97  # handicap of other speeds than 1
MAX_LINES = 8
UNSHARPENED_WEIGHT = 0.7  # of a cell's likeness where no sharpened line is found


@dataclass(frozen=True, eq=False)
class Line:
    """A run of points along a line: query point rows[k] shows what reference point columns[k]
    shows.

    score: sum over the points of their sharpened likeness less MIN_GAIN.
    """

    speed: float
    shift_s: float
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    score: float


def find_lines(cells: Cells, step_s: float, min_score: float) -> list[Line]:
    """Return the runs that reach ``min_score``, best first, none sharing a query point.

    Args:
        step_s: the wider of the two spacings.
    """
    # All seconds of a shot are alike in a tight crop, so that none stands out. Then unsharpened
    # likeness must do, which still shows the order of the shots.
    return _lines(cells.sharp, cells, step_s, min_score) or _lines(
        cells.values * UNSHARPENED_WEIGHT, cells, step_s, min_score
    )


def _lines(
    values: NDArray[np.float32], cells: Cells, step_s: float, min_score: float
) -> list[Line]:
    sharp = values.copy()
    lines: list[Line] = []
    while len(lines) < MAX_LINES:
        line = _best_line(sharp, cells, step_s)
        if line is None or line.score < min_score:
            break
        lines.append(line)
        sharp[line.rows[0] : line.rows[-1] + 1] = 0.0
    return lines


def _best_line(sharp: NDArray[np.float32], cells: Cells, step_s: float) -> Line | None:
    rows, columns = np.nonzero(sharp > FAINT)
    if not len(rows):
        return None
    votes = sharp[rows, columns]
    at, to = cells.rows_s[rows], cells.columns_s[columns]
    best: tuple[float, float, float] = (0.0, 1.0, 0.0)
    for direction in (1.0, -1.0):
        for size in SPEEDS:
            speed = direction * size
            handicap = (1.0 if size == 1.0 else ODD_SPEED) * (1.0 if direction > 0 else BACKWARDS)
            score, shift = _best_shift(rows, to - speed * at, votes, sharp.shape[0], step_s)
            best = max(best, (score * handicap, speed, shift))
    _, speed, shift = best
    line = _along(sharp, cells, speed, shift, 1.0 * step_s)
    if line is None:
        return None
    refined = _refined(cells, line, sharp)
    if refined is None:
        return line
    refitted = _along(sharp, cells, *refined, 0.75 * step_s)
    return refitted if refitted is not None and refitted.score >= 0.9 * line.score else line


def _best_shift(
    rows: NDArray[np.int64],
    shifts: NDArray[np.float64],
    votes: NDArray[np.float32],
    count: int,
    step_s: float,
) -> tuple[float, float]:
    """Return the score of the best run of any shift, and that shift."""
    low = float(shifts.min())
    bins = np.asarray((shifts - low) / step_s, np.int64)
    table = np.zeros((count, int(bins.max()) + 2), np.float32)
    np.maximum.at(table, (rows, bins), votes)
    # A line may run along the border of two bins, so neighbours are counted together.
    gain = np.maximum(table[:, :-1], table[:, 1:]) - MIN_GAIN
    run = np.zeros(gain.shape[1], np.float32)
    best = np.zeros(gain.shape[1], np.float32)
    for row in gain:
        run = np.maximum(run + row, 0.0)
        best = np.maximum(best, run)
    winner = int(best.argmax())
    return float(best[winner]), low + (winner + 1) * step_s


def _along(
    sharp: NDArray[np.float32], cells: Cells, speed: float, shift: float, reach_s: float
) -> Line | None:
    """Return a line's best run, with the best reference point in reach of each query point."""
    expected = speed * cells.rows_s + shift
    away = np.abs(cells.columns_s[None, :] - expected[:, None])
    near = np.where(away <= reach_s, sharp - 0.05 * away / max(reach_s, 1e-6), -1.0)
    columns = near.argmax(axis=1)
    likeness = np.maximum(
        np.where(near.max(axis=1) > -1.0, sharp[np.arange(len(sharp)), columns], 0.0), 0.0
    )
    start, end, score = best_run(likeness - MIN_GAIN)
    if end <= start:
        return None
    rows = np.arange(start, end)
    rows = rows[likeness[start:end] > FAINT]
    return Line(speed, shift, rows, columns[rows], score)


def best_run(gains: NDArray[np.floating]) -> tuple[int, int, float]:
    """Return (start, end, sum) of the run with the largest sum; (0, 0, 0.0) if none is positive."""
    best = (0, 0, 0.0)
    start, total = 0, 0.0
    for at, gain in enumerate(gains):
        if total <= 0.0:
            start, total = at, 0.0
        total += float(gain)
        if total > best[2]:
            best = (start, at + 1, total)
    return best


def _refined(cells: Cells, line: Line, sharp: NDArray[np.float32]) -> tuple[float, float] | None:
    """Fit speed and shift to a run by reweighted least squares; None for short runs."""
    if len(line.rows) < 4:
        return None
    at, to = cells.rows_s[line.rows], cells.columns_s[line.columns]
    base_weight = sharp[line.rows, line.columns].astype(np.float64) ** 2
    weight = base_weight
    speed, shift = line.speed, line.shift_s
    for _ in range(3):
        middle_at, middle_to = np.average(at, weights=weight), np.average(to, weights=weight)
        spread = float((weight * (at - middle_at) ** 2).sum())
        if spread < 1e-6:
            return None
        speed = float((weight * (at - middle_at) * (to - middle_to)).sum()) / spread
        shift = float(middle_to - speed * middle_at)
        off = np.abs(speed * at + shift - to)
        weight = base_weight / np.maximum(off, 0.25)
    if not 0.93 <= speed / line.speed <= 1.07:
        return None
    return speed, shift
