"""What to search with: the picture as it is, turned, mirrored, and the parts of it that may hold
another work.

A hash or a descriptor of the whole misses a picture that was turned, pasted into another or framed.
Rather than store many entries for each work, the query is looked up in several ways: the index
stays small, and what is stored is plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pdqhash
from numpy.typing import NDArray

from embeddings.image.phash import pdq

# The order in which pdqhash returns the eight turns of one picture.
TURNS = (
    "whole",
    "rotated_90",
    "rotated_180",
    "rotated_270",
    "flipped",
    "mirrored",
    "transposed",
    "antitransposed",
)
CROPS: dict[str, tuple[float, float, float, float]] = {  # left, top, right, bottom as shares
    "crop_centre": (0.15, 0.15, 0.85, 0.85),
    "crop_top_left": (0.0, 0.0, 0.6, 0.6),
    "crop_top_right": (0.4, 0.0, 1.0, 0.6),
    "crop_bottom_left": (0.0, 0.4, 0.6, 1.0),
    "crop_bottom_right": (0.4, 0.4, 1.0, 1.0),
    "half_top": (0.0, 0.0, 1.0, 0.5),
    "half_bottom": (0.0, 0.5, 1.0, 1.0),
    "half_left": (0.0, 0.0, 0.5, 1.0),
    "half_right": (0.5, 0.0, 1.0, 1.0),
}
MIN_CROP_PX = 64
BAR_LEVELS = 6.0  # standard deviation of a row or column that still counts as a plain bar


@dataclass(frozen=True, eq=False)
class QueryView:
    """One way of looking a picture up: its 32-byte PDQ hash with quality, and model id -> (512,)
    unit vector.
    """

    name: str
    phash: bytes
    phash_quality: int
    embeddings: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def hash_views(
    pixels: NDArray[np.uint8], parts: Mapping[str, NDArray[np.uint8]]
) -> list[QueryView]:
    """Hash (h, w, 3) uint8 at most 512 px long: whole first, then its turns, then the given
    parts of it.
    """
    whole, quality = pdq(pixels)
    turned, _ = pdqhash.compute_dihedral(np.ascontiguousarray(pixels))
    views = [QueryView("whole", whole, quality)]
    for name, bits in zip(TURNS[1:], turned[1:], strict=True):
        views.append(QueryView(name, np.packbits(np.asarray(bits, np.uint8)).tobytes(), quality))
    return views + [QueryView(name, *pdq(part)) for name, part in parts.items()]


def pictures_of(
    pixels: NDArray[np.uint8], parts: Mapping[str, NDArray[np.uint8]]
) -> dict[str, NDArray[np.uint8]]:
    """View name -> pixels of the views that are worth a descriptor; it already sees through
    mirroring.
    """
    quarters = {
        f"rotated_{90 * turns}": np.ascontiguousarray(np.rot90(pixels, turns))
        for turns in (1, 2, 3)
    }
    return {"whole": pixels, **quarters, **parts}


def crops(pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """The parts worth a look-up of their own; too small ones are left out."""
    parts = {}
    stripped = strip_bars(pixels)
    if stripped.shape != pixels.shape:
        parts["without_bars"] = stripped
    height, width = pixels.shape[:2]
    for name, (left, top, right, bottom) in CROPS.items():
        part = pixels[
            round(top * height) : round(bottom * height), round(left * width) : round(right * width)
        ]
        if min(part.shape[:2]) >= MIN_CROP_PX:
            parts[name] = part
    return parts


def strip_bars(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut plain bars (letterbox, frame, caption ground) off the four sides; returns the input where
    there are none.
    """
    rows = np.flatnonzero(pixels.astype(np.float32).std(axis=1).max(axis=1) > BAR_LEVELS)
    columns = np.flatnonzero(pixels.astype(np.float32).std(axis=0).max(axis=1) > BAR_LEVELS)
    if not len(rows) or not len(columns):
        return pixels
    part = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    large_enough = min(part.shape[:2]) >= MIN_CROP_PX
    noticeably_smaller = part.shape[0] * part.shape[1] < 0.98 * pixels.shape[0] * pixels.shape[1]
    return part if large_enough and noticeably_smaller else pixels
