"""Shifts of blocks between two overlaid pictures, and corrections of the alignment by them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.geometry import Transform
from embeddings.image.texture import block_mean

MATCHED_NCC = 0.6  # from this agreement on a block's shift counts
MIN_BLOCKS_AFFINE, MIN_BLOCKS_TILT = 8, 20
# search radius of displaced blocks: the parallax of a second photograph from a step aside
FAR_PX = 24
FAR_NCC = 0.8
MIN_FAR_PX = 2
# the reach of the compared detail: soft content differs by then, an edge does not
SLIDE_PX = 6
SLIDE_STEPS = ((6, 0), (6, 3), (5, 5), (3, 6), (0, 6), (-3, 6), (-5, 5), (-6, 3))
SLIDABLE_NCC = 0.8


def block_ncc(
    overlaid: NDArray[np.float32], target: NDArray[np.float32], block_px: int, reach: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return every block's best correlation over shifts of up to ``reach`` pixels, and its dx and
    dy.
    """
    padded = cv2.copyMakeBorder(overlaid, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    height, width = target.shape
    mean_target = block_mean(target, block_px)
    spread_target = block_mean(target * target, block_px) - mean_target**2
    shifts = [(x, y) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    scores = []
    for x, y in shifts:
        moved = padded[reach + y : reach + y + height, reach + x : reach + x + width]
        mean = block_mean(moved, block_px)
        spread = block_mean(moved * moved, block_px) - mean**2
        joint = block_mean(moved * target, block_px) - mean * mean_target
        scores.append(joint / np.sqrt(np.maximum(spread * spread_target, 1.0)))
    stacked = np.stack(scores)
    best = stacked.argmax(axis=0)
    moves = np.array(shifts)
    return np.asarray(stacked.max(axis=0), np.float32), moves[best, 0], moves[best, 1]


def slidable_blocks(target: NDArray[np.float32], block_px: int) -> NDArray[np.bool_]:
    """Return the blocks that look the same when moved a little: an edge, a plank, a corrugated
    wall.

    The agreement of such a block says nothing about its place (the aperture problem), and noise
    hides it from a test of corners. Source: Moravec's interest operator (Stanford AIM-340, 1980),
    on correlations.
    """
    padded = cv2.copyMakeBorder(target, SLIDE_PX, SLIDE_PX, SLIDE_PX, SLIDE_PX, cv2.BORDER_REFLECT)
    height, width = target.shape
    # Half the directions suffice: opposite moves compare nearly the same pixels.
    moved = [
        padded[SLIDE_PX + y : SLIDE_PX + y + height, SLIDE_PX + x : SLIDE_PX + x + width]
        for x, y in SLIDE_STEPS
    ]
    alike = [block_ncc(np.ascontiguousarray(each), target, block_px, 0)[0] for each in moved]
    return np.asarray(np.max(alike, axis=0) >= SLIDABLE_NCC, np.bool_)


def displaced_blocks(
    overlaid: NDArray[np.float32],
    target: NDArray[np.float32],
    candidates: NDArray[np.bool_],
    block_px: int,
) -> NDArray[np.bool_]:
    """Return which of the candidate blocks are found not in place but up to 24 pixels away.

    A second photograph of a scene has many, since depth moves its parts; under a sticker or a
    caption nothing is found. A place that the reference fills with the same content does not count:
    a covered brick of a wall looks like the next one, which is in place.
    """
    padded, padded_target = (
        cv2.copyMakeBorder(each, FAR_PX, FAR_PX, FAR_PX, FAR_PX, cv2.BORDER_CONSTANT, value=0)
        for each in (overlaid, target)
    )
    displaced = np.zeros(candidates.shape, np.bool_)
    for row, column in zip(*np.nonzero(candidates), strict=True):
        y, x = row * block_px, column * block_px
        around = padded[y : y + block_px + 2 * FAR_PX, x : x + block_px + 2 * FAR_PX]
        ncc = cv2.matchTemplate(
            around, target[y : y + block_px, x : x + block_px], cv2.TM_CCOEFF_NORMED
        )
        at_y, at_x = divmod(int(ncc.argmax()), ncc.shape[1])
        moved = max(abs(at_y - FAR_PX), abs(at_x - FAR_PX))
        if ncc[at_y, at_x] >= FAR_NCC and moved >= MIN_FAR_PX:
            there = slice(y + at_y, y + at_y + block_px), slice(x + at_x, x + at_x + block_px)
            native = cv2.matchTemplate(padded[there], padded_target[there], cv2.TM_CCOEFF_NORMED)[
                0, 0
            ]
            displaced[row, column] = native < FAR_NCC
    return displaced


def affine_correction(
    ncc: NDArray[np.float32],
    dx: NDArray[np.int64],
    dy: NDArray[np.int64],
    inside: NDArray[np.bool_],
    block_px: int,
) -> Transform | None:
    """Return the affine correction of the query's frame by the shifts of agreeing blocks."""
    centres, shifts = _matched_shifts(ncc, dx, dy, inside, block_px)
    if len(centres) < MIN_BLOCKS_AFFINE:
        return None
    design = np.column_stack([centres, np.ones(len(centres))])
    solution: NDArray[Any] = np.zeros((3, 2))
    weight = np.ones(len(centres))
    # a few rounds that down-weight blocks matched elsewhere by chance
    for _ in range(4):
        solution = np.linalg.lstsq(design * weight[:, None], shifts * weight[:, None], rcond=None)[
            0
        ]
        weight = 1.0 / np.maximum(np.abs(design @ solution - shifts).max(axis=1), 0.5)
    correction = np.eye(3)
    # A block matches (dx, dy) further in the query, so the query moves by (-dx, -dy).
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
    """Return the correction with a tilt: the shifts of a small homography have eight parameters."""
    centres, shifts = _matched_shifts(ncc, dx, dy, inside, block_px)
    if len(centres) < MIN_BLOCKS_TILT:
        return None
    span = float(ncc.shape[1] * block_px)
    design = _tilt_design(centres / span)
    values, n = shifts.T.reshape(-1), len(centres)
    solution: NDArray[Any] = np.zeros(8)
    weight = np.ones(2 * n)
    for _ in range(5):
        solution = np.linalg.lstsq(design * weight[:, None], values * weight, rcond=None)[0]
        residual = np.abs(design @ solution - values)
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
    """Return (2n, 8): n equations for dx, then n for dy, at (n, 2) places in units of the width."""
    u, v = at[:, 0], at[:, 1]
    plane, empty = np.column_stack([u, v, np.ones(len(u))]), np.zeros((len(u), 3))
    for_dx = np.column_stack([plane, empty, u * u, u * v])
    for_dy = np.column_stack([empty, plane, u * v, v * v])
    return np.concatenate([for_dx, for_dy])


def _matched_shifts(
    ncc: NDArray[np.float32],
    dx: NDArray[np.int64],
    dy: NDArray[np.int64],
    inside: NDArray[np.bool_],
    block_px: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centres, (n, 2) pixels, and shifts, (n, 2), of the matched blocks."""
    good = inside & (ncc > MATCHED_NCC)
    y, x = np.nonzero(good)
    centres = np.asarray((np.stack([x, y], axis=1) + 0.5) * block_px, np.float64)
    return centres, np.stack([dx[good], dy[good]], axis=1).astype(np.float64)
