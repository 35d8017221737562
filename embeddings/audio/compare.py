"""Compare a query with a reference: hints of common landmarks, lines, segments, judgement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.align import NEAR_FRAMES, Line, Segment, find_segments, fit_line, refine
from embeddings.audio.calibration import Calibration
from embeddings.audio.fingerprint import AudioFingerprint, sounding_seconds
from embeddings.audio.loops import is_loop
from embeddings.audio.match import AudioMatch, AudioSegment, OffsetHistogram
from embeddings.audio.recording import describe, load_table, residuals_of
from embeddings.audio.reference import CELL_FRAMES, Hint, Hits, ReferenceSound, best_offsets
from embeddings.audio.score import judge, unproven
from embeddings.audio.spectrum import BINS_PER_OCTAVE, FRAME_S
from embeddings.audio.survivors import Survivors

FIRST_HINTS = 2  # tried on every candidate
MORE_HINTS = 24  # tried for further segments if one of the first is promising
# nats above chance; of 475 copies that can be proven, edited hard, one agreed on less than 19
SURPRISING = 12.0
PROMISING = 12.0  # nats
# nats: a further segment beside a proven one; chance reaches it in one pair of sounds in a thousand
FURTHER = 16.0
MAX_SEGMENTS = 12
HISTOGRAM_CELLS = 64
MAX_ALIGNED = 200
CENTRE_S = 0.0929  # a frame's time is the centre of its window
SNAP_S = 0.4  # a segment this close to an end of the sound is extended to it


@dataclass(frozen=True)
class Alignment:
    """Segments that do not overlap in the query, strongest first.

    rival: the strongest segment with the same query seconds elsewhere in the reference; loop: the
    query holds only what repeats in the reference.
    """

    segments: tuple[Segment, ...]
    rival: Segment | None
    loop: bool


def align_sounds(
    query: AudioFingerprint, survivors: Survivors, reference: ReferenceSound, hits: Hits
) -> Alignment:
    """Search the alignment of two sounds."""
    segments: list[Segment] = []
    tried: list[Line] = []
    rival: Segment | None = None
    hints = best_offsets(hits, query.length_frames + reference.frames, MORE_HINTS)
    for number, (hint, votes, nats) in enumerate(hints):
        if nats < SURPRISING:
            break
        promising = segments and segments[0].evidence >= PROMISING and votes >= 3
        if number >= FIRST_HINTS and not promising:
            break
        line = _exact_line(hint, hits, query, reference, survivors)
        if any(_is_same_line(line, other, query.length_frames) for other in tried):
            continue
        tried.append(line)
        for segment in find_segments(line, reference, survivors, FURTHER):
            overlapping = [other for other in segments if _overlap(segment, other) > 0.5]
            if not overlapping:
                if (
                    not segments
                    or segment.evidence >= FURTHER
                    or segment.evidence > segments[0].evidence
                ):
                    segments.append(segment)
                continue
            weakest = min(overlapping, key=lambda other: other.evidence)
            loser = min(weakest, segment, key=lambda other: other.evidence)
            if rival is None or loser.evidence > rival.evidence:
                rival = loser
            if segment.evidence > weakest.evidence:
                segments = [other for other in segments if other is not weakest] + [segment]
        segments.sort(key=lambda segment: -segment.evidence)
    # Only what may be proven is worth the search for loops.
    loop = (
        bool(segments)
        and segments[0].evidence >= 2 * FURTHER
        and is_loop(segments[0], lag_between(segments[0], rival), reference, survivors)
    )
    return Alignment(tuple(segments[:MAX_SEGMENTS]), rival, loop)


def judge_alignment(
    query: AudioFingerprint,
    reference: ReferenceSound,
    hits: Hits,
    alignment: Alignment,
    calibration: Calibration,
) -> AudioMatch:
    """Judge an alignment: similarity, proof, segments and reason."""
    best = alignment.segments[0].evidence if alignment.segments else 0.0
    p_false = calibration.p_false(best, query.duration_s)
    verified = p_false <= calibration.proven_p
    proven = [s for s in alignment.segments if s.evidence >= FURTHER] if verified else []
    recording, proven, played_again = _recordings(query, reference, proven)
    segments = tuple(_segment(s, query, reference, calibration) for s in proven)
    scores = {
        "evidence": best,
        "rival": alignment.rival.evidence if alignment.rival else 0.0,
        "survival": alignment.segments[0].survival if alignment.segments else 0.0,
        "predicted_peaks": float(sum(s.peaks for s in alignment.segments[:1])),
        "found_peaks": float(sum(s.survived for s in alignment.segments[:1])),
        "common_landmarks": float(len(hits.key)),
    }
    if recording is not None:
        scores["recording"] = recording
    similarity, partial, of_query, of_reference = unproven(p_false), False, 0.0, 0.0
    reason = "Nothing that chance does not explain."
    if segments:
        lengths = [s.query_end_s - s.query_start_s for s in segments]
        share = float(np.average([s.share for s in segments], weights=np.maximum(lengths, 0.1)))
        judgement = judge(
            [(s.query_start_s, s.query_end_s) for s in segments],
            [(s.reference_start_s, s.reference_end_s) for s in segments],
            query_s=query.sounding_s,
            reference_s=min(sounding_seconds(reference.peaks), reference.duration_s),
            share=share,
            repeating=alignment.loop,
            speeds=[abs(s.speed) for s in segments],
            played_again=played_again,
        )
        similarity, partial = judgement.similarity, judgement.partial
        of_query, of_reference = judgement.query_coverage, judgement.reference_coverage
        reason = f"{judgement.why} {_describe(segments[0])} P(false) {p_false:.1e}."
    return AudioMatch(
        similarity=round(similarity, 6),
        verified=verified,
        partial=partial,
        p_false=p_false,
        segments=segments,
        query_coverage=of_query,
        reference_coverage=of_reference,
        scores=scores,
        reason=reason,
        histogram=_histogram(hits, alignment),
        aligned=_aligned(hits, alignment) if verified else (),
        calibration=calibration.version,
    )


def _recordings(
    query: AudioFingerprint, reference: ReferenceSound, segments: list[Segment]
) -> tuple[float | None, list[Segment], bool]:
    """Tell segments of one recording from those of one score played twice.

    Returns: the margin of the strongest segment (None where it is too short to tell), the segments
        that count, and whether they are all of the score only.
    """
    table = load_table()
    margins: list[float | None] = []
    for segment in segments:
        features = describe(residuals_of(query.dense, reference.peaks, segment), segment)
        margins.append(None if features is None else table.margin(features))
    if not segments:
        return None, [], False
    # What is too short to tell goes with the strongest segment.
    one = [margins[0] if m is None else m for m in margins]
    same = [s for s, m in zip(segments, one, strict=True) if m is None or m >= table.same_at]
    return margins[0], same or segments, not same


def _exact_line(
    hint: Hint, hits: Hits, query: AudioFingerprint, reference: ReferenceSound, survivors: Survivors
) -> Line:
    line = fit_line(hint, hits)
    agreeing = (hits.group == hint.group) & (
        np.abs(hits.place - hits.position - hint.offset) <= 2 * NEAR_FRAMES
    )
    places = hits.place[agreeing]
    if len(places):
        middle, reach = float(np.median(places)), 110.0  # ten seconds around the agreement
        places = np.sort(places)
        low = min(middle - reach, float(places[len(places) // 10]))
        high = max(middle + reach, float(places[-1 - len(places) // 10]))
    else:
        low, high = -np.inf, np.inf
    first, last = sorted((line.start, line.start + line.rate * query.length_frames))
    return refine(line, (max(low, first), min(high, last)), reference, survivors)


def _is_same_line(line: Line, other: Line, length: int) -> bool:
    ends = [
        abs(line.start + line.rate * x - other.start - other.rate * x) for x in (0.0, float(length))
    ]
    return max(ends) < NEAR_FRAMES and abs(line.shift - other.shift) <= 1.0


def lag_between(best: Segment, rival: Segment | None) -> float | None:
    """Return the frames between two places of the reference that the same query seconds fit, in
    the middle of those seconds.
    """
    if rival is None:
        return None
    (a, b), (c, d) = _query_span(best), _query_span(rival)
    middle = 0.5 * (max(a, c) + min(b, d))
    return rival.line.start - best.line.start + (rival.line.rate - best.line.rate) * middle


def _query_span(segment: Segment) -> tuple[float, float]:
    line = segment.line
    low, high = sorted((frame - line.start) / line.rate for frame in (segment.first, segment.last))
    return low, high


def _overlap(segment: Segment, other: Segment) -> float:
    """Return the share of the shorter segment's query time that both cover."""
    (a, b), (c, d) = _query_span(segment), _query_span(other)
    return max(0.0, min(b, d) - max(a, c)) / max(min(b - a, d - c), 1.0)


