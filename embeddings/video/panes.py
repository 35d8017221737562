"""The part of a video's frames that is the video: without plain bars and unmoving surrounds.

A single dark scene looks like a bar, and a still moment like a frame around it. Over the whole
length, only what never shows anything is a bar, and only what never changes is a surround.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

THUMB_PX = 128  # long side of the pictures that are searched for bars and movement
BAR_LEVELS = 5.0  # standard deviation along a row or column; a plain bar has less
# range of grey over time of a moving point; re-encoding alone gives less than half
MOVING_LEVELS = 16.0
MOVING_SHARE = 0.1  # of a row or column that moves
MIN_PART_PX = 64
# of the area: a larger part equals the whole, a smaller one shows too little
MAX_PART, MIN_PART = 0.8, 0.06
MIN_PICTURES = 4


@dataclass(frozen=True)
class Box:
    """A rectangle in shares of width and height, 0..1."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


def cut(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return the part of (h, w, ...) in the box."""
    height, width = pixels.shape[:2]
    top, bottom = round(box.top * height), round(box.bottom * height)
    return pixels[top:bottom, round(box.left * width) : round(box.right * width)]


def without_bars(pictures: Sequence[NDArray[np.uint8]]) -> Box | None:
    """Return the box inside the plain bars shared by all (h, w, 3) uint8 pictures, or None."""
    rows = columns = None
    for picture in pictures:
        thumb = _thumb(picture).astype(np.float32)
        by_row, by_column = thumb.std(axis=1), thumb.std(axis=0)
        rows = by_row if rows is None or len(rows) != len(by_row) else np.maximum(rows, by_row)
        columns = (
            by_column
            if columns is None or len(columns) != len(by_column)
            else np.maximum(columns, by_column)
        )
    if rows is None or columns is None:
        return None
    box = _box(rows > BAR_LEVELS, columns > BAR_LEVELS)
    return box if box is not None and box.area < 0.98 and _large_enough(box, pictures[0]) else None


def moving_part(pictures: Sequence[NDArray[np.uint8]]) -> Box | None:
    """Return the box of all movement if it is a part of the picture: a video in a still frame."""
    if len(pictures) < MIN_PICTURES:
        return None
    low = high = _thumb(pictures[0])
    for picture in pictures[1:]:
        thumb = _thumb(picture)
        if thumb.shape != low.shape:
            return None
        low, high = np.minimum(low, thumb), np.maximum(high, thumb)
    moves = high.astype(np.int16) - low > MOVING_LEVELS
    box = _box(moves.mean(axis=1) > MOVING_SHARE, moves.mean(axis=0) > MOVING_SHARE)
    return (
        box
        if box is not None and MIN_PART <= box.area <= MAX_PART and _large_enough(box, pictures[0])
        else None
    )


def _thumb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    factor = THUMB_PX / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    grey = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8)


def _box(rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> Box | None:
    y, x = np.flatnonzero(rows), np.flatnonzero(columns)
    if not len(y) or not len(x):
        return None
    return Box(
        x[0] / len(columns), y[0] / len(rows), (x[-1] + 1) / len(columns), (y[-1] + 1) / len(rows)
    )


def _large_enough(box: Box, picture: NDArray[np.uint8]) -> bool:
    height, width = cut(picture, box).shape[:2]
    return bool(min(height, width) >= MIN_PART_PX)
