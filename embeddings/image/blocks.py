"""Agreement of textured blocks: the proof that two aligned pictures show the same pixels, not merely alike
shapes.

Inlier counts are no proof: text cards, caption bars and program windows earn 50 to 185 of them. So the query
is laid over the reference by the transform, both are cut into blocks, and each block that has texture must
agree by itself (zero-mean normalised cross-correlation, blind to brightness and contrast). Two photographs of
one scene fail here: depth moves their parts against each other by more than the small shifts that are
allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.geometry import Transform, inverse, local_scale, project

FRAME_SIDE_PX = 320  # the shared region is compared at this size at most: finer detail does not survive re-encoding
BLOCK_PX = 16
SMALL_BLOCK_PX = 8  # for shared regions under SMALL_SIDE_PX, where 16-pixel blocks would be too few to count
SMALL_SIDE_PX = 144
MIN_SIDE_PX = 32
FIRST_SHIFT_PX, LAST_SHIFT_PX = 3, 1
DETAIL_SIGMA_PX = 6.0  # anything smoother is shading: two skies or two shadows agree in it without being copies
TEXTURE_LEVELS = 3.0  # standard deviation of the detail, of 255, from which a block counts as textured
AGREE_NCC = 0.8
CORNER_LEVELS = (
    0.8  # of corner_strength; a horizon or a gradient has not one such block, other pictures a dozen and more
)
EXTREME = 0.15  # of a block's range of grey levels, at either end
COARSE_SIDE_PX = 160  # where 320 fails: noise, blur and half-transparent overlays spare the coarse structure
FLAT_GRADIENT = 2.5  # grey levels per pixel; text and drawings are mostly flatter than this, photographs are not


@dataclass(frozen=True, eq=False)
class BlockReport:
    """What the blocks of the shared region say.

    All maps are (rows, columns) of blocks. inside: wholly in both pictures; textured: textured in either
    picture; agrees: textured in both and agreeing; photo: float 0..1, how photographic rather than
    flat-with-edges the block is in both pictures; ncc: float -1..1; frame: 3x3 from query pixels to frame
    pixels; to_reference: 3x3 from frame pixels to reference pixels; block_px: the side of a block.
    """

    inside: NDArray[np.bool_]
    textured: NDArray[np.bool_]
    agrees: NDArray[np.bool_]
    photo: NDArray[np.float32]
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
    """The convex polygon, (n, 2) in reference pixels, in which both pictures (sizes as width, height) lie;
    (0, 2) if none.
    """
    mapped = project(transform, _corners(query_size)).astype(np.float32)
    area, polygon = cv2.intersectConvexConvex(mapped, _corners(reference_size).astype(np.float32))
    return np.zeros((0, 2)) if area <= 0 or polygon is None else polygon.reshape(-1, 2).astype(np.float64)


def _corners(size: tuple[int, int]) -> NDArray[np.float64]:
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)


def compare_blocks(
    query: NDArray[np.uint8], reference: NDArray[np.uint8], transform: Transform, side_px: int = FRAME_SIDE_PX
) -> BlockReport | None:
    """Compare two grey pictures, (h, w) uint8, under a transform from query to reference pixels.

    Returns: the report under the transform after a small affine refinement, or None where too little is
    shared.
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
    factor = min(1.0, 1.0 / magnification, side_px / extent)  # compare where both have detail, never enlarged
    if extent * factor < MIN_SIDE_PX:
        return None
    block_px = SMALL_BLOCK_PX if extent * factor < SMALL_SIDE_PX else BLOCK_PX
    rows, columns = (max(1, round(float(side) * factor / block_px)) for side in (high - low)[::-1])
    to_frame = np.array([[factor, 0, -factor * low[0]], [0, factor, -factor * low[1]], [0, 0, 1.0]])
    size = (columns * block_px, rows * block_px)
    shown, shown_mask = _warp(reference, to_frame, size, factor)
    frame = to_frame @ transform
    query_scale = factor * magnification
    laid, laid_mask = _warp(query, frame, size, query_scale)
    fine_shown = _detail(shown)
    ncc, dx, dy = _block_ncc(_detail(laid), fine_shown, block_px, FIRST_SHIFT_PX)
    correction = _affine_from_shifts(ncc, dx, dy, _inside(laid_mask, shown_mask, block_px), block_px)
    if correction is not None:
        frame = correction @ frame
        laid, laid_mask = _warp(query, frame, size, query_scale)
    fine_laid = _detail(laid)
    ncc, _, _ = _block_ncc(fine_laid, fine_shown, block_px, LAST_SHIFT_PX)
    inside = _inside(laid_mask, shown_mask, block_px)
    deviation = block_std(fine_laid, block_px), block_std(fine_shown, block_px)
    in_both = inside & (deviation[0] > TEXTURE_LEVELS) & (deviation[1] > TEXTURE_LEVELS)
    # Half the limit counts as texture on the side that is asked whether it disagrees: a faded copy stays
    # comparable.
    cornered = np.maximum(corner_strength(laid, block_px), corner_strength(shown, block_px)) > CORNER_LEVELS
    textured = inside & cornered & (np.maximum(*deviation) > TEXTURE_LEVELS)
    faint = inside & textured & (np.minimum(*deviation) > TEXTURE_LEVELS / 3)
    agrees = (in_both | faint) & cornered & (ncc >= AGREE_NCC)
    photo = np.minimum(block_photographic(laid, block_px), block_photographic(shown, block_px))
    return BlockReport(inside, textured, agrees, photo, ncc, frame, inverse(to_frame), block_px)


