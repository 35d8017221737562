"""Which parts of a video repeat which parts of a reference, as far as stored descriptors show.

The results are proposals, not proofs: each names a few pairs of frames to verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from embeddings.image.views import QueryView
from embeddings.video.fingerprint import (
    KeyFrame,
    ReferenceVideo,
    Showing,
    VideoFingerprint,
    complement,
)
from embeddings.video.lines import Line, best_run, find_lines
from embeddings.video.match import SecondScore
from embeddings.video.motion import SAME_SHOT_BITS, hash_bits_apart
from embeddings.video.similarity import Cells, compare_frames, frame_likeness

MIN_SCORE = 0.6  # of a line: one frame that is surely alike; verification must prove the rest
STILL_LIKENESS = 0.35  # likeness from which a frame may show a registered picture
PAIRS = 3  # frame pairs of a proposal to verify first ...
MORE_PAIRS = 2  # ... and if these do not decide it
EXTEND_SHARE = 0.5  # of the median likeness along a line: points this alike extend its ends
MIN_PROBE_LIKENESS = 0.12  # of two frames, to be worth verifying
MOMENTS = 12
SHOWINGS: tuple[Showing, ...] = ("whole", "window", "negative")
# an unmoving video shorter than that is not told from a cut; the likeliest moments to verify
MIN_STILL_S, MAX_MOMENTS = 2.5, 3
MUCH_BETTER = 1.2  # an unusual showing must explain that much more
# intervals that another speed must drift over the run to differ from the same speed
SAME_SPEED_DRIFT = 1.0


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A part of the query that may repeat a part of the reference, in seconds of either.

    pairs: (query frame, reference frame) to verify, best first.
    one_moment: an unmoving video that may show one moment of the reference.
    moments: pairs evenly spaced in time and chosen by the clock alone, to compare what moves; empty
    for parts of many shots. (Among pairs chosen by likeness, any two talking heads move alike.)
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
    showing: Showing = "whole"
    one_moment: bool = False

    @property
    def reversed(self) -> bool:
        return self.speed < 0


def align(query: VideoFingerprint, reference: ReferenceVideo) -> tuple[Proposal, ...]:
    """Return the parts that two videos may share, best first; empty where nothing is alike."""
    best: tuple[Proposal, ...] = ()
    for showing in SHOWINGS:
        if (
            not len(reference.times_s)
            or not query.frames
            or (showing == "window" and not query.window)
        ):
            continue
        frames = query.frames if showing == "whole" else query.window
        if showing == "negative":
            frames = tuple(_negative_views(frame) for frame in query.frames)
        proposals = propose(
            replace(query, frames=frames),
            reference,
            compare_frames(frames, query.interval_s, reference),
        )
        if sum(p.score for p in proposals) > MUCH_BETTER * sum(p.score for p in best):
            best = tuple(replace(proposal, showing=showing) for proposal in proposals)
    return best


def _negative_views(frame: KeyFrame) -> KeyFrame:
    """Return the frame with the hashes of its negative alone, which is all that alignment needs."""
    views = tuple(
        QueryView(view.name, complement(view.phash), view.phash_quality)
        for view in frame.views
        if view.name in ("whole", "mirrored")
    )
    return replace(frame, views=views)


def propose(
    query: VideoFingerprint, reference: ReferenceVideo, cells: Cells
) -> tuple[Proposal, ...]:
    """Return the parts along which two videos are alike by the given comparison."""
    if reference.is_picture:
        return _stills(query, cells)
    if len(query.frames) == 1 and query.content_s >= MIN_STILL_S:
        return _moment(query, reference, cells)
    step = max(query.interval_s, reference.interval_s)
    lines = find_lines(cells, step, MIN_SCORE)
    proposals = [_proposal(_extended(line, cells, step), cells, query, reference) for line in lines]
    return tuple(sorted(_joined(proposals, step), key=lambda proposal: -proposal.score))


def _joined(proposals: Sequence[Proposal], step_s: float) -> list[Proposal]:
    """Join proposals that continue each other on both timelines."""
    joined: list[Proposal] = []
    for following in sorted(proposals, key=lambda proposal: proposal.query_start_s):
        last = joined[-1] if joined else None
        if last is None or not _continues(last, following, step_s):
            joined.append(following)
            continue
        points = len(last.seconds) + len(following.seconds)
        likeness = (
            last.likeness * len(last.seconds) + following.likeness * len(following.seconds)
        ) / points
        longer = max(last, following, key=lambda p: p.query_end_s - p.query_start_s)
        further = [pair for pair in last.pairs + following.pairs if pair not in longer.pairs]
        joined[-1] = Proposal(
            query_start_s=last.query_start_s,
            query_end_s=following.query_end_s,
            reference_start_s=min(last.reference_start_s, following.reference_start_s),
            reference_end_s=max(last.reference_end_s, following.reference_end_s),
            speed=longer.speed,
            likeness=likeness,
            score=last.score + following.score,
            pairs=(*longer.pairs, *further),
            moments=longer.moments,
            seconds=last.seconds + following.seconds,
        )
    return joined


def _continues(last: Proposal, following: Proposal, step_s: float) -> bool:
    ahead = (
        last.reference_start_s - following.reference_end_s
        if last.reversed
        else following.reference_start_s - last.reference_end_s
    )
    gap = following.query_start_s - last.query_end_s
    return (
        last.reversed == following.reversed
        and abs(following.speed - last.speed) <= 0.07 * abs(last.speed)
        and gap <= step_s
        and abs(ahead - gap * abs(last.speed)) <= 1.25 * step_s
    )


def _extended(line: Line, cells: Cells, step_s: float) -> Line:
    """Extend a line by the points before and after it that are about as alike as its own.

    The first and last second of a shot are often too similar to their neighbours to be in the run.
    """
    away = np.abs(cells.columns_s[None, :] - (line.speed * cells.rows_s + line.shift_s)[:, None])
    near = np.where(away <= 0.75 * step_s, cells.values, -1.0)
    likeness, columns = near.max(axis=1), near.argmax(axis=1)
    threshold = EXTEND_SHARE * float(np.median(cells.values[line.rows, line.columns]))
    start, end = int(line.rows[0]), int(line.rows[-1])
    while start > 0 and likeness[start - 1] >= threshold:
        start -= 1
    while end + 1 < len(likeness) and likeness[end + 1] >= threshold:
        end += 1
    before, after = np.arange(start, int(line.rows[0])), np.arange(int(line.rows[-1]) + 1, end + 1)
    rows = np.concatenate([before, line.rows, after])
    return replace(
        line, rows=rows, columns=np.concatenate([columns[before], line.columns, columns[after]])
    )


def most_alike_pairs(
    query: VideoFingerprint, reference: ReferenceVideo, limit: int
) -> tuple[tuple[int, int], ...]:
    """Return the most similar (query frame, reference frame) pairs, best first, no query frame
    twice.

    Where no part stands out, one of them may still be proven, and show how one work lies in the
    other.
    """
    if not query.frames or not len(reference.times_s):
        return ()
    likeness = frame_likeness(query.frames, reference)
    best = likeness.max(axis=1)
    rows = [
        int(row)
        for row in np.argsort(-best, kind="stable")[:limit]
        if best[row] >= MIN_PROBE_LIKENESS
    ]
    return tuple((row, int(likeness[row].argmax())) for row in rows)


def _proposal(
    line: Line, cells: Cells, query: VideoFingerprint, reference: ReferenceVideo
) -> Proposal:
    at, to = cells.rows_s[line.rows], cells.columns_s[line.columns]
    weight = cells.sharp[line.rows, line.columns].astype(np.float64)
    speed, shift = line.speed, line.shift_s
    step = max(query.interval_s, reference.interval_s)
    if speed > 0 and abs(speed - 1.0) * (at[-1] - at[0]) < SAME_SPEED_DRIFT * step:
        speed, shift = 1.0, float(np.average(to - at, weights=weight))
    # The border is half an interval beyond the last matching point.
    start = max(0.0, float(at[0]) - query.interval_s / 2)
    end = min(query.duration_s, float(at[-1]) + query.interval_s / 2)
    start = 0.0 if start < query.interval_s else start
    end = query.duration_s if query.duration_s - end < query.interval_s else end
    low, high = sorted((speed * start + shift, speed * end + shift))
    # The part must lie inside the reference, and in the query where that does.
    start, end = _clipped(start, end, speed, shift, reference.duration_s)
    low, high = max(0.0, low), min(reference.duration_s, high)
    likeness = cells.values[line.rows, line.columns]
    return Proposal(
        query_start_s=round(start, 3),
        query_end_s=round(end, 3),
        reference_start_s=round(low, 3),
        reference_end_s=round(high, 3),
        speed=round(speed, 4),
        likeness=float(likeness.mean()),
        score=line.score,
        pairs=_pairs(line.rows, line.columns, cells),
        moments=_moments(line, speed, shift, cells, reference),
        seconds=_seconds(line, cells),
    )


def _clipped(
    start: float, end: float, speed: float, shift: float, duration_s: float
) -> tuple[float, float]:
    """Return the part of the query's span that falls on the reference."""
    bounds = sorted(((0.0 - shift) / speed, (duration_s - shift) / speed))
    return max(start, bounds[0]), max(min(end, bounds[1]), start)


