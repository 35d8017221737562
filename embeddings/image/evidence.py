"""The numbers that speak for or against a copy, measured on one alignment.

Two routes lead to a proof. The whole: nearly all textured blocks that the pictures share agree; that
convinces whatever the blocks show. A part: a coherent region agrees block by block and looks photographic,
while the rest is covered by something else; there, text and interfaces must not count, since strangers share
them. Against both speak key points that match but lie displaced: another photograph of the same scene.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.blocks import BlockReport
from embeddings.image.calibration import lower_bound
from embeddings.image.geometry import Alignment

PURE_SHARE = 0.75  # of the textured blocks in the 3x3 around a block: inside a covered copy nearly all agree
MIN_NEIGHBOURS = 4
# Share of displaced among the matching key points. Of the copies it was fitted on 97 % stay under 0.25; of
# second photographs of a scene more than half exceed 0.5, and a real stereo pair has 0.42.
ADRIFT_AT_MOST, ADRIFT_RANGE = 0.40, 0.25


def measure(alignment: Alignment, report: BlockReport, held: float) -> dict[str, float]:
    """The raw scores of one alignment; those named in the calibration's weights rise with the evidence for a
    copy.

    held: share, 0..1, of the content of the picture that lies more fully in the overlap. An overlap of two
        corners says nothing about the whole.
    """
    considered, agreed = report.inside & report.textured, report.agrees
    total, right = float(considered.sum()), float(agreed.sum())
    pure = pure_region(agreed, considered)
    photo = report.photo * agreed
    mass = float(photo.sum())
    agreement = lower_bound(right, total)
    adrift = alignment.displaced / (alignment.inliers + alignment.displaced + 2.0)
    return {
        "inliers": float(alignment.inliers),
        "displaced": float(alignment.displaced),
        "blocks": total,
        "blocks_agreeing": right,
        "agreement": agreement,
        "held": held,
        "whole": float(-np.log2(1.01 - agreement) * held),
        "photo_share": mass / right if right else 0.0,
        "part": float(np.log2(1.0 + photo[pure].sum())),
        "pure": lower_bound(float((agreed & pure).sum()), right),
        "rigid": float(-np.log2(0.03 + adrift)),
        "steady": min(1.0, max(0.0, (ADRIFT_AT_MOST - adrift) / ADRIFT_RANGE)),
        "support": float(np.log2(1.0 + alignment.inliers)),
        "ncc": float(np.median(report.ncc[considered])) if total else 0.0,
    }


def pure_region(agreed: NDArray[np.bool_], considered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks in whose neighbourhood nearly everything textured agrees."""
    ones = np.ones((3, 3), np.float32)
    around = cv2.filter2D(considered.astype(np.float32), -1, ones, borderType=cv2.BORDER_CONSTANT)
    right = cv2.filter2D((agreed & considered).astype(np.float32), -1, ones, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(agreed & (around >= MIN_NEIGHBOURS) & (right >= PURE_SHARE * around))