def _warp(
    grey: NDArray[np.uint8], matrix: Transform, size: tuple[int, int], scale: float
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Lay a picture into the frame, blurred to the frame's own resolution first, with the mask of where it
    lies.
    """
    sigma = 0.8 / max(scale, 1e-3)
    blurred = cv2.GaussianBlur(grey, (0, 0), sigma).astype(np.float32)
    laid = cv2.warpPerspective(blurred, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpPerspective(
        np.ones_like(grey), matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(laid, np.float32), np.asarray(mask, np.uint8)


def _detail(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), DETAIL_SIGMA_PX), np.float32)


def _tiles(values: NDArray[Any], block_px: int) -> NDArray[Any]:
    rows, columns = values.shape[0] // block_px, values.shape[1] // block_px
    return values.reshape(rows, block_px, columns, block_px)


def _block_mean(values: NDArray[Any], block_px: int) -> NDArray[np.float32]:
    """Mean of every block; OpenCV's area filter is exactly that for whole factors, and six times as fast as
    NumPy.
    """
    size = (values.shape[1] // block_px, values.shape[0] // block_px)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def block_std(values: NDArray[Any], block_px: int) -> NDArray[np.float32]:
    """Standard deviation of every block of (h, w) float32, sides a multiple of ``block_px``."""
    return np.asarray(_tiles(values, block_px).std(axis=(1, 3)), np.float32)


def corner_strength(values: NDArray[np.float32], block_px: int) -> NDArray[np.float32]:
    """How much every block of (h, w) float32 changes along its flattest direction, in grey levels per pixel
    (rms).

    Zero where there is only a straight edge or a gradient: such a block fits any other edge slid along it
    (the aperture problem), so two pictures of a horizon would agree in all they have. Source: Harris and
    Stephens, 1988.
    """
    gx = cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    xx, xy, yy = (_block_mean(product, block_px) for product in (gx * gx, gx * gy, gy * gy))
    half = (xx + yy) / 2
    smaller = half - np.sqrt(np.maximum(half * half - (xx * yy - xy * xy), 0.0))
    return np.asarray(np.sqrt(np.maximum(smaller, 0.0)), np.float32)


def textured_blocks(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which 16-pixel blocks of (h, w) uint8 have texture; a ragged right or lower edge is filled by
    repetition.
    """
    short = -grey.shape[0] % BLOCK_PX, -grey.shape[1] % BLOCK_PX
    values = np.pad(grey, ((0, short[0]), (0, short[1])), mode="edge").astype(np.float32)
    return np.asarray(block_std(_detail(values), BLOCK_PX) > TEXTURE_LEVELS)


def _inside(a: NDArray[np.uint8], b: NDArray[np.uint8], block_px: int) -> NDArray[np.bool_]:
    return _block_mean((a & b).astype(np.float32), block_px) > 0.97


def _block_ncc(
    laid: NDArray[np.float32], shown: NDArray[np.float32], block_px: int, reach: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Best correlation of every block over shifts of up to ``reach`` pixels, and the shift (dx, dy) that gave
    it.
    """
    padded = cv2.copyMakeBorder(laid, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    height, width = shown.shape
    mean_shown = _block_mean(shown, block_px)
    spread_shown = _block_mean(shown * shown, block_px) - mean_shown**2
    shifts = [(x, y) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    scores = []
    for x, y in shifts:
        moved = padded[reach + y : reach + y + height, reach + x : reach + x + width]
        mean = _block_mean(moved, block_px)
        spread = _block_mean(moved * moved, block_px) - mean**2
        joint = _block_mean(moved * shown, block_px) - mean * mean_shown
        scores.append(joint / np.sqrt(np.maximum(spread * spread_shown, 1.0)))
    stacked = np.stack(scores)
    best = stacked.argmax(axis=0)
    moves = np.array(shifts)
    return np.asarray(stacked.max(axis=0), np.float32), moves[best, 0], moves[best, 1]


def _affine_from_shifts(
    ncc: NDArray[np.float32],
    dx: NDArray[np.int64],
    dy: NDArray[np.int64],
    inside: NDArray[np.bool_],
    block_px: int,
) -> Transform | None:
    """The affine correction of the frame that the shifts of the well-agreeing blocks ask for."""
    good = inside & (ncc > 0.6)
    if good.sum() < 8:
        return None
    y, x = np.nonzero(good)
    centres = (np.stack([x, y], axis=1) + 0.5) * block_px
    wanted = np.stack([dx[good], dy[good]], axis=1).astype(np.float64)
    design = np.column_stack([centres, np.ones(len(centres))])
    weight = np.ones(len(centres))
    solution: NDArray[Any] = np.zeros((3, 2))
    for _ in range(4):  # a few rounds of down-weighting the blocks that found another place by chance
        solution = np.linalg.lstsq(design * weight[:, None], wanted * weight[:, None], rcond=None)[0]
        residual = np.abs(design @ solution - wanted).max(axis=1)
        weight = 1.0 / np.maximum(residual, 0.5)
    correction = np.eye(3)
    # A block matched when it looked (dx, dy) further in the query: so the query must move by minus that.
    correction[0] -= solution[:, 0]
    correction[1] -= solution[:, 1]
    moved = np.abs(design @ solution).max()
    return correction if moved < 2.5 * FIRST_SHIFT_PX else None


def block_photographic(values: NDArray[np.float32], block_px: int) -> NDArray[np.float32]:
    """0..1 per block of (h, w) float32: how much it looks like a photograph rather than like text or line
    work.

    Text has flat ground between its strokes, and hardly a grey level between ground and ink; texture has
    neither.
    """
    gx = cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    flat = _block_mean((np.hypot(gx, gy) < FLAT_GRADIENT).astype(np.float32), block_px)
    tiles = _tiles(values, block_px)
    low, high = tiles.min(axis=(1, 3), keepdims=True), tiles.max(axis=(1, 3), keepdims=True)
    place = (tiles - low) / np.maximum(high - low, 1.0)
    extreme = ((place < EXTREME) | (place > 1.0 - EXTREME)).mean(axis=(1, 3))
    unlike_text = np.clip((0.6 - flat) / 0.4, 0.0, 1.0) * np.clip((0.5 - extreme) / 0.2, 0.0, 1.0)
    return np.asarray(unlike_text, np.float32)
