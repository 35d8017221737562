"""Agreement of textured blocks: proof that two aligned pictures share pixels, not just shapes.

Inlier counts are no proof: text cards, caption bars and program windows reach 50 to 185. So the
query is overlaid on the reference by the transform, both are cut into blocks, and each textured
block must agree by itself (zero-mean normalised cross-correlation, blind to brightness and
contrast). Two photographs of one scene fail: depth moves their parts against each other by more
than the allowed shifts.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.geometry import Transform, inverse, local_scale, project
from embeddings.image.shifts import (
    affine_correction,
    block_ncc,
    displaced_blocks,
    slidable_blocks,
    tilt_correction,
)
from embeddings.image.texture import (
    BLOCK_PX,
    CORNER_LEVELS,
    TEXTURE_LEVELS,
    block_mean,
    block_pictorial,
    block_std,
    corner_strength,
    detail,
)

# largest size of the compared region: finer detail does not survive re-encoding
FRAME_SIDE_PX = 320
# used where 320 fails: noise, blur and see-through overlays spare the coarse structure
COARSE_SIDE_PX = 160
# for shared regions under SMALL_SIDE_PX, where 16-pixel blocks would be too few to count
SMALL_BLOCK_PX = 8
SMALL_SIDE_PX = 144
MIN_SIDE_PX = 32
FIRST_SHIFT_PX, TILT_SHIFT_PX, LAST_SHIFT_PX = 3, 2, 1
AGREE_NCC = 0.8
SETTLED_SHARE = 0.95  # of the matched blocks unshifted: no tilt is left to correct
MIN_AGREEING = 4  # fewer prove nothing, so displaced blocks are not searched


@dataclass(frozen=True, eq=False, kw_only=True)
class BlockReport:
    """The comparison of the blocks of the shared region.

    All maps are (rows, columns) of blocks. inside: wholly in both pictures; textured: textured in
    either picture, and distinctive; agrees: textured in both and agreeing; contested: textured in
    both and not agreeing; displaced: textured, not agreeing, but found nearby; pictorial: float
    0..1, how little like text the block is in both pictures; ncc: float -1..1; frame: 3x3 from
    query pixels to frame pixels; to_reference: 3x3 from frame pixels to reference pixels; block_px:
    the side of a block.
    """

    inside: NDArray[np.bool_]
    textured: NDArray[np.bool_]
    agrees: NDArray[np.bool_]
    contested: NDArray[np.bool_]
    displaced: NDArray[np.bool_]
    pictorial: NDArray[np.float32]
    ncc: NDArray[np.float32]
    frame: Transform
    to_reference: Transform
    block_px: int

    @property
    def transform(self) -> Transform:
        """The refined transform from query to reference pixels."""
        combined = self.to_reference @ self.frame
        return np.asarray(combined / combined[2, 2])


def overlap_polygon(
    transform: Transform, query_size: tuple[int, int], reference_size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the convex polygon, (n, 2) in reference pixels, that both pictures share; (0, 2) if
    none.

    Sizes are (width, height).
    """
    mapped = project(transform, _corners(query_size)).astype(np.float32)
    area, polygon = cv2.intersectConvexConvex(mapped, _corners(reference_size).astype(np.float32))
    return (
        np.zeros((0, 2))
        if area <= 0 or polygon is None
        else polygon.reshape(-1, 2).astype(np.float64)
    )


def _corners(size: tuple[int, int]) -> NDArray[np.float64]:
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)


def compare_blocks(
    query: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    transform: Transform,
    side_px: int = FRAME_SIDE_PX,
) -> BlockReport | None:
    """Compare two grey pictures, (h, w) uint8, under a transform from query to reference pixels.

    Returns: the report under the refined transform, or None where too little is shared.
    """
    sizes = (query.shape[1], query.shape[0]), (reference.shape[1], reference.shape[0])
    polygon = overlap_polygon(transform, *sizes)
    if len(polygon) < 3:
        return None
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    centre = project(inverse(transform), polygon.mean(axis=0, keepdims=True))[0]
    magnification, _ = local_scale(transform, centre)
    if magnification <= 0:
        return None
    extent = float((high - low).max())
    # compare at a size where both have detail, never enlarged
    factor = min(1.0, 1.0 / magnification, side_px / extent)
    if extent * factor < MIN_SIDE_PX:
        return None
    block_px = SMALL_BLOCK_PX if extent * factor < SMALL_SIDE_PX else BLOCK_PX
    rows, columns = (max(1, round(float(side) * factor / block_px)) for side in (high - low)[::-1])
    to_frame = np.array([[factor, 0, -factor * low[0]], [0, factor, -factor * low[1]], [0, 0, 1.0]])
    size = (columns * block_px, rows * block_px)
    target = _overlay(reference, to_frame, size, factor)
    overlaid = _refined(
        _overlay(query, to_frame @ transform, size, factor * magnification), target, query, block_px
    )
    return _report(overlaid, target, inverse(to_frame), block_px)


