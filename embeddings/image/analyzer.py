"""The service's interface to pictures: fingerprint an upload, verify it against a reference."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.channels import ChannelState, digest_of
from embeddings.errors import ModelUnavailable, WeightsMismatch
from embeddings.image import features as features_module
from embeddings.image import phash
from embeddings.image.calibration import Calibration, load_calibration
from embeddings.image.clip import DIMENSIONS as CLIP_DIMENSIONS
from embeddings.image.clip import ClipEncoder
from embeddings.image.clip_weights import ClipWeights, resolve_clip
from embeddings.image.decode import Picture
from embeddings.image.descriptor import DIMENSIONS as COPY_DIMENSIONS
from embeddings.image.descriptor import CopyDescriptor
from embeddings.image.detail import insufficient_detail
from embeddings.image.match import ImageMatch
from embeddings.image.prepared import Prepared, is_current, prepare_proxy, unpack
from embeddings.image.raster import PROXY_SIDE_PX, PROXY_VERSION, encode_proxy, reduce_to
from embeddings.image.verify import verify_pair
from embeddings.image.views import QueryView, crops, hash_views, pictures_of

VERIFIER_VERSION = "blocks-v5"
DESCRIBE_BATCH = 16
MAX_CACHED_PREPARED = 128  # about 1 MB each: the candidates of a few uploads at once


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageFingerprint:
    """The stored data that recognise a picture, and its search views.

    phash: 32 bytes, PDQ; phash_quality: 0..100; embeddings: model id -> (512,) float32 unit vector,
    of the active channels; proxy: bytes that ``verify`` judges other pictures against; features:
    what saves it from finding the proxy's key points again; query_views: the views to search with,
    the whole picture first; insufficient_detail: why it has too little to decide on, or None.
    """

    phash: bytes
    phash_quality: int
    embeddings: Mapping[str, NDArray[np.float32]]
    proxy: bytes
    features: bytes
    query_views: tuple[QueryView, ...]
    insufficient_detail: str | None


class ImageAnalyzer:
    """The picture engine under one configuration; safe to share between threads."""

    def __init__(
        self,
        *,
        clip: ClipEncoder | None,
        clip_state: ChannelState,
        copy: CopyDescriptor | None,
        copy_state: ChannelState,
        calibration: Calibration,
    ) -> None:
        self._clip = clip
        self._copy = copy
        self.calibration = calibration
        self._prepared: OrderedDict[bytes, Prepared] = OrderedDict()
        self._lock = threading.Lock()
        self.max_cached_prepared = MAX_CACHED_PREPARED
        self.channels: Mapping[str, ChannelState] = MappingProxyType(
            {
                "phash": ChannelState(True, "", phash.MODEL_ID, 256),
                "copy": copy_state,
                "clip": clip_state,
            }
        )
        versions = {
            "calibration": calibration.version,
            "features": features_module.MODEL_ID,
            "proxy": str(PROXY_VERSION),
            "verifier": VERIFIER_VERSION,
        }
        self.model_digest = digest_of(self.channels, versions)

    @classmethod
    def load(cls, *, clip: ClipWeights | None = None, copy: bool = True) -> ImageAnalyzer:
        """Load every available channel; a missing model switches its channel off, with the reason.

        Args: copy: whether to load the copy descriptor; without it nothing can be decided, only
            described.
        Raises: WeightsMismatch: other weights than configured are an error.
        """
        clip_encoder, clip_state = _clip_channel(clip)
        copy_descriptor, copy_state = _copy_channel(copy)
        return cls(
            clip=clip_encoder,
            clip_state=clip_state,
            copy=copy_descriptor,
            copy_state=copy_state,
            calibration=load_calibration(),
        )

    def fingerprint(self, picture: Picture, *, search: bool = True) -> ImageFingerprint:
        """Compute everything to store about a picture and to search with. Raises: ModelUnavailable.

        search: whether it will be looked up; if not, only the view of the whole picture is computed
        (a sixth of the work, for references).
        """
        picture_of_proxy = replace(picture, pixels=reduce_to(picture.pixels, PROXY_SIDE_PX))
        small = picture_of_proxy.pixels
        parts = crops(small) if search else {}
        embeddings: dict[str, dict[str, NDArray[np.float32]]] = {}
        if self._copy is not None:
            views = pictures_of(small, parts) if search else {"whole": small}
            for name, vector in zip(views, self._copy.embed(list(views.values())), strict=True):
                embeddings[name] = {self._copy.model_id: vector}
        if self._clip is not None:
            whole = embeddings.setdefault("whole", {})
            whole[self._clip.model_id] = self._clip.embed([picture.pixels])[0]
        query_views = [
            replace(view, embeddings=MappingProxyType(embeddings.get(view.name, {})))
            for view in hash_views(small, parts)
        ]
        proxy = encode_proxy(picture_of_proxy)
        return ImageFingerprint(
            phash=query_views[0].phash,
            phash_quality=query_views[0].phash_quality,
            embeddings=query_views[0].embeddings,
            proxy=proxy,
            features=self.features_of(proxy),
            query_views=tuple(query_views),
            insufficient_detail=insufficient_detail(picture_of_proxy),
        )

    def describe(
        self, pictures: Sequence[NDArray[np.uint8]]
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Return the embeddings of (h, w, 3) uint8 pictures by every active channel, for keyframes.

        Raises: ModelUnavailable.
        """
        embeddings: list[dict[str, NDArray[np.float32]]] = [{} for _ in pictures]
        for start in range(0, len(pictures), DESCRIBE_BATCH):
            batch = list(pictures[start : start + DESCRIBE_BATCH])
            for model in (self._copy, self._clip):
                if model is not None:
                    for at, vector in enumerate(model.embed(batch)):
                        embeddings[start + at][model.model_id] = vector
        return embeddings

    def verify_proxies(
        self,
        query_proxy: bytes,
        reference_proxy: bytes,
        reference_features: bytes | None = None,
        *,
        first_look: bool = False,
    ) -> ImageMatch:
        """Verify a query by its proxy against a reference's proxy.

        reference_features: those that are kept with it, or None to compute them; first_look: drop
        the pair early where a first look finds nothing.

        Raises: BadProxy.
        """
        return verify_pair(
            self._prepare(query_proxy),
            self._prepare(reference_proxy, reference_features),
            self.calibration,
            first_look=first_look,
        )

    def verify(
        self,
        query: ImageFingerprint,
        reference_proxy: bytes,
        reference_features: bytes | None = None,
        *,
        first_look: bool = False,
    ) -> ImageMatch:
        """Verify a query against a stored reference, by the two proxies alone; see
        ``verify_proxies``. Raises: BadProxy.
        """
        return self.verify_proxies(
            query.proxy, reference_proxy, reference_features, first_look=first_look
        )

    def features_of(self, proxy: bytes) -> bytes:
        """What to keep with a proxy, so that its key points need not be found again.

        Raises: BadProxy.
        """
        return self._prepare(proxy).pack()

    def _prepare(self, proxy: bytes, features: bytes | None = None) -> Prepared:
        key = hashlib.sha256(proxy).digest()
        with self._lock:
            if key in self._prepared:
                self._prepared.move_to_end(key)
                return self._prepared[key]
        kept = features is not None and is_current(features)
        prepared = unpack(features, proxy) if features and kept else prepare_proxy(proxy)
        with self._lock:
            self._prepared[key] = prepared
            while len(self._prepared) > self.max_cached_prepared:
                self._prepared.popitem(last=False)
        return prepared


def _clip_channel(weights: ClipWeights | None) -> tuple[ClipEncoder | None, ChannelState]:
    if weights is None:
        return None, ChannelState(False, "CLIP is not configured.", "", CLIP_DIMENSIONS)
    try:
        resolved = resolve_clip(weights)
    except WeightsMismatch:
        raise
    except ModelUnavailable as error:
        return None, ChannelState(False, str(error), "", CLIP_DIMENSIONS)
    return ClipEncoder(resolved), ChannelState(True, "", resolved.model_id, CLIP_DIMENSIONS)


def _copy_channel(wanted: bool) -> tuple[CopyDescriptor | None, ChannelState]:
    if not wanted:
        return None, ChannelState(
            False, "The copy descriptor is not wanted here.", "", COPY_DIMENSIONS
        )
    try:
        descriptor = CopyDescriptor()
    except WeightsMismatch:
        raise
    except ModelUnavailable as error:
        return None, ChannelState(False, str(error), "", COPY_DIMENSIONS)
    return descriptor, ChannelState(True, "", descriptor.model_id, COPY_DIMENSIONS)


# The callers run pictures in parallel; nested pools would only compete for the cores.
cv2.setNumThreads(1)
