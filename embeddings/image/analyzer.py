"""The one object the service talks to about pictures: fingerprint an upload, verify it against a stored
reference.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.errors import ModelUnavailable
from embeddings.image import features as features_module
from embeddings.image import phash
from embeddings.image.calibration import Calibration, load_calibration
from embeddings.image.channels import ChannelState, digest_of
from embeddings.image.clip import DIMENSIONS as CLIP_DIMENSIONS
from embeddings.image.clip import ClipEncoder
from embeddings.image.clip_weights import ClipWeights, resolve_clip
from embeddings.image.decode import Picture
from embeddings.image.match import ImageMatch
from embeddings.image.plainness import too_plain
from embeddings.image.raster import (
    PROXY_SIDE_PX,
    PROXY_VERSION,
    decode_proxy,
    encode_proxy,
    reduce_to,
    to_grey,
)
from embeddings.image.verify import Prepared, verify_pair
from embeddings.image.views import QueryView, hash_views

VERIFIER_VERSION = "blocks-v1"
PREPARED_KEPT = 128  # about 0.6 MB each: the candidates of a handful of uploads in flight


@dataclass(frozen=True, eq=False)
class ImageFingerprint:
    """All that is kept to recognise a picture.

    phash: 32 bytes, PDQ; phash_quality: 0..100; embeddings: model id -> (512,) float32 unit vector, of the
    channels that are on; proxy: bytes that ``verify`` later judges other pictures against; query_views: what
    to search with, the whole picture first; too_plain: why nothing can be decided about it, or None.
    """

    phash: bytes
    phash_quality: int
    embeddings: Mapping[str, NDArray[np.float32]]
    proxy: bytes
    query_views: tuple[QueryView, ...]
    too_plain: str | None


class ImageAnalyzer:
    """Models and tables of one configuration; safe to share between threads."""

    def __init__(self, clip: ClipEncoder | None, clip_state: ChannelState, calibration: Calibration) -> None:
        self._clip = clip
        self._calibration = calibration
        self._prepared: OrderedDict[bytes, Prepared] = OrderedDict()
        self._lock = threading.Lock()
        self.channels: Mapping[str, ChannelState] = MappingProxyType(
            {
                "phash": ChannelState(True, "", phash.MODEL_ID, 256),
                "copy": ChannelState(False, "No copy descriptor ships with this version.", "", 512),
                "clip": clip_state,
            }
        )
        versions = {"calibration": calibration.version, "features": features_module.MODEL_ID,
                    "proxy": str(PROXY_VERSION), "verifier": VERIFIER_VERSION}  # fmt: skip
        self.model_digest = digest_of(self.channels, versions)

    @classmethod
    def load(cls, *, clip: ClipWeights | None = None) -> ImageAnalyzer:
        """Set up every channel that can be on; a missing model switches its channel off, with the reason
        stated.

        Raises: WeightsMismatch is not swallowed: weights that are not the ones asked for are a fault to be
        fixed.
        """
        calibration = load_calibration()
        if clip is None:
            off = ChannelState(False, "CLIP is not configured.", "", CLIP_DIMENSIONS)
            return cls(None, off, calibration)
        try:
            resolved = resolve_clip(clip)
        except ModelUnavailable as error:
            if type(error) is not ModelUnavailable:
                raise
            return cls(None, ChannelState(False, str(error), "", CLIP_DIMENSIONS), calibration)
        return cls(
            ClipEncoder(resolved), ChannelState(True, "", resolved.model_id, CLIP_DIMENSIONS), calibration
        )

    def fingerprint(self, picture: Picture) -> ImageFingerprint:
        """Everything to store about a picture and everything to search with. Raises: ModelUnavailable."""
        small = reduce_to(picture.pixels, PROXY_SIDE_PX)
        views = hash_views(small)
        vectors: dict[str, NDArray[np.float32]] = {}
        if self._clip is not None:
            vectors[self._clip.model_id] = self._clip.embed([picture.pixels])[0]
        views[0] = replace(views[0], embeddings=MappingProxyType(dict(vectors)))
        return ImageFingerprint(
            phash=views[0].phash,
            phash_quality=views[0].phash_quality,
            embeddings=MappingProxyType(vectors),
            proxy=encode_proxy(picture),
            query_views=tuple(views),
            too_plain=too_plain(picture),
        )

    def verify(self, query: ImageFingerprint, reference_proxy: bytes) -> ImageMatch:
        """Judge the query against one stored reference, from the two proxies alone. Raises: BadProxy."""
        return verify_pair(self._prepare(query.proxy), self._prepare(reference_proxy), self._calibration)

    def _prepare(self, proxy: bytes) -> Prepared:
        key = hashlib.sha256(proxy).digest()
        with self._lock:
            if key in self._prepared:
                self._prepared.move_to_end(key)
                return self._prepared[key]
        grey = to_grey(decode_proxy(proxy))
        prepared = Prepared(grey, features_module.extract(grey))
        with self._lock:
            self._prepared[key] = prepared
            while len(self._prepared) > PREPARED_KEPT:
                self._prepared.popitem(last=False)
        return prepared


cv2.setNumThreads(1)  # work is spread over pictures by the callers; nested pools only fight for the cores
