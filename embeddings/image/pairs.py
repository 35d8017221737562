"""Key points that two pictures have in common, for people to see; the verdict rests on others.

They are those that agree with an alignment that was proven before.
Source: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004 (ratio test).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

RATIO = 0.85
NEAR = 0.02  # of width and height, from where the alignment says
MAX_POINTS = 600


def alignment_of(
    query_region: NDArray[np.float64], reference_region: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the homography that takes the reference's region to the query's, corner by corner.

    Args: each (n, 2) float64, relative to width and height, 0..1, n >= 4.
    Returns: (3, 3) float64, its last entry 1; None where the corners allow none.
    """
    if len(query_region) < 4 or len(query_region) != len(reference_region):
        return None
    found, _ = cv2.findHomography(reference_region, query_region, 0)
    if found is None or not np.isfinite(found).all() or abs(np.linalg.det(found)) < 1e-9:
        return None
    return np.asarray(found, np.float64)


def common_points(
    query: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    alignment: NDArray[np.float64],
    *,
    limit: int,
) -> NDArray[np.float64]:
    """Match key points of two pictures, and keep those that agree with the alignment.

    Args:
        query, reference: (h, w, 3) uint8 RGB.
        alignment: (3, 3), from the reference's relative coordinates to the query's.
        limit: Most pairs; the nearest matches first.
    Returns: (n, 4) float64: x, y in the query and x, y in the reference, relative, 0..1.
    """
    mirrored = float(np.linalg.det(alignment[:2, :2])) < 0
    first, there = _features(query)
    second, back = _features(reference[:, ::-1] if mirrored else reference)
    if there is None or back is None or len(back) < 2:
        return np.zeros((0, 4))
    if mirrored:
        second[:, 0] = 1.0 - second[:, 0]
    pairs = [
        (best.distance, best.queryIdx, best.trainIdx)
        for best, other in (
            pair for pair in cv2.BFMatcher().knnMatch(there, back, k=2) if len(pair) == 2
        )
        if best.distance < RATIO * other.distance
    ]
    if not pairs:
        return np.zeros((0, 4))
    pairs.sort()
    here, whence = first[[p[1] for p in pairs]], second[[p[2] for p in pairs]]
    expected = cv2.perspectiveTransform(whence[None], alignment)[0]
    near = np.abs(expected - here).max(axis=1) < NEAR
    return np.concatenate([here[near], whence[near]], axis=1)[:limit]


def _features(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    points, descriptors = cv2.SIFT.create(nfeatures=MAX_POINTS).detectAndCompute(grey, None)
    height, width = grey.shape
    places = np.array([point.pt for point in points], np.float64).reshape(-1, 2)
    if descriptors is None:
        return places, None
    return places / (width, height), np.asarray(descriptors, np.float32)
