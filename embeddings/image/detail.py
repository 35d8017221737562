"""Pictures with insufficient detail to tell apart: they get a reason, never a match.

A picture is refused where a match would not differ from chance: where not even an exact copy of it
could be proven, by the evidence that every pair is weighed by. And where it is only lettering,
which people share without having copied it from one another.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.blocks import FRAME_SIDE_PX, compare_blocks
from embeddings.image.calibration import load_calibration
from embeddings.image.decode import Picture
from embeddings.image.evidence import measure, weigh
from embeddings.image.geometry import Alignment
from embeddings.image.raster import PROXY_SIDE_PX, reduce_to, to_grey
from embeddings.image.shifts import slidable_blocks
from embeddings.image.texture import (
    BLOCK_PX,
    CORNER_LEVELS,
    block_photographic,
    corner_strength,
    detail,
    textured_blocks,
)

MIN_SHORT_SIDE_PX = 64
MIN_TEXTURED_BLOCKS = 6
MIN_DISTINCTIVE_BLOCKS = 6
MIN_TEXTURED_SHARE = 0.02
MIN_LEVELS = 4.0
TWO_TONE_SHARE = 0.85  # of the pixels, within 12 levels of the two commonest greys: ink on paper
TEXT_PHOTO_SHARE = 0.06
INK_LEVELS, MIN_INK_LEVELS = 40, 8  # from the background's grey
# at most, as shares of the picture: small letters merge into words
LETTER_HEIGHT, LETTER_WIDTH = 0.09, 0.3
MIN_LETTERS, LETTER_INK_SHARE = 20, 0.4
# to the next letter, in heights; and of the letters, those that have one beside them
LETTER_GAP, IN_LINES_SHARE = 0.8, 0.75
# of the pixels, equal to their neighbours: a night sky has noise, paper has none
EXACTLY_FLAT_SHARE = 0.4
_TEXT = "The picture is only text on a plain ground: others like it cannot be told apart by pixels."


def insufficient_detail(picture: Picture) -> str | None:
    """Return why a picture has too little detail to judge, or shows more than one, in plain words,
    or None.
    """
    if picture.ambiguous is not None:
        return picture.ambiguous
    if min(picture.width, picture.height) < MIN_SHORT_SIDE_PX:
        return (
            f"The picture is {picture.width}x{picture.height} pixels; under {MIN_SHORT_SIDE_PX}"
            " pixels on its short side nothing can be told from it."
        )
    grey = to_grey(reduce_to(picture.pixels, PROXY_SIDE_PX))
    if own_evidence(grey) < load_calibration().proven_at:
        return low_information(grey) or (
            "The picture has too few parts that differ from one another: an exact copy of it could"
            " not be told from chance."
        )
    return _TEXT if _is_text(reduce_to(grey, FRAME_SIDE_PX)) else None


def own_evidence(grey: NDArray[np.uint8]) -> float:
    """Return the evidence for a copy that an exact copy of a picture, (h, w) uint8, would have."""
    table, none = load_calibration(), np.zeros((0, 2), np.float32)
    report = compare_blocks(grey, grey, np.eye(3))
    if report is None:
        return table.knots[0][0]
    return weigh(measure(Alignment(np.eye(3), none, none, none), report, 1.0), table)


def low_information(grey: NDArray[np.uint8]) -> str | None:
    """Return why the content, (h, w) uint8 of any size, carries too little information, or None."""
    grey = reduce_to(grey, FRAME_SIDE_PX)
    if float(grey.std()) < MIN_LEVELS:
        return "The picture is one flat or nearly flat colour."
    textured = textured_blocks(grey)
    if textured.sum() < max(MIN_TEXTURED_BLOCKS, MIN_TEXTURED_SHARE * textured.size):
        return "The picture is almost blank: too few parts of it have any structure."
    if int(_distinctive(grey).sum()) < MIN_DISTINCTIVE_BLOCKS:
        return (
            "The picture is only gradients, edges and plain shapes: others like it cannot be"
            " told apart by pixels."
        )
    return _TEXT if _is_text(grey) else None


def _is_text(grey: NDArray[np.uint8]) -> bool:
    """Return whether (h, w) uint8 of at most 320 pixels is lettering on a plain ground."""
    rows, columns = grey.shape[0] // BLOCK_PX, grey.shape[1] // BLOCK_PX
    whole = grey[: rows * BLOCK_PX, : columns * BLOCK_PX].astype(np.float32)
    photo = block_photographic(whole, BLOCK_PX)[textured_blocks(grey)[:rows, :columns]]
    drawn = photo.size == 0 or float(photo.mean()) < TEXT_PHOTO_SHARE
    return (
        drawn
        and _two_tones(grey)[1] >= TWO_TONE_SHARE
        and _flat_share(grey) > EXACTLY_FLAT_SHARE
        and _is_lettering(grey)
    )


def _distinctive(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the blocks with corners that also change when moved a little; a ring of any size has
    none.
    """
    short = -grey.shape[0] % BLOCK_PX, -grey.shape[1] % BLOCK_PX
    values = np.pad(grey, ((0, short[0]), (0, short[1])), mode="edge").astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(values, (0, 0), 0.8), np.float32)
    return (corner_strength(soft, BLOCK_PX) > CORNER_LEVELS) & ~slidable_blocks(
        detail(soft), BLOCK_PX
    )


