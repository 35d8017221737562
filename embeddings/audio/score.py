"""From proven segments to one similarity, by a rule of a few sentences.

A match is a copy where at least half of the query's sounding seconds match the reference, or half
of a reference that is long enough to be a work of its own is in the query. Seconds count once: a
loop repeated forty times is as long as the loop. A fifth of the reference's peaks must survive in
the query: a new arrangement of a piece keeps its notes, aligned from end to end, but not its sound.
One composition that is played or synthesised twice is no copy however well it fits: a hint.
A copy has 0.95 + 0.05 x share of the query x share of the reference x share of the peaks, as a
video has: what is owed falls with the part that was taken and with the part that is the poster's
own. Less is a partial match, 0.60 to 0.94; unproven matches have 0.50 at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COPY_COVERAGE = 0.5
MIN_COPY_S = 2.5  # a shorter segment is a sample, unless it is most of both sounds
MIN_CLIP_S = 1.2  # or all that the query holds
# an arrangement of one piece by its own composer measured 0.13; music under a louder voice 0.3
COPY_SHARE = 0.18
# a shorter reference inside a longer query is a sample or an effect
WHOLE_WORK_S = 15.0
PROVEN_COPY = 0.95
PARTIAL_LOW, PARTIAL_HIGH = 0.60, 0.94
MAX_UNPROVEN = 0.50

Spans = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Judgement:
    """similarity: 0..1; partial: shared but not a copy; coverages: 0..1; why: one sentence."""

    similarity: float
    partial: bool
    query_coverage: float
    reference_coverage: float
    why: str


def judge(
    query_spans: Spans,
    reference_spans: Spans,
    *,
    query_s: float,
    reference_s: float,
    share: float,
    repeating: bool,
    speeds: Sequence[float] = (),
    played_again: bool = False,
) -> Judgement:
    """Judge proven segments; pure.

    Args:
        query_spans, reference_spans: (from, to) in seconds, any order, overlaps allowed.
        query_s, reference_s: sounding seconds of both, at least what the spans cover.
        share: 0..1, of the reference's peaks that survive in the segments, weighted by length.
        repeating: the segment matches several places about as well: a loop.
        speeds: reference seconds per query second, of each segment.
        played_again: the segments are one score, played or synthesised twice: not one recording.
    """
    in_query, in_reference = covered(query_spans), covered(reference_spans)
    # A loop's seconds count once; an edit that slows a sound down makes the same seconds longer.
    slower, faster = max([1.25, *(1.0 / s for s in speeds)]), max([1.25, *speeds])
    distinct = min(in_query, in_reference * slower)
    of_query = min(1.0, distinct / max(query_s, 0.1))
    of_reference = min(1.0, min(in_reference, in_query * faster) / max(reference_s, 0.1))
    both = min(of_query, of_reference) >= 0.8
    clip = of_query >= 0.8 and in_reference >= MIN_CLIP_S
    long_enough = in_reference >= MIN_COPY_S or both or clip
    query_is_copy = of_query >= COPY_COVERAGE and long_enough
    contains_reference = (
        of_reference >= COPY_COVERAGE
        and in_reference >= WHOLE_WORK_S * COPY_COVERAGE
        and (reference_s >= WHOLE_WORK_S or both)
    )
    copied = not repeating and not played_again and share >= COPY_SHARE
    if (query_is_copy or contains_reference) and copied:
        covered_part = (
            f"{of_query:.0%} of the upload"
            if query_is_copy
            else f"{of_reference:.0%} of the earlier sound"
        )
        why = f"The same recording: {covered_part} is the same stretch of sound."
        similarity = PROVEN_COPY + (1.0 - PROVEN_COPY) * of_query * of_reference * min(1.0, share)
        return Judgement(similarity, False, of_query, of_reference, why)
    extent = min(
        1.0, max(of_query, of_reference if reference_s >= WHOLE_WORK_S else 0.0) / COPY_COVERAGE
    )
    if played_again:
        why = (
            f"The same composition, not the same recording: they go together for {in_query:.1f} s,"
            " but their notes begin or sound otherwise."
        )
        return Judgement(PARTIAL_LOW, True, of_query, of_reference, why)
    if repeating:
        why = f"They share a repeating pattern for {in_query:.1f} s; the rest of the sound differs."
    elif share < COPY_SHARE:
        why = (
            f"They go together for {in_query:.1f} s, but share too little sound to be one"
            " recording."
        )
    else:
        why = (
            f"They share {in_query:.1f} s, which is {of_query:.0%} of the upload and"
            f" {of_reference:.0%} of the other."
        )
    return Judgement(
        PARTIAL_LOW + (PARTIAL_HIGH - PARTIAL_LOW) * extent, True, of_query, of_reference, why
    )


def unproven(p_false: float) -> float:
    """Return the similarity of an unproven match: 0 where chance explains it, rising to 0.50."""
    return MAX_UNPROVEN * (1.0 - min(1.0, p_false)) ** 2


def covered(spans: Spans) -> float:
    """Return the seconds that at least one span covers."""
    total, reached = 0.0, float("-inf")
    for low, high in sorted(spans):
        total += max(0.0, high - max(low, reached))
        reached = max(reached, high)
    return total
