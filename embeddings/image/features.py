"""Local features of a picture: SIFT key points with RootSIFT descriptors, also of its mirror image.

Sources: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004; Arandjelovic
and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012
(RootSIFT).

They are kept with a work in 4 bits a component, and what is extracted is rounded to the same:
features that were stored and features computed again are equal to the bit.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.errors import BadProxy

MAX_FEATURES = 1000
MODEL_ID = "rootsift-1000/v3"
# far below OpenCV's 0.04, so that faded copies and smooth crops keep their key points
CONTRAST = 0.015
# A descriptor is 4 rows x 4 columns x 8 orientations in the key point's own frame. Mirroring flips
# the axis across the key point's direction: rows are reversed and orientation o becomes -o.
_MIRRORED = np.arange(128).reshape(4, 4, 8)[::-1, :, (-np.arange(8)) % 8].reshape(-1)
# Components beyond it are one in a thousand, and cut.
_LARGEST, _LEVELS = np.float32(0.3), 15
_PLACE_STEPS, _TURN_STEPS = np.float32(64.0), np.float32(65536 / (2 * np.pi))
_HEADER = struct.Struct(">4sBHHH")  # magic, version, width, height, number of key points
_MAGIC, _VERSION = b"OPXF", 1


@dataclass(frozen=True, eq=False, kw_only=True)
class LocalFeatures:
    """n key points of one picture.

    points: (n, 2) float32 pixels; sizes: (n,) float32 pixels; angles: (n,) float32 radians;
    codes: (n, 128) uint8 0..15; descriptors: (n, 128) float32, the codes as unit vectors; width,
    height: of the picture.
    """

    points: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    codes: NDArray[np.uint8]
    descriptors: NDArray[np.float32]
    width: int
    height: int

    def strongest(self, count: int) -> LocalFeatures:
        """Return the strongest ``count`` key points, which come first."""
        return replace(
            self,
            points=self.points[:count],
            sizes=self.sizes[:count],
            angles=self.angles[:count],
            codes=self.codes[:count],
            descriptors=self.descriptors[:count],
        )

    def mirrored(self) -> LocalFeatures:
        """Return the features of the picture flipped left to right; nothing is detected again."""
        points = self.points.copy()
        points[:, 0] = self.width - 1 - points[:, 0]
        return LocalFeatures(
            points=points,
            sizes=self.sizes,
            angles=np.float32(np.pi) - self.angles,
            codes=self.codes[:, _MIRRORED],
            descriptors=self.descriptors[:, _MIRRORED],
            width=self.width,
            height=self.height,
        )


def extract(grey: NDArray[np.uint8]) -> LocalFeatures:
    """Find the key points of (h, w) uint8, strongest first; none on a blank picture.

    Deterministic, and as ``unpack`` gives them back.
    """
    height, width = grey.shape
    sift = cv2.SIFT.create(nfeatures=MAX_FEATURES, contrastThreshold=CONTRAST)
    keypoints, raw = sift.detectAndCompute(grey, None)
    if raw is None or not len(keypoints):
        return _restored(np.zeros((0, 4), np.uint16), np.zeros((0, 128), np.uint8), width, height)
    order = np.argsort([-k.response for k in keypoints], kind="stable")
    shape = np.array([(*k.pt, k.size, k.angle) for k in keypoints], np.float32)[order]
    shape[:, :3] *= _PLACE_STEPS
    shape[:, 3] = np.deg2rad(shape[:, 3]) * _TURN_STEPS % 65536
    places = np.clip(np.round(shape), 0, 65535).astype(np.uint16)
    descriptors = np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-6))[order]
    codes = np.minimum(np.round(descriptors / _LARGEST * _LEVELS), _LEVELS).astype(np.uint8)
    return _restored(places, codes, width, height)


def _restored(
    places: NDArray[np.uint16], codes: NDArray[np.uint8], width: int, height: int
) -> LocalFeatures:
    """Features of (n, 4) places (x, y, size, angle in steps) and (n, 128) codes 0..15."""
    descriptors = codes.astype(np.float32)
    descriptors /= np.maximum(np.sqrt(np.einsum("ij,ij->i", descriptors, descriptors)), 1.0)[
        :, None
    ]
    steps = places.astype(np.float32)
    return LocalFeatures(
        points=np.asarray(steps[:, :2] / _PLACE_STEPS, np.float32),
        sizes=np.asarray(steps[:, 2] / _PLACE_STEPS, np.float32),
        angles=np.asarray(steps[:, 3] / _TURN_STEPS, np.float32),
        codes=codes,
        descriptors=descriptors,
        width=width,
        height=height,
    )


def pack(features: LocalFeatures) -> bytes:
    """Return what ``unpack`` makes equal features of; about 58 KB for 1000 key points."""
    header = _HEADER.pack(_MAGIC, _VERSION, features.width, features.height, len(features.points))
    steps = np.column_stack([features.points, features.sizes]) * _PLACE_STEPS
    places = np.column_stack([steps, features.angles * _TURN_STEPS])
    nibbles = features.codes[:, ::2] | (features.codes[:, 1::2] << 4)
    return header + zlib.compress(np.round(places).astype("<u2").tobytes() + nibbles.tobytes(), 6)


def is_current(packed: bytes) -> bool:
    """Return whether features were packed as this oracle packs them."""
    return packed[:5] == _MAGIC + bytes([_VERSION])


def unpack(packed: bytes) -> LocalFeatures:
    """Return the features that were packed.

    Raises: BadProxy if they are damaged or of an unknown version.
    """
    if len(packed) < _HEADER.size or not is_current(packed):
        raise BadProxy()
    _, _, width, height, count = _HEADER.unpack_from(packed)
    size = count * (8 + 64)
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(packed[_HEADER.size :], size + 1)
    except zlib.error as error:
        raise BadProxy() from error
    if len(content) != size:
        raise BadProxy()
    places = np.frombuffer(content, "<u2", 4 * count).reshape(count, 4).astype(np.uint16)
    nibbles = np.frombuffer(content, np.uint8, offset=8 * count).reshape(count, 64)
    codes = np.stack([nibbles & 15, nibbles >> 4], axis=2).reshape(count, 128)
    return _restored(places, codes, width, height)
