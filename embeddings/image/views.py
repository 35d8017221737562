"""The views of a picture to search with: whole, turned, mirrored, and parts that may hold another
work.

A hash or descriptor of the whole misses a picture that was turned, pasted into another or framed.
The query is looked up in several views instead of storing many entries for each work, which keeps
the index small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pdqhash
from numpy.typing import NDArray

from embeddings.image.phash import pdq

# In the order of pdqhash.
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
BAR_LEVELS = 6.0  # standard deviation up to which a row or column counts as a plain bar


@dataclass(frozen=True, eq=False)
class QueryView:
    """A view to look up: its 32-byte PDQ hash with quality, and model id -> (512,) unit vector."""

    name: str
    phash: bytes
    phash_quality: int
    embeddings: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def hash_views(
    pixels: NDArray[np.uint8], parts: Mapping[str, NDArray[np.uint8]]
) -> list[QueryView]:
    """Hash (h, w, 3) uint8 at most 512 px long: the whole, its turns, the given parts, and the
    negative, upright and mirrored.
    """
    whole, quality = pdq(pixels)
    turned, _ = pdqhash.compute_dihedral(np.ascontiguousarray(pixels))
    views = [QueryView("whole", whole, quality)]
    for name, bits in zip(TURNS[1:], turned[1:], strict=True):
        views.append(QueryView(name, np.packbits(np.asarray(bits, np.uint8)).tobytes(), quality))
    views += [QueryView(name, *pdq(part)) for name, part in parts.items()]
    # Of a negative every coefficient changes its sign, so that every bit changes.
    for at, name in ((0, "negative"), (TURNS.index("mirrored"), "negative_mirrored")):
        views.append(QueryView(name, bytes(255 - byte for byte in views[at].phash), quality))
    return views


def pictures_of(
    pixels: NDArray[np.uint8], parts: Mapping[str, NDArray[np.uint8]]
) -> dict[str, NDArray[np.uint8]]:
    """Return view name -> pixels of the views to describe; the descriptor ignores mirroring."""
    quarters = {
        f"rotated_{90 * turns}": np.ascontiguousarray(np.rot90(pixels, turns))
        for turns in (1, 2, 3)
    }
    return {"whole": pixels, **quarters, **parts}


def crops(pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """Return the parts to look up by themselves, without those that are too small."""
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
    """Cut plain bars (letterbox, frame, caption ground) off; return the input if there are none."""
    rows = np.flatnonzero(pixels.astype(np.float32).std(axis=1).max(axis=1) > BAR_LEVELS)
    columns = np.flatnonzero(pixels.astype(np.float32).std(axis=0).max(axis=1) > BAR_LEVELS)
    if not len(rows) or not len(columns):
        return pixels
    part = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    large_enough = min(part.shape[:2]) >= MIN_CROP_PX
    noticeably_smaller = part.shape[0] * part.shape[1] < 0.98 * pixels.shape[0] * pixels.shape[1]
    return part if large_enough and noticeably_smaller else pixels