def _pairs(
    rows: NDArray[np.int64], columns: NDArray[np.int64], cells: Cells
) -> tuple[tuple[int, int], ...]:
    """Return the frame pairs to verify: the most alike of each fifth, best fifths first, without
    repeats.
    """
    value = cells.sharp[rows, columns]
    fifths = np.array_split(np.arange(len(rows)), PAIRS + MORE_PAIRS)
    chosen = [int(part[value[part].argmax()]) for part in fifths if len(part)]
    chosen.sort(key=lambda k: -float(value[k]))
    pairs = [(int(cells.row_frames[rows[k]]), int(cells.column_frames[columns[k]])) for k in chosen]
    return tuple(dict.fromkeys(pairs))


def _moments(
    line: Line, speed: float, shift: float, cells: Cells, reference: ReferenceVideo
) -> tuple[tuple[int, int], ...]:
    first, last = int(line.rows[0]), int(line.rows[-1])
    rows = np.unique(np.linspace(first, last, MOMENTS).round().astype(np.int64))
    columns = np.abs(
        cells.columns_s[None, :] - (speed * cells.rows_s[rows] + shift)[:, None]
    ).argmin(axis=1)
    pairs = list(
        zip(cells.row_frames[rows].tolist(), cells.column_frames[columns].tolist(), strict=True)
    )
    reference_frames = sorted({to for _, to in pairs})
    same_shot = [
        hash_bits_apart(reference.phashes[a], reference.phashes[b]) <= SAME_SHOT_BITS
        for a, b in pairwise(reference_frames)
    ]
    one_frame = len(reference_frames) == 1
    return tuple(dict.fromkeys(pairs)) if one_frame or any(same_shot) else ()


