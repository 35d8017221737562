"""Properties of single blocks: structure, corners, text or pictorial content.

All maps are (rows, columns). Inputs are (h, w) float32 grey levels, sides a multiple of
``block_px``, except for ``textured_blocks``.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCK_PX = 16
# smoother content is shading: two skies or shadows agree in it without being copies
DETAIL_SIGMA_PX = 6.0
# standard deviation of the detail (of 255) from which a block counts as textured
TEXTURE_LEVELS = 3.0
# Of corner_strength: a horizon or gradient has no such block, other pictures a dozen and more.
CORNER_LEVELS = 0.8
EXTREME = 0.15  # of a block's range of grey levels, at either end
# grey levels per pixel; text and drawings are mostly flatter than this, photographs are not
FLAT_GRADIENT = 2.5


def detail(values: NDArray[Any]) -> NDArray[np.float32]:
    """Remove shading: subtract a broad Gaussian blur."""
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), DETAIL_SIGMA_PX), np.float32)


def block_mean(values: NDArray[Any], block_px: int) -> NDArray[np.float32]:
    """Return the mean of every block (OpenCV's area filter: exact, six times as fast as NumPy)."""
    size = (values.shape[1] // block_px, values.shape[0] // block_px)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def block_std(values: NDArray[Any], block_px: int) -> NDArray[np.float32]:
    """Return the standard deviation of every block."""
    return np.asarray(_tiles(values, block_px).std(axis=(1, 3)), np.float32)


def corner_strength(values: NDArray[np.float32], block_px: int) -> NDArray[np.float32]:
    """Return every block's change along its flattest direction, in grey levels per pixel (rms).

    It is zero for a straight edge or a gradient: such a block fits any other edge slid along it
    (the aperture problem), so two pictures of a horizon would agree in all they have. Source:
    Harris and Stephens, 1988.
    """
    gx, gy = _gradient(values)
    xx, xy, yy = (block_mean(product, block_px) for product in (gx * gx, gx * gy, gy * gy))
    half = (xx + yy) / 2
    smaller = half - np.sqrt(np.maximum(half * half - (xx * yy - xy * xy), 0.0))
    return np.asarray(np.sqrt(np.maximum(smaller, 0.0)), np.float32)


def textured_blocks(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which 16-pixel blocks of (h, w) uint8 have texture; a partial edge is repeated."""
    short = -grey.shape[0] % BLOCK_PX, -grey.shape[1] % BLOCK_PX
    values = np.pad(grey, ((0, short[0]), (0, short[1])), mode="edge").astype(np.float32)
    return np.asarray(block_std(detail(values), BLOCK_PX) > TEXTURE_LEVELS)


def block_photographic(values: NDArray[np.float32], block_px: int) -> NDArray[np.float32]:
    """Return 0..1 per block: how much it looks like a photograph rather than text or line work.

    Text has flat ground between its strokes and hardly a grey level in between; texture has
    neither.
    """
    flat = block_mean((np.hypot(*_gradient(values)) < FLAT_GRADIENT).astype(np.float32), block_px)
    unlike_text = np.clip((0.6 - flat) / 0.4, 0.0, 1.0) * np.clip(
        (0.5 - _extreme(values, block_px)) / 0.2, 0.0, 1.0
    )
    return np.asarray(unlike_text, np.float32)


def block_pictorial(values: NDArray[np.float32], block_px: int) -> NDArray[np.float32]:
    """Return 0..1 per block: how much it has levels between its darkest and lightest.

    Anything drawn, shaded or photographed does; the two tones of text, rules and most interfaces
    give 0. Unlike in ``block_photographic``, flat ground does not count against a drawing.
    """
    return np.asarray(np.clip((0.6 - _extreme(values, block_px)) / 0.3, 0.0, 1.0), np.float32)


def _extreme(values: NDArray[np.float32], block_px: int) -> NDArray[np.float32]:
    """Return the share of every block's pixels near either end of its range."""
    tiles = _tiles(values, block_px)
    low, high = tiles.min(axis=(1, 3), keepdims=True), tiles.max(axis=(1, 3), keepdims=True)
    place = (tiles - low) / np.maximum(high - low, 1.0)
    return np.asarray(((place < EXTREME) | (place > 1.0 - EXTREME)).mean(axis=(1, 3)), np.float32)


def _gradient(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gx = cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(gx, np.float32), np.asarray(gy, np.float32)


def _tiles(values: NDArray[Any], block_px: int) -> NDArray[Any]:
    rows, columns = values.shape[0] // block_px, values.shape[1] // block_px
    return values.reshape(rows, block_px, columns, block_px)