def _segment(
    segment: Segment, query: AudioFingerprint, reference: ReferenceSound, calibration: Calibration
) -> AudioSegment:
    line = segment.line
    low, high = (frame * FRAME_S + CENTRE_S for frame in _query_span(segment))
    # The ends are at peaks; on average the sound continues for half a gap between surviving peaks.
    gap = 0.5 * (high - low) / max(segment.survived, 1)
    low, high = max(0.0, low - gap), min(query.duration_s, high + gap)
    start_s = line.start * FRAME_S + CENTRE_S * (1.0 - line.rate)
    # query seconds over which the reference lasts
    begin, end = sorted((at - start_s) / line.rate for at in (0.0, reference.duration_s))
    if low - max(begin, 0.0) < SNAP_S:
        low = min(low, max(begin, 0.0))
    if min(end, query.duration_s) - high < SNAP_S:
        high = max(high, min(end, query.duration_s))
    heard = sorted(max(0.0, start_s + line.rate * at) for at in (low, high))
    return AudioSegment(
        query_start_s=round(low, 3),
        query_end_s=round(high, 3),
        reference_start_s=round(heard[0], 3),
        reference_end_s=round(heard[1], 3),
        speed=round(line.rate, 4),
        pitch_semitones=round(-line.shift * 12.0 / BINS_PER_OCTAVE, 2) + 0.0,
        share=round(segment.survival, 4),
        evidence=round(segment.evidence, 2),
        p_false=calibration.p_false(segment.evidence, query.duration_s),
    )


