"""Query against one reference: hints from common landmarks, exact lines, stretches, judgement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.align import NEAR_FRAMES, Line, Stretch, fit_line, refine, stretches
from embeddings.audio.calibration import Calibration
from embeddings.audio.fingerprint import AudioFingerprint, sounding_seconds
from embeddings.audio.match import AudioMatch, AudioSegment, OffsetHistogram
from embeddings.audio.reference import CELL_FRAMES, Hint, Hits, ReferenceSound, best_offsets
from embeddings.audio.score import judge, unproven
from embeddings.audio.spectrum import BINS, BINS_PER_OCTAVE, FRAME_S
from embeddings.audio.survivors import Survivors
from embeddings.audio.variants import SHIFTS

FIRST_HINTS = 2  # tried on every candidate
MORE_HINTS = 24  # tried where one of the first is promising: the other segments
PROMISING = 12.0  # nats
# nats: a further stretch beside a proven one; chance gives one pair of sounds in a thousand as much
FURTHER = 16.0
MAX_SEGMENTS = 12
HISTOGRAM_CELLS = 64
MAX_ALIGNED = 200
CENTRE_S = 0.0929  # a frame's time is the centre of its window
SNAP_S = 0.4  # a segment that reaches so close to an end of the sound reaches the end
LOOP_SHARE, LOOP_PEAKS = 0.4, 20  # see `_is_loop`
LOOP_APART = 20  # frames: the same place is no other place


@dataclass(frozen=True)
class Found:
    """Stretches that do not overlap in the query, strongest first, and the strongest rival of one
    of them: the same query seconds somewhere else in the reference.
    """

    stretches: tuple[Stretch, ...]
    rival: Stretch | None
    loop: bool


def find_stretches(
    query: AudioFingerprint, survivors: Survivors, reference: ReferenceSound, hits: Hits
) -> Found:
    """Search the alignments of two sounds."""
    kept: list[Stretch] = []
    tried: list[Line] = []
    rival: Stretch | None = None
    hints = best_offsets(hits, MORE_HINTS)
    for number, (hint, votes) in enumerate(hints):
        if number >= FIRST_HINTS and (not kept or kept[0].evidence < PROMISING or votes < 3):
            break
        line = _exact_line(hint, hits, query, reference, survivors)
        if any(_same(line, other, query.length_frames) for other in tried):
            continue
        tried.append(line)
        for stretch in stretches(line, reference, survivors, FURTHER):
            overlap = [other for other in kept if _overlap(stretch, other) > 0.5]
            if not overlap:
                if not kept or stretch.evidence >= FURTHER or stretch.evidence > kept[0].evidence:
                    kept.append(stretch)
                continue
            weaker = min(overlap, key=lambda other: other.evidence)
            loser = min(weaker, stretch, key=lambda other: other.evidence)
            if rival is None or loser.evidence > rival.evidence:
                rival = loser
            if stretch.evidence > weaker.evidence:
                kept = [other for other in kept if other is not weaker] + [stretch]
        kept.sort(key=lambda stretch: -stretch.evidence)
    loop = rival is not None and _is_loop(kept[0], rival, reference, survivors)
    return Found(tuple(kept[:MAX_SEGMENTS]), rival, loop)


def conclude(
    query: AudioFingerprint,
    reference: ReferenceSound,
    hits: Hits,
    found: Found,
    calibration: Calibration,
) -> AudioMatch:
    """Judge what was found."""
    best = found.stretches[0].evidence if found.stretches else 0.0
    p_false = calibration.p_false(best, query.duration_s)
    verified = p_false <= calibration.proven_p
    proven = [s for s in found.stretches if s.evidence >= FURTHER] if verified else []
    segments = tuple(_segment(s, query, reference, calibration) for s in proven)
    scores = {
        "evidence": best,
        "rival": found.rival.evidence if found.rival else 0.0,
        "survival": found.stretches[0].survival if found.stretches else 0.0,
        "predicted_peaks": float(sum(s.peaks for s in found.stretches[:1])),
        "found_peaks": float(sum(s.survived for s in found.stretches[:1])),
        "common_landmarks": float(len(hits.key)),
    }
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
            repeating=found.loop,
        )
        similarity, partial = judgement.similarity, judgement.partial
        of_query, of_reference = judgement.query_coverage, judgement.reference_coverage
        reason = f"{judgement.why} {_how(segments[0])} P(false) {p_false:.1e}."
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
        histogram=_histogram(hits, found),
        aligned=_aligned(hits, found) if verified else (),
        calibration=calibration.version,
    )


def _exact_line(
    hint: Hint, hits: Hits, query: AudioFingerprint, reference: ReferenceSound, survivors: Survivors
) -> Line:
    line = fit_line(hint, hits)
    mine = (hits.group == hint.group) & (
        np.abs(hits.place - hits.position - hint.offset) <= 2 * NEAR_FRAMES
    )
    places = hits.place[mine]
    if len(places):
        middle, reach = float(np.median(places)), 110.0  # ten seconds around the agreement
        places = np.sort(places)
        low = min(middle - reach, float(places[len(places) // 10]))
        high = max(middle + reach, float(places[-1 - len(places) // 10]))
    else:
        low, high = line.start, line.start + line.rate * query.length_frames
    low, high = max(low, line.start), min(high, line.start + line.rate * query.length_frames)
    return refine(line, (low, high), reference, survivors)


def _same(line: Line, other: Line, length: int) -> bool:
    ends = [
        abs(line.start + line.rate * x - other.start - other.rate * x) for x in (0.0, float(length))
    ]
    return max(ends) < NEAR_FRAMES and abs(line.shift - other.shift) <= 1.0


def _is_loop(
    best: Stretch, rival: Stretch, reference: ReferenceSound, survivors: Survivors
) -> bool:
    """Whether the query holds only the part of the reference that repeats.

    The same seconds of the query fit two places of the reference. Peaks that only one of the places
    has (a voice, a melody over the loop) must then be in the query about as often as those that
    both have; if they are not, what the two recordings share is the loop.
    """
    lag = (rival.first - best.first) - (
        _query_span(rival)[0] - _query_span(best)[0]
    ) * best.line.rate
    if abs(lag) < LOOP_APART:
        return False
    frames, bins = reference.peaks.frame.astype(np.int64), reference.peaks.bin.astype(np.int64)
    places = np.sort(frames * BINS + bins)
    inside = (frames >= best.first) & (frames <= best.last)
    frames, bins = frames[inside], bins[inside]
    repeated = np.zeros(len(frames), bool)
    for late in (-1, 0, 1):
        for higher in (-1, 0, 1):
            wanted = (frames + round(lag) + late) * BINS + bins + higher
            repeated |= (
                places[np.minimum(np.searchsorted(places, wanted), len(places) - 1)] == wanted
            )
    rows = np.rint((frames - best.line.start) / best.line.rate * SHIFTS).astype(np.intp)
    found = survivors.hits(rows, np.rint(bins - best.line.shift).astype(np.intp)) > 0
    if min(np.count_nonzero(repeated), np.count_nonzero(~repeated)) < LOOP_PEAKS:
        return False
    chance = (best.survived / max(best.peaks, 1) - best.survival) / max(1.0 - best.survival, 0.01)
    of_both, of_one = (
        float(found[repeated].mean()) - chance,
        float(found[~repeated].mean()) - chance,
    )
    return of_one < LOOP_SHARE * of_both


def _query_span(stretch: Stretch) -> tuple[float, float]:
    line = stretch.line
    return (stretch.first - line.start) / line.rate, (stretch.last - line.start) / line.rate


def _overlap(one: Stretch, other: Stretch) -> float:
    """Share of the shorter one's query time that both cover."""
    (a, b), (c, d) = _query_span(one), _query_span(other)
    return max(0.0, min(b, d) - max(a, c)) / max(min(b - a, d - c), 1.0)


