"""What two aligned pictures have exchanged: lettering, colours, the picture in a frame.

Textured blocks do not see what a bought template is filled in with: words on a flat card, a flat
disc of another colour. So the pictures are overlaid once more, in colour and after a photometric
fit, and what differs is told apart by the ground behind it and by its outline:

- An addition (sticker, caption, logo) hides ink, but never uncovers the ground behind it. Where one
  picture has ink and the other shows the ground, and right beside it is the reverse, something was
  exchanged: a name, a score, a title.
- An addition brings an outline of its own. What fills a slot of a template (a coloured disc, a
  shirt, art in a frame) ends at a line that both pictures have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.blocks import overlap_polygon
from embeddings.image.geometry import Transform, inverse, local_scale, project
from embeddings.image.outline import is_boxed, outline_shares
from embeddings.image.tones import fit_tones

SIDE_PX, MIN_SIDE_PX, MIN_AREA_PX = 512, 24, 400
BORDER_PX = 7  # at the edge of the overlap, where blur and warp mix in what lies outside
TOLERANCE_PX = 1  # what is left of the alignment's error
# a pixel differs from these levels on, of 255, and from this share of the contrast around it
INK_LEVELS, INK_CONTRAST, FILL_LEVELS = 26, 0.4, 40
CONTRAST_PX, GROUND_PX = 15, 31
MIN_GROUND = 0.15  # share of unchanged pixels around a place, below which its ground is unknown
JOIN_PX = (7, 25)  # rows, columns: the words of a line are one mark
MIN_MARK_PX = 10
EXCHANGED = 0.2  # of a mark's changed pixels, in either direction
INK_STEP, SAME_INK_LEVELS, CLEAR_LEVELS = 32, 40, 60
REWRITTEN, COMMON_INK = 0.2, 0.4
SHIFT_PX, SHIFTED_NCC = 4, 0.75  # a mark that agrees so much nearby was only misaligned
MIN_FILL, OUTLINED = 0.004, 0.6
CELL_PX, FOREIGN_CELL, FOREIGN_LINES = 16, 0.5, 0.6


@dataclass(frozen=True)
class Exchange:
    """Shares, 0..1, of the area that both pictures show.

    ink: under marks that took the place of others; fill: inside outlines that both have.
    sides: on how many sides, 0..4, of what agrees the two have different surroundings.
    """

    ink: float = 0.0
    fill: float = 0.0
    sides: int = 0


def measure_exchange(
    query: NDArray[np.uint8], reference: NDArray[np.uint8], transform: Transform
) -> Exchange:
    """Compare two pictures, (h, w, 3) uint8, under a transform from query to reference pixels."""
    framed = _frame(query, reference, transform)
    if framed is None:
        return Exchange()
    a, b, shared = framed
    a, b = fit_tones(a, b, shared)
    gap = _strongest(cv2.absdiff(a, b))
    solid, filled = (_opened((gap > levels) & shared) for levels in (INK_LEVELS, FILL_LEVELS))
    marks = _exchanged_marks(a, b, shared, solid)
    area = float(shared.sum())
    fill = _exchanged_fill(a, b, shared, filled & ~marks, area)
    return Exchange(float(marks.sum()) / area, fill, _foreign_sides(gap > INK_LEVELS, shared))


def _foreign_sides(differs: NDArray[np.bool_], shared: NDArray[np.bool_]) -> int:
    """Count the sides on which nearly every line begins with a stretch that differs."""
    cells = tuple(max(1, side // CELL_PX) for side in differs.shape[::-1])
    share, within = (
        cv2.resize(mask.astype(np.float32), cells, interpolation=cv2.INTER_AREA)
        for mask in (differs & shared, shared)
    )
    counts = within > 0.5
    foreign = counts & (share > FOREIGN_CELL * within)
    sides = 0
    for turns in range(4):
        rows, valid = np.rot90(foreign, turns), np.rot90(counts, turns)
        lines = valid.any(axis=1)
        first = valid.argmax(axis=1)
        begins = rows[np.arange(len(rows)), first] & lines
        sides += int(begins.sum() >= FOREIGN_LINES * max(int(lines.sum()), 1))
    return sides


def _opened(differs: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the mask, 0 or 1, without what is thinner than five pixels."""
    opened = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return np.asarray(opened, np.uint8)


