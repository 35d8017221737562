"""Scores for and against a copy, measured on one alignment.

There are two routes to a proof. The whole: nearly all blocks that have texture in both pictures
agree, whatever they show. A part: connected groups of pictorial blocks agree, while the rest is
covered. There, text and interfaces do not count, since unrelated pictures share them, and neither
do single agreeing blocks, which are chance. Displaced blocks and key points speak against both:
another photograph of the same scene.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.blocks import MIN_AGREEING, BlockReport
from embeddings.image.calibration import Calibration, lower_bound
from embeddings.image.geometry import Alignment, project

# Fewer pictorial blocks among the agreeing ones are icons of an interface, or parts of a stamp.
PICTORIAL_ENOUGH = 0.4
MIN_PICTORIAL = 0.15
MIN_GROUP = 4  # agreeing blocks in the 3x3 around a block, including itself
# Under a see-through overlay all blocks agree vaguely, which chance does not do in groups of six.
# They count from the first correlation on, fully at the second, one bit less than full agreement.
VAGUE_NCC, CLEAR_NCC = 0.4, 0.8
MIN_VAGUE, MIN_VAGUE_GROUP, VAGUE_COSTS = 0.1, 6, 1.0
# A real stereo pair has a parallax of 0.4. The limits were set before repetition was told from
# displacement, which lowers it.
STILL_TURNS_AT, STILL_RANGE = 0.25, 0.15
# Sum of the displaced shares of blocks and key points. Beyond it a second photograph explains the
# pair as well as a copy does, however much agrees elsewhere. In the fitting half it rejects 11 of
# 1 112 copies and misses 7 of 318 second views.
SECOND_VIEW = 0.25
# A sticker or a piece of another picture covers two sides at most, and a photographed print shows
# the whole earlier picture; a flat thing photographed twice has other surroundings each time.
FOREIGN_SIDES = 3
# Shares of what both pictures show, of which either alone means one template filled in twice: marks
# in place of other marks, and what fills outlines that both have. Filters and warps leave less. In
# a film, what fills outlines must be more: its subtitles change anyway.
TEMPLATE_INK, TEMPLATE_FILL, REFILLED = 0.0008, 0.03, 0.06
# Beyond either, little but the template is common: of what both show, filled in anew; and of what
# agrees, pictorial, where flat cards and frames have 0.16 at most and photographs 0.44 or more.
MOSTLY_FILLED, MOSTLY_FLAT = 0.2, 0.25


def measure(
    alignment: Alignment, report: BlockReport, content_share: float, finer_parallax: float = 0.0
) -> dict[str, float]:
    """Return the raw scores of one alignment; those with a weight rise with the evidence for a
    copy.

    content_share: 0..1, of the picture that lies more fully in the overlap. An overlap of two
    corners says nothing about the whole.
    finer_parallax: of a finer comparison of the same alignment; at half the size a displacement
    shrinks into the tolerance.
    """
    considered, agreed = report.inside & report.textured, report.agrees
    total, right = float(considered.sum()), float(agreed.sum())
    agreement = lower_bound(right, total)
    contested = float(report.contested.sum())
    uncontested = float(-np.log2(1.01 - lower_bound(right, right + contested)) * content_share)
    whole, part = float(-np.log2(1.01 - agreement) * content_share), agreeing_bits(report)
    pictorial_share = float((report.pictorial * agreed).sum()) / right if right else 0.0
    pictorial = min(1.0, pictorial_share / PICTORIAL_ENOUGH)
    displaced = float(report.displaced.sum())
    points_displaced = displaced_points(alignment, report)
    parallax = max(
        finer_parallax, displaced / (right + displaced + 4.0) if right >= MIN_AGREEING else 1.0
    )
    adrift = points_displaced / (alignment.inliers + points_displaced + right / 4.0 + 2.0)
    return {
        "inliers": float(alignment.inliers),
        "displaced": points_displaced,
        "blocks": total,
        "blocks_agreeing": right,
        "blocks_displaced": displaced,
        "agreement": agreement,
        "blocks_contested": contested,
        "held": content_share,
        "uncontested": uncontested,
        "whole": whole,
        "part": part,
        "pictorial_share": pictorial_share,
        "pictorial_whole": whole * pictorial,
        "pictorial_part": part * pictorial,
        "parallax": parallax,
        "still": min(1.0, max(-1.0, (STILL_TURNS_AT - parallax) / STILL_RANGE)),
        "rigid": float(-np.log2(0.03 + adrift)),
        "ncc": float(np.median(report.ncc[considered])) if total else 0.0,
    }


def weigh(scores: Mapping[str, float], calibration: Calibration) -> float:
    """Return the evidence for a copy; below proof where a second photograph, or a template that was
    mostly filled in anew, explains the scores.
    """
    evidence = calibration.evidence(scores)
    explained = is_second_view(scores) or is_mostly_exchanged(scores)
    return min(evidence, calibration.unproven_at) if explained else evidence


def is_second_view(scores: Mapping[str, float]) -> bool:
    """Return whether this may be another photograph of the scene: much is displaced, or what agrees
    (a board, a poster, the front of a box) stands in other surroundings.
    """
    drift = scores["displaced"] / (scores["inliers"] + scores["displaced"] + 6.0)
    moved = scores["parallax"] + drift > SECOND_VIEW
    return moved or scores.get("foreign_sides", 0.0) >= FOREIGN_SIDES


def is_template(scores: Mapping[str, float]) -> bool:
    """Return whether so much was exchanged that the two may share nothing but a template.

    Without a measurement, which only pairs get that are proven otherwise, it is not known to be.
    """
    ink, fill = scores.get("exchanged_ink", 0.0), scores.get("exchanged_fill", 0.0)
    return ink / TEMPLATE_INK + fill / TEMPLATE_FILL >= 1.0


def is_mostly_exchanged(scores: Mapping[str, float]) -> bool:
    """Return whether a template is nearly all that the two share.

    Where a picture agrees beside what was exchanged, as under another watermark, a copy and a
    template look alike: that is for people to tell apart.
    """
    large = scores.get("exchanged_fill", 0.0) >= MOSTLY_FILLED
    return is_template(scores) and (large or scores["pictorial_share"] < MOSTLY_FLAT)


def is_refilled(scores: Mapping[str, float]) -> bool:
    """Return whether what fills outlines that both have was exchanged, whatever the lettering."""
    return scores.get("exchanged_fill", 0.0) >= REFILLED


def displaced_points(alignment: Alignment, report: BlockReport) -> float:
    """Count the displaced key points that lie where the blocks do not agree.

    In an agreeing block, a key point found elsewhere shows a repeating pattern, not depth.
    """
    if not len(alignment.displaced):
        return 0.0
    at = np.floor(project(report.frame, alignment.displaced) / report.block_px).astype(np.int64)
    rows, columns = report.agrees.shape
    within = (at >= 0).all(axis=1) & (at[:, 0] < columns) & (at[:, 1] < rows)
    agrees = np.zeros(len(at), np.bool_)
    agrees[within] = report.agrees[at[within, 1], at[within, 0]]
    return float((~agrees).sum())


def agreeing_bits(report: BlockReport) -> float:
    """Return the pictorial content that agrees in connected groups, in bits: log2(1 + blocks)."""
    considered = report.inside & report.textured
    clear = grouped(report.pictorial * report.agrees, MIN_PICTORIAL, MIN_GROUP)
    vaguely = np.clip((report.ncc - VAGUE_NCC) / (CLEAR_NCC - VAGUE_NCC), 0.0, 1.0) * considered
    vague = grouped(report.pictorial * vaguely, MIN_VAGUE, MIN_VAGUE_GROUP)
    return max(float(np.log2(1.0 + clear)), float(np.log2(1.0 + vague)) - VAGUE_COSTS)


def grouped(weight: NDArray[np.float32], min_weight: float, neighbours: int) -> float:
    """Return the sum of the (rows, columns) weights, 0..1, of blocks with enough neighbours."""
    on = weight > min_weight
    around = cv2.filter2D(
        on.astype(np.float32), -1, np.ones((3, 3), np.float32), borderType=cv2.BORDER_CONSTANT
    )
    return float(weight[on & (around >= neighbours - 0.5)].sum())
