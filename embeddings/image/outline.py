"""Whether a region ends at a line that a picture has anyway, or only at its own edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Along the region's edge, from a little inside to a frame's width outside, and further away for
# comparison: a texture has strong gradients everywhere, a line only here.
NEAR_PX, FAR_PX = range(-3, 6), (-12, -10, -8, -6, 8, 10, 12)
MARGIN_PX = 16
SPAN_PX = 17  # a line keeps its direction so far, a texture does not
LINE_LEVELS, LINE_OVER_TEXTURE = 3.0, 1.4
MIN_EDGE_PX = 12
# of a box, the sides' lines: so far away at most, in pixels or as a share of the box
MIN_BOX_PX, MIN_REACH_PX, REACH = 24, 6, 0.12
BOXED, BOX_OVER_TEXTURE = 0.8, 2.0


def outline_shares(
    region: NDArray[np.uint8], a: NDArray[np.uint8], b: NDArray[np.uint8], shared: NDArray[np.bool_]
) -> tuple[float, tuple[float, float]]:
    """Return a region's area with its holes, in pixels, and of its edge the share, 0..1, that is a
    line of ``a``, and of ``b``.

    region: (h, w) 0 or 1, connected; a, b: (h, w, channels) uint8; shared: (h, w), what counts.
    """
    box = _box(region)
    inside = region[box].copy()
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(inside, contours, -1, 1, -1)
    outward = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    distance = (outward - cv2.distanceTransform(inside, cv2.DIST_L2, 5)).astype(np.float32)
    distance += inside - np.float32(0.5)
    edge = (np.abs(distance) < 1.0) & shared[box]
    area = float(inside.sum())
    if edge.sum() < MIN_EDGE_PX:
        return area, (0.0, 0.0)
    soft = cv2.GaussianBlur(distance, (0, 0), 1.5)
    normal_x, normal_y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    length = np.hypot(normal_x, normal_y) + 1e-6
    normal = np.stack([normal_x / length, normal_y / length])
    share_a, share_b = (
        _line_share(picture[box], normal, distance, edge, shared[box]) for picture in (a, b)
    )
    return area, (share_a, share_b)


def _box(region: NDArray[np.uint8]) -> tuple[slice, slice]:
    x, y, w, h = cv2.boundingRect(region)
    return (
        slice(max(0, y - MARGIN_PX), y + h + MARGIN_PX),
        slice(max(0, x - MARGIN_PX), x + w + MARGIN_PX),
    )


def _line_share(
    picture: NDArray[np.uint8],
    normal: NDArray[Any],
    distance: NDArray[np.float32],
    edge: NDArray[np.bool_],
    shared: NDArray[np.bool_],
) -> float:
    lined = np.zeros(int(edge.sum()), np.bool_)
    for channel in np.moveaxis(picture, 2, 0):
        values = np.ascontiguousarray(channel)
        across = normal[0] * cv2.Sobel(values, cv2.CV_32F, 1, 0, scale=0.25)
        across += normal[1] * cv2.Sobel(values, cv2.CV_32F, 0, 1, scale=0.25)
        near, far = (
            np.max([_coherent(across, distance, shared, at)[edge] for at in rings], axis=0)
            for rings in (NEAR_PX, FAR_PX)
        )
        lined |= (near > LINE_LEVELS) & (near > LINE_OVER_TEXTURE * far)
    return float(lined.mean())


def _coherent(
    across: NDArray[Any], distance: NDArray[np.float32], shared: NDArray[np.bool_], at: int
) -> NDArray[np.float32]:
    """Return the mean change across the ring at a distance from the edge, over a stretch of it."""
    ring = ((np.abs(distance - at) <= 0.75) & shared).astype(np.float32)
    size = (SPAN_PX, SPAN_PX)
    share = cv2.blur(ring, size)
    mean = np.abs(cv2.blur(across * ring, size)) / np.maximum(share, 1e-3)
    return np.asarray(mean * (share > 0.012), np.float32)


def is_boxed(box: NDArray[Any], a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Return whether both pictures have one straight line along each side of a region's box.

    box: x, y, width, height. A region that differs is ragged where the two happen to be alike; the
    frame that it fills is not.
    """
    x, y, w, h = (int(value) for value in box)
    if min(w, h) < MIN_BOX_PX:
        return False
    upright = _lines(a, 1), _lines(b, 1)
    level = _lines(a, 0), _lines(b, 0)
    return all(
        _has_line(lines, at, span, reach)
        for lines, at, span, reach in (
            (upright, x, slice(y, y + h), w),
            (upright, x + w, slice(y, y + h), w),
            ([each.T for each in level], y, slice(x, x + w), h),
            ([each.T for each in level], y + h, slice(x, x + w), h),
        )
    )


def _lines(picture: NDArray[np.uint8], axis: int) -> NDArray[np.bool_]:
    """Return where (h, w) lie on an upright (axis 1) or a level line."""
    size = (1, SPAN_PX) if axis else (SPAN_PX, 1)
    found = np.zeros(picture.shape[:2], np.bool_)
    for channel in np.moveaxis(picture, 2, 0):
        across = cv2.Sobel(np.ascontiguousarray(channel), cv2.CV_32F, axis, 1 - axis, scale=0.25)
        found |= np.abs(cv2.blur(across, size)) > LINE_LEVELS
    return found


def _has_line(lines: Sequence[NDArray[np.bool_]], at: int, span: slice, extent: int) -> bool:
    """Return whether one column near ``at`` is a line in both, and columns around it are not."""
    width = lines[0].shape[1]
    reach = max(MIN_REACH_PX, round(REACH * extent))
    low, high = max(0, at - reach), min(width, at + reach + 1)
    shares = np.min([each[span, low:high].mean(axis=0) for each in lines], axis=0)
    if not len(shares):
        return False
    return bool(shares.max() >= BOXED and shares.max() >= BOX_OVER_TEXTURE * np.median(shares))