def _describe(segment: AudioSegment) -> str:
    text = (
        f"{segment.query_start_s:.1f}-{segment.query_end_s:.1f} s is "
        f"{segment.reference_start_s:.1f}-{segment.reference_end_s:.1f} s of the earlier sound"
    )
    speed = abs(segment.speed)
    if segment.speed < 0.0:
        text += ", played backwards"
    if abs(speed - 1.0) > 0.004:
        text += f", played {abs(speed - 1.0):.1%} {'faster' if speed > 1 else 'slower'}"
    if abs(segment.pitch_semitones) > 0.2:
        text += (
            f", {abs(segment.pitch_semitones):.1f} semitones"
            f" {'higher' if segment.pitch_semitones > 0 else 'lower'}"
        )
    return text + "."


def _histogram(hits: Hits, alignment: Alignment) -> OffsetHistogram:
    offsets: NDArray[np.float64] = (hits.place - hits.position).astype(np.float64)
    centre = alignment.segments[0].line.start if alignment.segments else 0.0
    first = centre - CELL_FRAMES * (HISTOGRAM_CELLS // 2)
    edges = first + CELL_FRAMES * np.arange(HISTOGRAM_CELLS + 1)
    votes = np.histogram(offsets, edges)[0]
    return OffsetHistogram(
        round(first * FRAME_S, 3), round(CELL_FRAMES * FRAME_S, 4), tuple(int(v) for v in votes)
    )


def _aligned(hits: Hits, alignment: Alignment) -> tuple[tuple[float, float], ...]:
    pairs: list[tuple[float, float]] = []
    for segment in alignment.segments:
        line = segment.line
        query = (hits.place - line.start) / line.rate
        on = (hits.place >= segment.first) & (hits.place <= segment.last)
        on &= np.abs(hits.position - query * line.rate) <= NEAR_FRAMES + 0.02 * np.abs(query)
        at = np.unique(
            np.stack([query[on], hits.place[on].astype(np.float64)], axis=1).round(1), axis=0
        )
        pairs += [(round(q * FRAME_S, 2), round(r * FRAME_S, 2)) for q, r in at.tolist()]
    step = max(1, -(-len(pairs) // MAX_ALIGNED))
    return tuple(pairs[::step])
