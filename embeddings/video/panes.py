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
MIN_MOVING_PICTURES, MAX_MOVING_PICTURES = 6, 40
LINES_PX = 256  # long side of the pictures that are searched for a window's sides
STEP_LEVELS = 7.0  # across a side, in all frames but STANDING_PERCENT of them
STANDING_PERCENT = 30
SIDE_SHARE = 0.5  # of a side, that stands
RUNNING_SHARE = 0.5  # of the window and of what is around it, that moves
MAX_LINES, MIN_LINE_PX = 8, 24


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


def window_over(pictures: Sequence[NDArray[np.uint8]]) -> Box | None:
    """Return the box of a window over a picture that moves as well, or None.

    Its sides are the only straight lines that stay while all around them moves: between two frames
    of either video the step across the border is there nearly always.
    """
    if len(pictures) < MIN_MOVING_PICTURES:
        return None
    step = max(1, len(pictures) // MAX_MOVING_PICTURES)
    thumbs = [_thumb(picture, LINES_PX).astype(np.int16) for picture in pictures[::step]]
    if any(thumb.shape != thumbs[0].shape for thumb in thumbs):
        return None
    stack = np.stack(thumbs)
    moves = np.percentile(stack, 90, axis=0) - np.percentile(stack, 10, axis=0) > MOVING_LEVELS
    upright = _steps(stack, axis=2)
    level = _steps(stack, axis=1)
    best = _best_box(upright, level)
    if best is None:
        return None
    left, top, right, bottom = best
    inside = np.zeros(moves.shape, bool)
    inside[top:bottom, left:right] = True
    if min(moves[inside].mean(), moves[~inside].mean()) < RUNNING_SHARE:
        return None
    height, width = moves.shape
    box = Box(
        (left + 1) / width if left else 0.0,
        (top + 1) / height if top else 0.0,
        (right - 1) / width if right < width else 1.0,
        (bottom - 1) / height if bottom < height else 1.0,
    )
    return box if _large_enough(box, pictures[0]) else None


def _steps(stack: NDArray[np.int16], axis: int) -> NDArray[np.float32]:
    """Return (h, w) float32, 0 or 1: whether a step to the next row or column is nearly always
    there.
    """
    steps = np.abs(np.diff(stack, axis=axis))
    usual = np.percentile(steps, STANDING_PERCENT, axis=0)
    pad = [(0, 0), (0, 1)] if axis == 2 else [(0, 1), (0, 0)]
    return np.asarray(np.pad(usual >= STEP_LEVELS, pad), np.float32)


def _best_box(
    upright: NDArray[np.float32], level: NDArray[np.float32]
) -> tuple[int, int, int, int] | None:
    """Return (left, top, right, bottom) of the box whose weakest side stands out most. Sides on the
    frame's own border count as they are; at least three must be inside.
    """
    height, width = upright.shape
    # a side may lie between two columns: neighbours are one line
    lines = np.maximum(upright, np.roll(upright, 1, axis=1))
    rows = np.maximum(level, np.roll(level, 1, axis=0))
    down, along = np.cumsum(lines, axis=0), np.cumsum(rows, axis=1)
    columns = [0, *_strongest(lines.sum(axis=0)), width]
    levels = [0, *_strongest(rows.sum(axis=1)), height]
    best: tuple[float, tuple[int, int, int, int]] | None = None
    for left in columns:
        for right in columns:
            for top in levels:
                for bottom in levels:
                    area = (right - left) * (bottom - top) / (width * height)
                    if right <= left or bottom <= top or not MIN_PART <= area <= MAX_PART:
                        continue
                    sides = [
                        float(down[bottom - 1, x] - down[top, x]) / (bottom - top)
                        for x in (left, right)
                        if 0 < x < width
                    ] + [
                        float(along[y, right - 1] - along[y, left]) / (right - left)
                        for y in (top, bottom)
                        if 0 < y < height
                    ]
                    if len(sides) < 2 or min(sides) < SIDE_SHARE:
                        continue
                    if best is None or sum(sides) > best[0]:
                        best = sum(sides), (left, top, right, bottom)
    return best[1] if best else None


def _strongest(sums: NDArray[np.floating]) -> list[int]:
    """Return the places of the strongest lines, apart from each other and from the frame's edge."""
    chosen: list[int] = []
    for at in np.argsort(-sums, kind="stable").tolist():
        if len(chosen) == MAX_LINES or sums[at] < MIN_LINE_PX:
            break
        if 2 < at < len(sums) - 3 and all(abs(at - other) > 2 for other in chosen):
            chosen.append(at)
    return chosen


def _thumb(picture: NDArray[np.uint8], side_px: int = THUMB_PX) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    factor = side_px / max(height, width)
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