def _segment(
    stretch: Stretch, query: AudioFingerprint, reference: ReferenceSound, calibration: Calibration
) -> AudioSegment:
    line = stretch.line
    low, high = (frame * FRAME_S + CENTRE_S for frame in _query_span(stretch))
    # The ends are at peaks; the sound goes on, unseen, for half the usual gap between two that
    # survive.
    gap = 0.5 * (high - low) / max(stretch.survived, 1)
    low, high = max(0.0, low - gap), min(query.duration_s, high + gap)
    start_s = line.start * FRAME_S + CENTRE_S * (1.0 - line.rate)
    before, after = low, query.duration_s - high
    reference_low, reference_high = start_s + line.rate * low, start_s + line.rate * high
    if min(before, reference_low / line.rate) < SNAP_S:
        low -= min(before, max(reference_low, 0.0) / line.rate)
    if min(after, (reference.duration_s - reference_high) / line.rate) < SNAP_S:
        high += min(after, max(reference.duration_s - reference_high, 0.0) / line.rate)
    low, high = max(low, 0.0), max(high, low)
    return AudioSegment(
        query_start_s=round(low, 3),
        query_end_s=round(high, 3),
        reference_start_s=round(max(0.0, start_s + line.rate * low), 3),
        reference_end_s=round(max(0.0, start_s + line.rate * high), 3),
        speed=round(line.rate, 4),
        pitch_semitones=round(-line.shift * 12.0 / BINS_PER_OCTAVE, 2) + 0.0,
        share=round(stretch.survival, 4),
        evidence=round(stretch.evidence, 2),
        p_false=calibration.p_false(stretch.evidence, query.duration_s),
    )