def _is_lettering(grey: NDArray[np.uint8]) -> bool:
    """Return whether the marks on the background are mostly many small ones, as of letters, not a
    logo.
    """
    (background, tone), _ = _two_tones(grey)
    contrast = np.abs(grey.astype(np.int16) - background)
    # Dark ink, or from half way to the other tone: coloured ink may be almost as light as paper.
    return any(
        _has_many_small_marks(contrast > levels)
        for levels in {INK_LEVELS, max(MIN_INK_LEVELS, abs(tone - background) // 2)}
    )


def _has_many_small_marks(ink: NDArray[np.bool_]) -> bool:
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    marks = stats[1:]
    small = (marks[:, cv2.CC_STAT_HEIGHT] <= LETTER_HEIGHT * ink.shape[0]) & (
        marks[:, cv2.CC_STAT_WIDTH] <= LETTER_WIDTH * ink.shape[1]
    )
    area = marks[:, cv2.CC_STAT_AREA]
    return (
        int(small.sum()) >= MIN_LETTERS
        and float(area[small].sum()) >= LETTER_INK_SHARE * float(area.sum())
        and _share_in_lines(marks[small]) >= IN_LINES_SHARE
    )


def _share_in_lines(marks: NDArray[np.int32]) -> float:
    """Return the share of the marks with another one beside them, as letters have: stars, cells and
    the pips of a card lie further apart.
    """
    x, y, w, h = (marks[:, i].astype(np.float32) for i in range(4))
    gap = x[None] - (x + w)[:, None]
    overlap = np.minimum((y + h)[:, None], (y + h)[None]) - np.maximum(y[:, None], y[None])
    taller = np.maximum(h[:, None], h[None])
    beside = (np.abs(gap) <= LETTER_GAP * taller) & (overlap >= 0.5 * np.minimum(h[:, None], h))
    np.fill_diagonal(beside, False)
    return float((beside.any(axis=0) | beside.any(axis=1)).mean())


def _flat_share(grey: NDArray[np.uint8]) -> float:
    values = grey.astype(np.int16)
    steps = np.abs(np.diff(values, axis=0))[:, :-1], np.abs(np.diff(values, axis=1))[:-1]
    return float((np.maximum(*steps) <= 1).mean()) if min(grey.shape) > 1 else 1.0


def _two_tones(grey: NDArray[np.uint8]) -> tuple[tuple[int, int], float]:
    """Return the two commonest greys, and the share of pixels near them."""
    counts = np.bincount(grey.reshape(-1), minlength=256).astype(np.float64)
    near, tones = 0.0, []
    for _ in range(2):
        peak = int(counts.argmax())
        low, high = max(0, peak - 12), peak + 13
        near += float(counts[low:high].sum())
        counts[low:high] = 0
        tones.append(peak)
    return (tones[0], tones[1]), near / grey.size
