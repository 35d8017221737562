"""The numbers that speak for or against a copy, measured on one alignment.

Two routes lead to a proof. The whole: nearly all blocks that have texture in both pictures agree;
that convinces whatever the blocks show. A part: connected groups of pictorial blocks agree, while
the rest is covered by something else; there, text and interfaces must not count, since strangers
share them, and blocks that agree one by one are chance. Against both speaks what is found
displaced, block by block and key point by key point: another photograph of the same scene.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.blocks import MIN_AGREEING, BlockReport
from embeddings.image.calibration import Calibration, lower_bound
from embeddings.image.geometry import Alignment, project

# Where few of the agreeing blocks are pictorial, it is an interface or a stamp that agrees, and the
# few are its icons.
PICTORIAL_ENOUGH = 0.4
MIN_PICTORIAL = 0.15
MIN_GROUP = 4  # agreeing blocks in the 3x3 around a block, itself included
# Under a see-through overlay no block agrees fully but all agree vaguely, which chance does not do
# in groups of six. They count from this correlation on, fully at the other, and one bit less than
# full agreement.
VAGUE_NCC, CLEAR_NCC = 0.4, 0.8
MIN_VAGUE, MIN_VAGUE_GROUP, VAGUE_COSTS = 0.1, 6, 1.0
# Parallax of a real stereo pair: 0.4. Limits from before repetition was told apart from
# displacement, which lowers it.
STILL_TURNS_AT, STILL_RANGE = 0.25, 0.15
# Displaced shares of blocks and of key points, added up: beyond this a second photograph explains
# the pair as well as a copy does, however much agrees elsewhere. Of 1 112 copies of the fitting
# half 11 are lost to it; of 318 second views 7 are not stopped.
SECOND_VIEW = 0.25


def measure(
    alignment: Alignment, report: BlockReport, held: float, parallax_seen: float = 0.0
) -> dict[str, float]:
    """The raw scores of one alignment; those named in the calibration's weights rise with the
    evidence for a copy.

    held: share, 0..1, of the content of the picture that lies more fully in the overlap. An overlap
        of two corners says nothing about the whole.
    parallax_seen: what a finer comparison of the same alignment measured: at half the size a
        displacement shrinks into the tolerance.
    """
    considered, agreed = report.inside & report.textured, report.agrees
    total, right = float(considered.sum()), float(agreed.sum())
    agreement = lower_bound(right, total)
    contested = float(report.contested.sum())
    uncontested = float(-np.log2(1.01 - lower_bound(right, right + contested)) * held)
    whole, part = float(-np.log2(1.01 - agreement) * held), part_that_agrees(report)
    pictorial_share = float((report.pictorial * agreed).sum()) / right if right else 0.0
    pictorial = min(1.0, pictorial_share / PICTORIAL_ENOUGH)
    displaced = float(report.displaced.sum())
    points_displaced = displaced_points(alignment, report)
    parallax = max(
        parallax_seen, displaced / (right + displaced + 4.0) if right >= MIN_AGREEING else 1.0
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
        "held": held,
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
    """The evidence for a copy in one set of scores; never a proof where a second photograph
    explains them too.
    """
    evidence = calibration.evidence(scores)
    return min(evidence, calibration.unproven_at) if is_second_view(scores) else evidence


def is_second_view(scores: Mapping[str, float]) -> bool:
    """Whether so much is displaced that this may be another photograph of the same scene."""
    drift = scores["displaced"] / (scores["inliers"] + scores["displaced"] + 6.0)
    return scores["parallax"] + drift > SECOND_VIEW


def displaced_points(alignment: Alignment, report: BlockReport) -> float:
    """How many of the displaced key points lie where the blocks do not agree.

    Where a block agrees at home, a key point of it that is found elsewhere shows a pattern that
    repeats, not depth.
    """
    if not len(alignment.displaced):
        return 0.0
    at = np.floor(project(report.frame, alignment.displaced) / report.block_px).astype(np.int64)
    rows, columns = report.agrees.shape
    within = (at >= 0).all(axis=1) & (at[:, 0] < columns) & (at[:, 1] < rows)
    settled = np.zeros(len(at), np.bool_)
    settled[within] = report.agrees[at[within, 1], at[within, 0]]
    return float((~settled).sum())


def part_that_agrees(report: BlockReport) -> float:
    """How much pictorial content agrees in connected groups, in bits: log2 of one plus the
    number of such blocks.
    """
    considered = report.inside & report.textured
    clear = grouped(report.pictorial * report.agrees, MIN_PICTORIAL, MIN_GROUP)
    vaguely = np.clip((report.ncc - VAGUE_NCC) / (CLEAR_NCC - VAGUE_NCC), 0.0, 1.0) * considered
    vague = grouped(report.pictorial * vaguely, MIN_VAGUE, MIN_VAGUE_GROUP)
    return max(float(np.log2(1.0 + clear)), float(np.log2(1.0 + vague)) - VAGUE_COSTS)


def grouped(weight: NDArray[np.float32], at_least: float, neighbours: int) -> float:
    """Sum of the (rows, columns) weights, 0..1, over the blocks that have company around them."""
    on = weight > at_least
    around = cv2.filter2D(
        on.astype(np.float32), -1, np.ones((3, 3), np.float32), borderType=cv2.BORDER_CONSTANT
    )
    return float(weight[on & (around >= neighbours - 0.5)].sum())
