"""Local features of a picture: SIFT key points with RootSIFT descriptors, also of its mirror image.

Sources: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004; Arandjelovic
and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012
(RootSIFT).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_FEATURES = 1000
MODEL_ID = "rootsift-1000/v2"
# far below OpenCV's 0.04, so that faded copies and smooth crops keep their key points
CONTRAST = 0.015
# A descriptor is 4 rows x 4 columns x 8 orientations in the key point's own frame. Mirroring flips
# the axis across the key point's direction: rows are reversed and orientation o becomes -o.
_MIRRORED = np.arange(128).reshape(4, 4, 8)[::-1, :, (-np.arange(8)) % 8].reshape(-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class LocalFeatures:
    """n key points of one picture.

    points: (n, 2) float32 pixels; sizes: (n,) float32 pixels; angles: (n,) float32 radians;
    descriptors: (n, 128) float32 unit vectors; width, height: of the picture.
    """

    points: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    width: int
    height: int

    def mirrored(self) -> LocalFeatures:
        """Return the features of the picture flipped left to right; nothing is detected again."""
        points = self.points.copy()
        points[:, 0] = self.width - 1 - points[:, 0]
        return LocalFeatures(
            points=points,
            sizes=self.sizes,
            angles=np.float32(np.pi) - self.angles,
            descriptors=self.descriptors[:, _MIRRORED],
            width=self.width,
            height=self.height,
        )


def extract(grey: NDArray[np.uint8]) -> LocalFeatures:
    """Find the key points of (h, w) uint8; deterministic; none on a blank picture."""
    height, width = grey.shape
    sift = cv2.SIFT.create(nfeatures=MAX_FEATURES, contrastThreshold=CONTRAST)
    keypoints, raw = sift.detectAndCompute(grey, None)
    if raw is None or not len(keypoints):
        empty = np.zeros((0,), np.float32)
        return LocalFeatures(
            points=np.zeros((0, 2), np.float32),
            sizes=empty,
            angles=empty,
            descriptors=np.zeros((0, 128), np.float32),
            width=width,
            height=height,
        )
    descriptors = raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-6)
    return LocalFeatures(
        points=np.array([k.pt for k in keypoints], np.float32),
        sizes=np.array([k.size for k in keypoints], np.float32),
        angles=np.deg2rad(np.array([k.angle for k in keypoints], np.float32)),
        descriptors=np.sqrt(descriptors).astype(np.float32),
        width=width,
        height=height,
    )
