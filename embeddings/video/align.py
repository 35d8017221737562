"""Which stretches of a video repeat which stretches of a reference, as far as the stored
descriptors tell.

What comes out is proposed, not proven: each proposal names a few pairs of frames to be overlaid on
each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.lines import Line, best_run, find_lines
from embeddings.video.match import SecondScore
from embeddings.video.motion import SAME_SHOT_BITS, hash_bits_apart
from embeddings.video.similarity import Cells, cells, frame_likeness

MIN_SCORE = 0.6  # of a line: one frame that is surely alike; pictures must prove the rest
STILL_WORTH = 0.35  # likeness from which a frame may show a registered picture
PAIRS = 3  # frame pairs of a stretch that are verified at first ...
MORE_PAIRS = 2  # ... and where they leave it open
AS_ALIKE = 0.5  # of the median likeness along a line: what its ends must reach to be lengthened
HINT = 0.12  # likeness of two frames from which it is worth laying them over each other
MOMENTS = 12
# intervals that another speed must drift over the run to be told from the same speed
SAME_SPEED_DRIFT = 1.0


@dataclass(frozen=True)
class Proposal:
    """A stretch that may be a repetition, in seconds of either.

    pairs: (query frame, reference frame) to verify, best first. moments: pairs evenly spaced in
    time and chosen by the clock alone, to see whether what moves moves alike; none where the
    stretch is of many shots. (Among pairs chosen because they look alike, any two talking heads
    move alike.)
    """

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    speed: float
    likeness: float
    score: float
    pairs: tuple[tuple[int, int], ...]
    moments: tuple[tuple[int, int], ...]
    seconds: tuple[SecondScore, ...]

    @property
    def reversed(self) -> bool:
        return self.speed < 0


def align(query: VideoFingerprint, reference: ReferenceVideo) -> tuple[Proposal, ...]:
    """The stretches that the two may share, best first; empty where nothing is alike."""
    if not query.frames or not len(reference.times_s):
        return ()
    return propose(query, reference, cells(query.frames, query.interval_s, reference))


def propose(
    query: VideoFingerprint, reference: ReferenceVideo, compared: Cells
) -> tuple[Proposal, ...]:
    """The stretches along which two videos are alike by the given comparison."""
    if reference.is_picture:
        return _stills(query, compared)
    step = max(query.interval_s, reference.interval_s)
    lines = find_lines(compared, step, MIN_SCORE)
    found = [
        _proposal(_stretched(line, compared, step), compared, query, reference) for line in lines
    ]
    return tuple(sorted(_joined(found, step), key=lambda one: -one.score))


def _joined(found: Sequence[Proposal], step_s: float) -> list[Proposal]:
    """Stretches that go on where another ends, on both timelines, as one."""
    joined: list[Proposal] = []
    for one in sorted(found, key=lambda proposal: proposal.query_start_s):
        last = joined[-1] if joined else None
        if last is None or not _goes_on(last, one, step_s):
            joined.append(one)
            continue
        points = len(last.seconds) + len(one.seconds)
        likeness = (last.likeness * len(last.seconds) + one.likeness * len(one.seconds)) / points
        longer = max(last, one, key=lambda proposal: proposal.query_end_s - proposal.query_start_s)
        joined[-1] = Proposal(
            last.query_start_s,
            one.query_end_s,
            min(last.reference_start_s, one.reference_start_s),
            max(last.reference_end_s, one.reference_end_s),
            longer.speed,
            likeness,
            last.score + one.score,
            (*longer.pairs, *(pair for pair in last.pairs + one.pairs if pair not in longer.pairs)),
            longer.moments,
            last.seconds + one.seconds,
        )
    return joined


def _goes_on(last: Proposal, one: Proposal, step_s: float) -> bool:
    ahead = (
        last.reference_start_s - one.reference_end_s
        if last.reversed
        else one.reference_start_s - last.reference_end_s
    )
    return (
        last.reversed == one.reversed
        and abs(one.speed - last.speed) <= 0.07 * abs(last.speed)
        and one.query_start_s - last.query_end_s <= step_s
        and abs(ahead - (one.query_start_s - last.query_end_s) * abs(last.speed)) <= 1.25 * step_s
    )


def _stretched(line: Line, compared: Cells, step_s: float) -> Line:
    """The line with the points before and after it that are as alike as its own, though others are
    as alike as they.

    The first and last second of a shot are often too like their neighbours to lengthen the run by
    themselves.
    """
    away = np.abs(
        compared.columns_s[None, :] - (line.speed * compared.rows_s + line.shift_s)[:, None]
    )
    near = np.where(away <= 0.75 * step_s, compared.values, -1.0)
    likeness, columns = near.max(axis=1), near.argmax(axis=1)
    needed = AS_ALIKE * float(np.median(compared.values[line.rows, line.columns]))
    start, end = int(line.rows[0]), int(line.rows[-1])
    while start > 0 and likeness[start - 1] >= needed:
        start -= 1
    while end + 1 < len(likeness) and likeness[end + 1] >= needed:
        end += 1
    before, after = np.arange(start, int(line.rows[0])), np.arange(int(line.rows[-1]) + 1, end + 1)
    rows = np.concatenate([before, line.rows, after])
    return replace(
        line, rows=rows, columns=np.concatenate([columns[before], line.columns, columns[after]])
    )


def likeliest(
    query: VideoFingerprint, reference: ReferenceVideo, limit: int
) -> tuple[tuple[int, int], ...]:
    """The frame pairs that are most alike, (query frame, reference frame), best first, no query
    frame twice: where no stretch stands out, one of them may still be proven and show how the one
    work lies in the other.
    """
    if not query.frames or not len(reference.times_s):
        return ()
    likeness = frame_likeness(query.frames, reference)
    best = likeness.max(axis=1)
    rows = [int(row) for row in np.argsort(-best, kind="stable")[:limit] if best[row] >= HINT]
    return tuple((row, int(likeness[row].argmax())) for row in rows)


def _proposal(
    line: Line, compared: Cells, query: VideoFingerprint, reference: ReferenceVideo
) -> Proposal:
    at, to = compared.rows_s[line.rows], compared.columns_s[line.columns]
    weight = compared.sharp[line.rows, line.columns].astype(np.float64)
    speed, shift = line.speed, line.shift_s
    step = max(query.interval_s, reference.interval_s)
    if speed > 0 and abs(speed - 1.0) * (at[-1] - at[0]) < SAME_SPEED_DRIFT * step:
        speed, shift = 1.0, float(np.average(to - at, weights=weight))
    # The border lies between the last point that matches and the next one that does not: half an
    # interval on.
    start = max(0.0, float(at[0]) - query.interval_s / 2)
    end = min(query.duration_s, float(at[-1]) + query.interval_s / 2)
    start = 0.0 if start < query.interval_s else start
    end = query.duration_s if query.duration_s - end < query.interval_s else end
    low, high = sorted((speed * start + shift, speed * end + shift))
    # Nothing of the reference lies outside it, and what was cut away from the query cannot match.
    start, end = _clipped(start, end, speed, shift, reference.duration_s)
    low, high = max(0.0, low), min(reference.duration_s, high)
    likeness = compared.values[line.rows, line.columns]
    return Proposal(
        round(start, 3),
        round(end, 3),
        round(low, 3),
        round(high, 3),
        round(speed, 4),
        float(likeness.mean()),
        line.score,
        _pairs(line.rows, line.columns, compared),
        _moments(line, speed, shift, compared, reference),
        _seconds(line, compared),
    )


def _clipped(
    start: float, end: float, speed: float, shift: float, duration_s: float
) -> tuple[float, float]:
    """The part of the query's stretch that falls on the reference."""
    bounds = sorted(((0.0 - shift) / speed, (duration_s - shift) / speed))
    return max(start, bounds[0]), max(min(end, bounds[1]), start)