def _frame(
    query: NDArray[np.uint8], reference: NDArray[np.uint8], transform: Transform
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]] | None:
    """Return both in one frame, (h, w, 3), neither enlarged, and where both lie, (h, w)."""
    polygon = overlap_polygon(
        transform, (query.shape[1], query.shape[0]), (reference.shape[1], reference.shape[0])
    )
    if len(polygon) < 3:
        return None
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    centre = project(inverse(transform), polygon.mean(axis=0, keepdims=True))[0]
    magnification, _ = local_scale(transform, centre)
    if magnification <= 0:
        return None
    factor = min(1.0, 1.0 / magnification, SIDE_PX / float((high - low).max()))
    width, height = (round(float(side) * factor) for side in (high - low))
    if min(width, height) < MIN_SIDE_PX:
        return None
    to_frame = np.array([[factor, 0, -factor * low[0]], [0, factor, -factor * low[1]], [0, 0, 1.0]])
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.round(project(to_frame, polygon)).astype(np.int32), 1)
    kernel = np.ones((BORDER_PX, BORDER_PX), np.uint8)
    inner = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    if inner.sum() < MIN_AREA_PX:
        return None
    return (
        _warped(query, to_frame @ transform, factor * magnification, (width, height)),
        _warped(reference, to_frame, factor, (width, height)),
        inner.astype(np.bool_),
    )


