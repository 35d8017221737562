"""Where the blocks of one picture are found in another that is overlaid on it, and what that says
about the alignment.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.geometry import Transform
from embeddings.image.texture import block_mean

FOUND_NCC = 0.6  # a block that agrees this well says where it lies
MIN_BLOCKS_AFFINE, MIN_BLOCKS_TILT = 8, 20
# how far a displaced block is looked for: the parallax of a second photograph from a step aside
FAR_PX = 24
FAR_NCC = 0.8
FAR_AT_LEAST_PX = 2
# as far as the detail that blocks are compared by reaches: soft content differs by then, an edge
# does not
SLIDE_PX = 6
SLIDES = ((6, 0), (6, 3), (5, 5), (3, 6), (0, 6), (-3, 6), (-5, 5), (-6, 3))
SLIDES_FROM_NCC = 0.8


def block_ncc(
    overlaid: NDArray[np.float32], shown: NDArray[np.float32], block_px: int, reach: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Best correlation of every block over shifts of up to ``reach`` pixels, and the shift (dx,
    dy) that gave it.
    """
    padded = cv2.copyMakeBorder(overlaid, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    height, width = shown.shape
    mean_shown = block_mean(shown, block_px)
    spread_shown = block_mean(shown * shown, block_px) - mean_shown**2
    shifts = [(x, y) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    scores = []
    for x, y in shifts:
        moved = padded[reach + y : reach + y + height, reach + x : reach + x + width]
        mean = block_mean(moved, block_px)
        spread = block_mean(moved * moved, block_px) - mean**2
        joint = block_mean(moved * shown, block_px) - mean * mean_shown
        scores.append(joint / np.sqrt(np.maximum(spread * spread_shown, 1.0)))
    stacked = np.stack(scores)
    best = stacked.argmax(axis=0)
    moves = np.array(shifts)
    return np.asarray(stacked.max(axis=0), np.float32), moves[best, 0], moves[best, 1]


def slides(shown: NDArray[np.float32], block_px: int) -> NDArray[np.bool_]:
    """Which blocks look the same when moved a little: along an edge, a plank, a corrugated wall.

    That such a block agrees says nothing about where it is (the aperture problem), and noise hides
    it from a test of corners. Source: Moravec's interest operator (Stanford AIM-340, 1980), on
    correlations.
    """
    padded = cv2.copyMakeBorder(shown, SLIDE_PX, SLIDE_PX, SLIDE_PX, SLIDE_PX, cv2.BORDER_REFLECT)
    height, width = shown.shape
    # Half the directions: moved there and moved back compare nearly the same pixels.
    moved = [
        padded[SLIDE_PX + y : SLIDE_PX + y + height, SLIDE_PX + x : SLIDE_PX + x + width]
        for x, y in SLIDES
    ]
    alike = [block_ncc(np.ascontiguousarray(each), shown, block_px, 0)[0] for each in moved]
    return np.asarray(np.max(alike, axis=0) >= SLIDES_FROM_NCC, np.bool_)


def displaced_blocks(
    overlaid: NDArray[np.float32],
    shown: NDArray[np.float32],
    asked: NDArray[np.bool_],
    block_px: int,
) -> NDArray[np.bool_]:
    """Which of the blocks ``asked`` about are not at home but up to 24 pixels away.

    A second photograph of a scene is full of them, since depth moves its parts; under a sticker or
    a caption there is nothing to be found. What is found where it belongs by itself has not moved:
    a covered brick of a wall looks like the next one, which is at home.
    """
    padded, home = (
        cv2.copyMakeBorder(each, FAR_PX, FAR_PX, FAR_PX, FAR_PX, cv2.BORDER_CONSTANT, value=0)
        for each in (overlaid, shown)
    )
    found = np.zeros(asked.shape, np.bool_)
    for row, column in zip(*np.nonzero(asked), strict=True):
        y, x = row * block_px, column * block_px
        around = padded[y : y + block_px + 2 * FAR_PX, x : x + block_px + 2 * FAR_PX]
        ncc = cv2.matchTemplate(
            around, shown[y : y + block_px, x : x + block_px], cv2.TM_CCOEFF_NORMED
        )
        at_y, at_x = divmod(int(ncc.argmax()), ncc.shape[1])
        moved = max(abs(at_y - FAR_PX), abs(at_x - FAR_PX))
        if ncc[at_y, at_x] >= FAR_NCC and moved >= FAR_AT_LEAST_PX:
            there = slice(y + at_y, y + at_y + block_px), slice(x + at_x, x + at_x + block_px)
            native = cv2.matchTemplate(padded[there], home[there], cv2.TM_CCOEFF_NORMED)[0, 0]
            found[row, column] = native < FAR_NCC
    return found


def affine_correction(
    ncc: NDArray[np.float32],
    dx: NDArray[np.int64],
    dy: NDArray[np.int64],
    inside: NDArray[np.bool_],
    block_px: int,
) -> Transform | None:
    """The affine correction of the query's frame that the shifts of the well-agreeing blocks ask
    for.
    """
    centres, wanted = _found(ncc, dx, dy, inside, block_px)
    if len(centres) < MIN_BLOCKS_AFFINE:
        return None
    design = np.column_stack([centres, np.ones(len(centres))])
    solution: NDArray[Any] = np.zeros((3, 2))
    weight = np.ones(len(centres))
    # a few rounds of down-weighting the blocks that found another place by chance
    for _ in range(4):
        solution = np.linalg.lstsq(design * weight[:, None], wanted * weight[:, None], rcond=None)[
            0
        ]
        weight = 1.0 / np.maximum(np.abs(design @ solution - wanted).max(axis=1), 0.5)
    correction = np.eye(3)
    # A block matched when it looked (dx, dy) further in the query: so the query must move by minus
    # that.
    correction[0] -= solution[:, 0]
    correction[1] -= solution[:, 1]
    return correction if np.abs(design @ solution).max() < 7.5 else None


def tilt_correction(
    ncc: NDArray[np.float32],
    dx: NDArray[np.int64],
    dy: NDArray[np.int64],
    inside: NDArray[np.bool_],
    block_px: int,
) -> Transform | None:
    """The same with a tilt: the field of shifts that a small homography makes has eight
    parameters.
    """
    centres, wanted = _found(ncc, dx, dy, inside, block_px)
    if len(centres) < MIN_BLOCKS_TILT:
        return None
    span = float(ncc.shape[1] * block_px)
    design = _tilt_design(centres / span)
    target, n = wanted.T.reshape(-1), len(centres)
    solution: NDArray[Any] = np.zeros(8)
    weight = np.ones(2 * n)
    for _ in range(5):
        solution = np.linalg.lstsq(design * weight[:, None], target * weight, rcond=None)[0]
        residual = np.abs(design @ solution - target)
        weight = np.tile(1.0 / np.maximum(np.maximum(residual[:n], residual[n:]), 0.5), 2)
    if np.abs(design @ solution).max() > 6.0:
        return None
    width, height = span, float(ncc.shape[0] * block_px)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    moves = (_tilt_design(corners / span) @ solution).reshape(2, 4).T
    return np.asarray(
        cv2.getPerspectiveTransform(
            (corners + moves).astype(np.float32), corners.astype(np.float32)
        ),
        np.float64,
    )


def _tilt_design(at: NDArray[Any]) -> NDArray[np.float64]:
    """(2n, 8): first the n equations for dx, then those for dy, at (n, 2) places in units of the
    frame's width.
    """
    u, v = at[:, 0], at[:, 1]
    plane, empty = np.column_stack([u, v, np.ones(len(u))]), np.zeros((len(u), 3))
    for_dx = np.column_stack([plane, empty, u * u, u * v])
    for_dy = np.column_stack([empty, plane, u * v, v * v])
    return np.concatenate([for_dx, for_dy])


def _found(
    ncc: NDArray[np.float32],
    dx: NDArray[np.int64],
    dy: NDArray[np.int64],
    inside: NDArray[np.bool_],
    block_px: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres, (n, 2) pixels, of the blocks that were found, and their shifts, (n, 2)."""
    good = inside & (ncc > FOUND_NCC)
    y, x = np.nonzero(good)
    centres = np.asarray((np.stack([x, y], axis=1) + 0.5) * block_px, np.float64)
    return centres, np.stack([dx[good], dy[good]], axis=1).astype(np.float64)