@dataclass(frozen=True, eq=False)
class _Overlaid:
    """A picture warped into the frame, (h, w) float32, blurred to the frame's resolution first.

    detail: without shading; mask: uint8, where the picture lies; matrix: the 3x3 of the warp;
    scale: its scale.
    """

    values: NDArray[np.float32]
    detail: NDArray[np.float32]
    mask: NDArray[np.uint8]
    matrix: Transform
    scale: float


def _overlay(
    grey: NDArray[np.uint8], matrix: Transform, size: tuple[int, int], scale: float
) -> _Overlaid:
    blurred = cv2.GaussianBlur(grey, (0, 0), 0.8 / max(scale, 1e-3)).astype(np.float32)
    overlaid = cv2.warpPerspective(
        blurred, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpPerspective(
        np.ones_like(grey), matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
    )
    values = np.asarray(overlaid, np.float32)
    return _Overlaid(values, detail(values), np.asarray(mask, np.uint8), matrix, scale)


def _refined(
    overlaid: _Overlaid, target: _Overlaid, query: NDArray[np.uint8], block_px: int
) -> _Overlaid:
    """Correct the few pixels of error of key points: by an affine map, then by a tilt if needed."""
    size = (target.values.shape[1], target.values.shape[0])
    shifts = block_ncc(overlaid.detail, target.detail, block_px, FIRST_SHIFT_PX)
    correction = affine_correction(*shifts, _inside(overlaid.mask, target.mask, block_px), block_px)
    if correction is None:
        return overlaid
    overlaid = _overlay(query, correction @ overlaid.matrix, size, overlaid.scale)
    shifts = block_ncc(overlaid.detail, target.detail, block_px, TILT_SHIFT_PX)
    inside = _inside(overlaid.mask, target.mask, block_px)
    matched = inside & (shifts[0] >= AGREE_NCC)
    unshifted = matched & (np.maximum(np.abs(shifts[1]), np.abs(shifts[2])) <= LAST_SHIFT_PX)
    if unshifted.sum() >= SETTLED_SHARE * matched.sum():
        return overlaid
    correction = tilt_correction(*shifts, inside, block_px)
    if correction is None:
        return overlaid
    tilted = _overlay(query, correction @ overlaid.matrix, size, overlaid.scale)
    before, after = (
        block_ncc(each.detail, target.detail, block_px, LAST_SHIFT_PX)[0] >= AGREE_NCC
        for each in (overlaid, tilted)
    )
    return tilted if after.sum() > before.sum() else overlaid


def _report(
    overlaid: _Overlaid, target: _Overlaid, to_reference: Transform, block_px: int
) -> BlockReport:
    ncc, _, _ = block_ncc(overlaid.detail, target.detail, block_px, LAST_SHIFT_PX)
    inside = _inside(overlaid.mask, target.mask, block_px)
    deviation = block_std(overlaid.detail, block_px), block_std(target.detail, block_px)
    corners = corner_strength(overlaid.values, block_px), corner_strength(target.values, block_px)
    cornered = np.maximum(*corners) > CORNER_LEVELS
    textured = inside & cornered & (np.maximum(*deviation) > TEXTURE_LEVELS)
    alike = textured & (ncc >= AGREE_NCC)
    # Different pictures have hardly any, and this test costs as much as the comparison.
    if alike.any():
        # A slidable block counts against a copy if it disagrees, and not at all if it agrees.
        textured &= ~(
            alike
            & slidable_blocks(overlaid.detail, block_px)
            & slidable_blocks(target.detail, block_px)
        )
    # A third of the limit suffices on one side, so that a faded copy stays comparable.
    in_both = textured & (np.minimum(*deviation) > TEXTURE_LEVELS / 3)
    agrees = in_both & (ncc >= AGREE_NCC)
    displaced = np.zeros(agrees.shape, np.bool_)
    if agrees.sum() >= MIN_AGREEING:
        missing = textured & ~agrees & (deviation[1] > TEXTURE_LEVELS)
        missing &= corners[1] > CORNER_LEVELS
        displaced = displaced_blocks(overlaid.detail, target.detail, missing, block_px)
    pictorial = np.minimum(
        block_pictorial(overlaid.values, block_px), block_pictorial(target.values, block_px)
    )
    contested = in_both & ~agrees
    return BlockReport(
        inside=inside,
        textured=textured,
        agrees=agrees,
        contested=contested,
        displaced=displaced,
        pictorial=pictorial,
        ncc=ncc,
        frame=overlaid.matrix,
        to_reference=to_reference,
        block_px=block_px,
    )


def _inside(a: NDArray[np.uint8], b: NDArray[np.uint8], block_px: int) -> NDArray[np.bool_]:
    return block_mean((a & b).astype(np.float32), block_px) > 0.97