def _seconds(line: Line, cells: Cells) -> tuple[SecondScore, ...]:
    return tuple(
        SecondScore(
            round(float(cells.rows_s[row]), 3),
            round(float(cells.columns_s[column]), 3),
            round(float(cells.values[row, column]), 4),
        )
        for row, column in zip(line.rows, line.columns, strict=True)
    )


def _stills(query: VideoFingerprint, cells: Cells) -> tuple[Proposal, ...]:
    """Return where a video shows a registered picture, or the pictures of an animation: of each the
    best unbroken run, best first.
    """
    stills = [_still(query, cells, column) for column in range(cells.values.shape[1])]
    return tuple(sorted(filter(None, stills), key=lambda proposal: -proposal.score))


def _moment(
    query: VideoFingerprint, reference: ReferenceVideo, cells: Cells
) -> tuple[Proposal, ...]:
    """Return where an unmoving video may show one moment of a reference, the most alike first."""
    best = np.argsort(-cells.values.max(axis=0), kind="stable")
    frames = dict.fromkeys(cells.column_frames[best].tolist())
    proposals = []
    for frame in list(frames)[:MAX_MOMENTS]:
        column = int(np.flatnonzero(cells.column_frames == frame)[0])
        proposal = _still(query, cells, column)
        if proposal is not None:
            start = float(reference.times_s[frame])
            end = min(reference.duration_s, start + float(reference.spans_s[frame]))
            proposals.append(
                replace(
                    proposal,
                    reference_start_s=round(start, 3),
                    reference_end_s=round(end, 3),
                    one_moment=True,
                )
            )
    return tuple(proposals)


def _still(query: VideoFingerprint, cells: Cells, column: int) -> Proposal | None:
    start, end, total = best_run(cells.values[:, column] - STILL_LIKENESS)
    if end <= start:
        return None
    rows = np.arange(start, end)
    line = Line(1.0, 0.0, rows, np.full(len(rows), column, np.int64), total)
    first, last = float(cells.rows_s[start]), float(cells.rows_s[end - 1])
    until = min(query.duration_s, last + query.interval_s)
    return Proposal(
        query_start_s=round(first, 3),
        query_end_s=round(until, 3),
        reference_start_s=0.0,
        reference_end_s=0.0,
        speed=1.0,
        likeness=float(cells.values[rows, column].mean()),
        score=total,
        pairs=_pairs(rows, line.columns, cells),
        moments=(),
        seconds=_seconds(line, cells),
    )


def needed_frames(proposals: Sequence[Proposal], reference: ReferenceVideo) -> tuple[int, ...]:
    """Return frame_ms of the reference frames whose proxies a verification may need."""
    frames = {frame for proposal in proposals for _, frame in (*proposal.pairs, *proposal.moments)}
    for proposal in proposals:
        if proposal.one_moment:  # what moves there is told by the frames around
            around = [to + step for _, to in proposal.pairs for step in (-1, 1)]
            frames |= {frame for frame in around if 0 <= frame < len(reference.times_s)}
    return tuple(sorted(reference.frame_ms(frame) for frame in frames))
