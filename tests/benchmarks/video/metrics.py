"""Detection and localisation, as VSC2022 and VCSL measure them.

Segments are boxes (query start, query end, reference start, reference end) in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Box = tuple[float, float, float, float]
Pair = tuple[str, str]  # query, reference


@dataclass(frozen=True)
class Detection:
    """micro_ap: over all answers at once; recall_at_p90: highest recall at precision 0.9 or better;
    recall_above_false: share of copies above the best-scored wrong answer; highest_false: that
    score and pair.
    """

    micro_ap: float
    recall_at_p90: float
    recall_above_false: float
    highest_false: float
    worst: Pair | None


def detection(scores: Mapping[Pair, float], copies: set[Pair], neither: set[Pair]) -> Detection:
    """How well scores tell copies from the rest. ``neither``: pairs that share a part; left out."""
    ranked = sorted(
        ((score, pair) for pair, score in scores.items() if pair not in neither), reverse=True
    )
    right = np.array([pair in copies for _, pair in ranked], bool)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    recall = np.cumsum(right) / len(copies)
    false = [(score, pair) for score, pair in ranked if pair not in copies]
    line, worst = false[0] if false else (float("-inf"), None)
    return Detection(
        micro_ap=float((precision * right).sum() / len(copies)),
        recall_at_p90=float(recall[precision >= 0.9].max(initial=0.0)),
        recall_above_false=sum(score > line for score, pair in ranked if pair in copies)
        / len(copies),
        highest_false=line,
        worst=worst,
    )


def union_length(stretches: Sequence[tuple[float, float]]) -> float:
    """Seconds in the union."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(stretches):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _overlaps(box: Box, others: Sequence[Box]) -> list[Box]:
    shared = [
        (max(box[0], o[0]), min(box[1], o[1]), max(box[2], o[2]), min(box[3], o[3])) for o in others
    ]
    return [s for s in shared if s[1] > s[0] and s[3] > s[2]]


def _share_met(boxes: Sequence[Box], others: Sequence[Box]) -> float:
    """Share of the boxes' lengths that the others cover, on one axis times on the other."""
    met = [0.0, 0.0]
    for box in boxes:
        shared = _overlaps(box, others)
        met[0] += union_length([(s[0], s[1]) for s in shared])
        met[1] += union_length([(s[2], s[3]) for s in shared])
    whole = [sum(box[1] - box[0] for box in boxes), sum(box[3] - box[2] for box in boxes)]
    return met[0] / whole[0] * met[1] / whole[1] if min(whole) > 0 else 0.0


def localisation(
    found: Mapping[Pair, Sequence[Box]], true: Mapping[Pair, Sequence[Box]]
) -> tuple[float, float, float]:
    """Segment precision, recall and their F1.

    Per pair of videos: precision is the share of what was found that overlaps a true box, on the
    query's axis times on the reference's; recall the share of the true boxes that was found. Means
    over the pairs where anything was found, and over those where there is something to find. A pair
    found where there is nothing has precision 0.
    Source: He et al., "A Large-scale Comprehensive Dataset and Copy-overlap Aware Evaluation
        Protocol for Segment-level Video Copy Detection", CVPR 2022, section 4.
    """
    precisions = [_share_met(boxes, true.get(pair, ())) for pair, boxes in found.items() if boxes]
    recalls = [_share_met(boxes, found.get(pair, ())) for pair, boxes in true.items()]
    precision = float(np.mean(precisions)) if precisions else 1.0
    recall = float(np.mean(recalls)) if recalls else 1.0
    return (
        precision,
        recall,
        2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    )