def _how(segment: AudioSegment) -> str:
    text = (
        f"{segment.query_start_s:.1f}-{segment.query_end_s:.1f} s is "
        f"{segment.reference_start_s:.1f}-{segment.reference_end_s:.1f} s of the earlier sound"
    )
    if abs(segment.speed - 1.0) > 0.004:
        text += (
            f", played {abs(segment.speed - 1.0):.1%} {'faster' if segment.speed > 1 else 'slower'}"
        )
    if abs(segment.pitch_semitones) > 0.2:
        text += (
            f", {abs(segment.pitch_semitones):.1f} semitones"
            f" {'higher' if segment.pitch_semitones > 0 else 'lower'}"
        )
    return text + "."


def _histogram(hits: Hits, found: Found) -> OffsetHistogram:
    offsets: NDArray[np.float64] = (hits.place - hits.position).astype(np.float64)
    centre = found.stretches[0].line.start if found.stretches else 0.0
    first = centre - CELL_FRAMES * (HISTOGRAM_CELLS // 2)
    edges = first + CELL_FRAMES * np.arange(HISTOGRAM_CELLS + 1)
    votes = np.histogram(offsets, edges)[0]
    return OffsetHistogram(
        round(first * FRAME_S, 3), round(CELL_FRAMES * FRAME_S, 4), tuple(int(v) for v in votes)
    )


def _aligned(hits: Hits, found: Found) -> tuple[tuple[float, float], ...]:
    pairs: list[tuple[float, float]] = []
    for stretch in found.stretches:
        line = stretch.line
        query = (hits.place - line.start) / line.rate
        bent = hits.position / np.maximum(query, 1.0)
        on = (hits.place >= stretch.first) & (hits.place <= stretch.last)
        on &= np.abs(hits.position - query * line.rate) <= NEAR_FRAMES + 0.02 * np.abs(query)
        on &= (bent > 0.8) & (bent < 1.25)
        at = np.unique(
            np.stack([query[on], hits.place[on].astype(np.float64)], axis=1).round(1), axis=0
        )
        pairs += [(round(q * FRAME_S, 2), round(r * FRAME_S, 2)) for q, r in at.tolist()]
    step = max(1, -(-len(pairs) // MAX_ALIGNED))
    return tuple(pairs[::step])
