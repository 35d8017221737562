"""Local features of a picture: SIFT key points with RootSIFT descriptors, and those of its mirror
image for free.

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
# far below OpenCV's 0.04: washed-out copies and crops of smooth parts keep their key points
CONTRAST = 0.015
# A descriptor is 4 rows x 4 columns x 8 orientations in the key point's own frame; mirroring flips
# the axis across the key point's direction: rows run backwards and orientation o becomes -o.
_MIRRORED = np.arange(128).reshape(4, 4, 8)[::-1, :, (-np.arange(8)) % 8].reshape(-1)


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """n key points of one picture.

    points: (n, 2) float32 pixel coordinates; sizes: (n,) float32 pixels; angles: (n,) float32
        radians;
    descriptors: (n, 128) float32 unit vectors; width, height: of the picture they were found in.
    """

    points: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    width: int
    height: int

    def mirrored(self) -> LocalFeatures:
        """The features of the same picture flipped left to right, without detecting them again."""
        points = self.points.copy()
        points[:, 0] = self.width - 1 - points[:, 0]
        return LocalFeatures(
            points,
            self.sizes,
            np.float32(np.pi) - self.angles,
            self.descriptors[:, _MIRRORED],
            self.width,
            self.height,
        )


def extract(grey: NDArray[np.uint8]) -> LocalFeatures:
    """Find the key points of (h, w) uint8; deterministic; none at all on a blank picture."""
    height, width = grey.shape
    sift = cv2.SIFT.create(nfeatures=MAX_FEATURES, contrastThreshold=CONTRAST)
    keypoints, raw = sift.detectAndCompute(grey, None)
    if raw is None or not len(keypoints):
        empty = np.zeros((0,), np.float32)
        return LocalFeatures(
            np.zeros((0, 2), np.float32),
            empty,
            empty,
            np.zeros((0, 128), np.float32),
            width,
            height,
        )
    descriptors = raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-6)
    return LocalFeatures(
        np.array([k.pt for k in keypoints], np.float32),
        np.array([k.size for k in keypoints], np.float32),
        np.deg2rad(np.array([k.angle for k in keypoints], np.float32)),
        np.sqrt(descriptors).astype(np.float32),
        width,
        height,
    )