def _warped(
    pixels: NDArray[np.uint8], matrix: Transform, scale: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    soft = cv2.GaussianBlur(pixels, (0, 0), 0.6 / max(scale, 1e-3)) if scale < 0.95 else pixels
    warped = cv2.warpPerspective(
        soft, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _exchanged_marks(
    a: NDArray[np.uint8], b: NDArray[np.uint8], shared: NDArray[np.bool_], solid: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the mask, (h, w) 0 or 1, of the words and signs that took the place of others."""
    missing, extra = _not_nearby(b, a), _not_nearby(a, b)
    contrast = np.maximum(_contrast(a), _contrast(b)).astype(np.float32)
    limit = np.maximum(INK_LEVELS, INK_CONTRAST * contrast)
    gone, come = (missing > limit) & shared, (extra > limit) & shared
    result = np.zeros(shared.shape, np.uint8)
    if int(gone.sum()) < MIN_MARK_PX * EXCHANGED or int(come.sum()) < MIN_MARK_PX * EXCHANGED:
        return result
    ground, known = _ground(b, (np.maximum(missing, extra) < limit / 2) & shared)
    from_a = _strongest(cv2.absdiff(a.astype(np.float32), ground))
    from_b = _strongest(cv2.absdiff(b.astype(np.float32), ground))
    gone_now = gone & known & (from_a < 0.5 * from_b)
    come_now = come & known & (from_b < 0.5 * from_a)
    changed = gone | come | (solid > 0)
    joined = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones(JOIN_PX, np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    total, less, more = (
        np.bincount(labels[pixels], minlength=count) for pixels in (changed, gone_now, come_now)
    )
    grey_a, grey_b = _grey(a), _grey(b)
    for i in range(1, count):
        if total[i] < MIN_MARK_PX:
            continue
        x, y, w, h = stats[i, :4]
        box = slice(y, y + h), slice(x, x + w)
        there, same = changed[box] & (labels[box] == i), shared[box] & ~changed[box]
        if (
            min(less[i], more[i]) >= EXCHANGED * total[i]
            or _is_rewritten(a[box][there], b[box][there], b[box][same])
        ) and not _agrees_nearby(grey_a, grey_b, stats[i, :4]):
            result[labels == i] = 1
    return result


def _is_rewritten(a: NDArray[np.uint8], b: NDArray[np.uint8], around: NDArray[np.uint8]) -> bool:
    """Return whether both have one ink, each where the other has none: on a photograph, where no
    ground is known. What is laid over brings an ink that only one picture has.

    a, b: (n, channels), a mark's pixels that differ; around: (m, channels), those that do not.
    """
    clear = cv2.absdiff(a, b).reshape(a.shape).max(axis=1) >= CLEAR_LEVELS  # not see-through
    for inked in (a, b):
        cells, count = np.unique(inked // INK_STEP, axis=0, return_counts=True)
        ink = (cells[count.argmax()].astype(np.int64) + 0.5) * INK_STEP
        of_around = np.abs(around - ink).max(axis=1) < SAME_INK_LEVELS
        if of_around.sum() > COMMON_INK * len(around):
            continue  # a tone of the picture itself
        near_a, near_b = (np.abs(each - ink).max(axis=1) < SAME_INK_LEVELS for each in (a, b))
        only = min(int((clear & ~near_b & near_a).sum()), int((clear & ~near_a & near_b).sum()))
        if only >= REWRITTEN * len(a):
            return True
    return False


def _not_nearby(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return by how many levels every pixel of ``a`` leaves the range of ``b`` around it."""
    kernel = np.ones((2 * TOLERANCE_PX + 1,) * 2, np.uint8)
    high, low = (f(b, kernel).reshape(b.shape) for f in (cv2.dilate, cv2.erode))
    above, below = (cv2.subtract(*pair).reshape(b.shape) for pair in ((a, high), (low, a)))
    return _strongest(np.maximum(above, below))


def _contrast(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    kernel = np.ones((CONTRAST_PX, CONTRAST_PX), np.uint8)
    high, low = (f(pixels, kernel).reshape(pixels.shape) for f in (cv2.dilate, cv2.erode))
    return _strongest(high - low)


def _strongest(difference: NDArray[Any]) -> NDArray[Any]:
    """Return the largest of the channels; OpenCV drops the axis of a single one."""
    return np.asarray(difference.max(axis=2) if difference.ndim == 3 else difference)


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.shape[2] == 3 else pixels[..., 0]
    return np.ascontiguousarray(grey, np.uint8)


def _ground(
    pixels: NDArray[np.uint8], unchanged: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the colour behind the marks, (h, w, channels), and where it is known."""
    values = pixels.astype(np.float32)
    size, weight = (GROUND_PX, GROUND_PX), unchanged.astype(np.float32)
    known = cv2.blur(weight, size) > MIN_GROUND
    ground = values
    for _ in range(2):  # the second time without the ink that happens to agree
        share = cv2.blur(weight, size)[..., None]
        mean = cv2.blur(values * weight[..., None], size).reshape(values.shape)
        ground = np.where(share > 0.05, mean / np.maximum(share, 1e-3), ground)
        weight = weight * (np.abs(values - ground).max(axis=2) < 1.5 * INK_LEVELS)
    return np.asarray(ground, np.float32), np.asarray(known, np.bool_)


def _agrees_nearby(a: NDArray[np.uint8], b: NDArray[np.uint8], box: NDArray[Any]) -> bool:
    (height, width), (x, y, w, h) = b.shape, (int(value) for value in box)
    left, top = max(SHIFT_PX, x - 2), max(SHIFT_PX, y - 2)
    right, bottom = min(width - SHIFT_PX, x + w + 2), min(height - SHIFT_PX, y + h + 2)
    if right - left < SHIFT_PX or bottom - top < SHIFT_PX:
        return False
    around = a[top - SHIFT_PX : bottom + SHIFT_PX, left - SHIFT_PX : right + SHIFT_PX]
    ncc = cv2.matchTemplate(around, b[top:bottom, left:right], cv2.TM_CCOEFF_NORMED)
    return float(ncc.max()) >= SHIFTED_NCC


def _exchanged_fill(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    shared: NDArray[np.bool_],
    filled: NDArray[np.uint8],
    area: float,
) -> float:
    """Return the share of the area that differs inside outlines which both pictures have."""
    closed = cv2.morphologyEx(filled, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
    found = 0.0
    for i in range(1, count):
        if stats[i, cv2.CC_STAT_AREA] >= MIN_FILL * area:
            inside, shares = outline_shares((labels == i).astype(np.uint8), a, b, shared)
            found += inside * (min(shares) >= OUTLINED or is_boxed(stats[i, :4], a, b))
    return min(1.0, found / area)
