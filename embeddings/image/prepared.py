"""A picture made ready for comparison, and the part of it that is kept with a work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image import features as local
from embeddings.image.features import LocalFeatures, extract
from embeddings.image.raster import decode_proxy, to_grey

THUMBNAIL_PX = 48
_THUMBNAIL_BYTES = THUMBNAIL_PX * THUMBNAIL_PX


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture ready for comparison.

    features: its key points; squeezed: (48, 48) uint8, the whole picture reduced; load: returns its
    proxy, (h, w, 3) uint8 sRGB, which most comparisons end without.
    """

    features: LocalFeatures
    squeezed: NDArray[np.uint8]
    load: Callable[[], NDArray[np.uint8]]

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """(h, w, 3) uint8 sRGB."""
        return self.load()

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """(h, w) uint8."""
        return to_grey(self.pixels)

    @cached_property
    def thumbnail(self) -> NDArray[np.float32]:
        """(48, 48) float32 detail, mean 0, variance 1."""
        squeezed = self.squeezed.astype(np.float32)
        detail = squeezed - cv2.GaussianBlur(squeezed, (0, 0), THUMBNAIL_PX / 8)
        return np.asarray((detail - detail.mean()) / max(float(detail.std()), 1e-3), np.float32)

    @cached_property
    def mirrored(self) -> Prepared:
        """The picture flipped left to right; nothing is detected again."""
        return Prepared(
            self.features.mirrored(),
            np.ascontiguousarray(self.squeezed[:, ::-1]),
            lambda: np.ascontiguousarray(self.pixels[:, ::-1]),
        )

    @cached_property
    def negative(self) -> Prepared:
        """The picture with its tones inverted; its key points are found anew."""
        pixels = np.asarray(255 - self.pixels, np.uint8)
        squeezed = np.asarray(255 - self.squeezed, np.uint8)
        return Prepared(extract(to_grey(pixels)), squeezed, lambda: pixels)

    @property
    def size(self) -> tuple[int, int]:
        return self.features.width, self.features.height

    def pack(self) -> bytes:
        """What is kept, for ``unpack``: about 60 KB, less for a picture with few key points."""
        return self.squeezed.tobytes() + local.pack(self.features)


def prepare(pixels: NDArray[np.uint8]) -> Prepared:
    """Prepare (h, w, 3) uint8 sRGB."""
    grey = to_grey(pixels)
    squeezed = cv2.resize(grey, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return Prepared(extract(grey), np.asarray(squeezed, np.uint8), lambda: pixels)


def prepare_proxy(proxy: bytes) -> Prepared:
    """Prepare a picture from its proxy alone. Raises: BadProxy."""
    return prepare(decode_proxy(proxy))


def is_current(packed: bytes) -> bool:
    """Return whether ``unpack`` reads it; what another version packed is computed again."""
    return local.is_current(packed[_THUMBNAIL_BYTES:])


def unpack(packed: bytes, proxy: bytes) -> Prepared:
    """Return what ``prepare_proxy`` makes of the proxy, equal to the bit, without its work.

    Raises: BadProxy if it is damaged or of an unknown version.
    """
    features = local.unpack(packed[_THUMBNAIL_BYTES:])
    squeezed = np.frombuffer(packed, np.uint8, _THUMBNAIL_BYTES)
    return Prepared(
        features, squeezed.reshape(THUMBNAIL_PX, THUMBNAIL_PX), lambda: decode_proxy(proxy)
    )