def _pairs(
    rows: NDArray[np.int64], columns: NDArray[np.int64], compared: Cells
) -> tuple[tuple[int, int], ...]:
    """Frame pairs to verify: the most alike of each fifth of the stretch, the best fifths first;
    each frame once.
    """
    value = compared.sharp[rows, columns]
    fifths = np.array_split(np.arange(len(rows)), PAIRS + MORE_PAIRS)
    chosen = [int(part[value[part].argmax()]) for part in fifths if len(part)]
    chosen.sort(key=lambda k: -float(value[k]))
    pairs = [
        (int(compared.row_frames[rows[k]]), int(compared.column_frames[columns[k]])) for k in chosen
    ]
    return tuple(dict.fromkeys(pairs))


def _moments(
    line: Line, speed: float, shift: float, compared: Cells, reference: ReferenceVideo
) -> tuple[tuple[int, int], ...]:
    first, last = int(line.rows[0]), int(line.rows[-1])
    rows = np.unique(np.linspace(first, last, MOMENTS).round().astype(np.int64))
    columns = np.abs(
        compared.columns_s[None, :] - (speed * compared.rows_s[rows] + shift)[:, None]
    ).argmin(axis=1)
    pairs = list(
        zip(
            compared.row_frames[rows].tolist(),
            compared.column_frames[columns].tolist(),
            strict=True,
        )
    )
    shown = sorted({to for _, to in pairs})
    near = [
        hash_bits_apart(reference.phashes[a], reference.phashes[b]) <= SAME_SHOT_BITS
        for a, b in pairwise(shown)
    ]
    return tuple(dict.fromkeys(pairs)) if len(shown) == 1 or any(near) else ()


def _seconds(line: Line, compared: Cells) -> tuple[SecondScore, ...]:
    return tuple(
        SecondScore(
            round(float(compared.rows_s[row]), 3),
            round(float(compared.columns_s[column]), 3),
            round(float(compared.values[row, column]), 4),
        )
        for row, column in zip(line.rows, line.columns, strict=True)
    )


def _stills(query: VideoFingerprint, compared: Cells) -> tuple[Proposal, ...]:
    """Where a video shows a registered picture: the best unbroken stretch."""
    start, end, total = best_run(compared.values[:, 0] - STILL_WORTH)
    if end <= start:
        return ()
    rows = np.arange(start, end)
    line = Line(1.0, 0.0, rows, np.zeros(len(rows), np.int64), total)
    first, last = float(compared.rows_s[start]), float(compared.rows_s[end - 1])
    until = min(query.duration_s, last + query.interval_s)
    return (
        Proposal(
            round(first, 3),
            round(until, 3),
            0.0,
            0.0,
            1.0,
            float(compared.values[rows, 0].mean()),
            total,
            _pairs(rows, line.columns, compared),
            (),
            _seconds(line, compared),
        ),
    )


def frames_wanted(proposals: Sequence[Proposal], reference: ReferenceVideo) -> tuple[int, ...]:
    """frame_ms of the reference frames whose proxies a verification of these proposals may need."""
    wanted = {frame for proposal in proposals for _, frame in (*proposal.pairs, *proposal.moments)}
    return tuple(sorted(reference.frame_ms(frame) for frame in wanted))
