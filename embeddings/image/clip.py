"""CLIP ViT-B/32, the likeness channel: it nominates candidates and shows neighbours, it never
convicts.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
    2021; weights of Schuhmann et al., LAION-5B, by way of open_clip.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embeddings.batching import Batcher
from embeddings.errors import ModelUnavailable
from embeddings.image.clip_weights import ARCHITECTURE, ClipWeights, ResolvedWeights, pull_clip

__all__ = ["ClipEncoder", "ClipWeights", "preprocess", "pull_clip"]

DIMENSIONS = 512
SIDE_PX = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def preprocess(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w, 3) uint8 sRGB to the (3, 224, 224) float32 that ViT-B/32 was trained on.

    The same steps as open_clip's own transform (bicubic to 224 on the short side, centre crop,
    normalise), without torchvision, so that every runtime is fed the same numbers.
    """
    height, width = pixels.shape[:2]
    factor = SIDE_PX / min(height, width)
    # torchvision truncates the long side, and takes the crop's corner rounded half to even.
    size = (
        (SIDE_PX, int(SIDE_PX * height / width))
        if width <= height
        else (int(SIDE_PX * width / height), SIDE_PX)
    )
    image = Image.fromarray(pixels)
    if factor != 1.0:
        image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((image.width - SIDE_PX) / 2), round((image.height - SIDE_PX) / 2)
    cropped = np.asarray(image.crop((left, top, left + SIDE_PX, top + SIDE_PX)), np.float32) / 255.0
    return np.ascontiguousarray(((cropped - MEAN) / STD).transpose(2, 0, 1))


class ClipEncoder:
    """The picture tower of one resolved checkpoint, loaded at first use; safe to share between
    threads.
    """

    def __init__(self, weights: ResolvedWeights) -> None:
        self.model_id = weights.model_id
        self._weights = weights
        self._session: Any = None
        self._batched: Batcher[NDArray[np.float32], NDArray[np.float32]] = Batcher(
            self._run, max_items=16
        )

    def embed(self, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(n, 512) float32 unit vectors of n pictures. Raises: ModelUnavailable if the checkpoint
        does not fit.
        """
        return np.stack(self._batched([preprocess(pixels) for pixels in pictures]))

    def _run(self, inputs: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        if self._session is None:  # only one batch runs at a time
            self._session = self._load()
        return list(self._session.run(None, {"pictures": np.stack(inputs)})[0])

    def _load(self) -> Any:
        from embeddings.image.clip_graph import build_graph, read_picture_tower
        from embeddings.image.graph_writer import open_session

        try:
            return open_session(build_graph(read_picture_tower(self._weights.path)))
        # each format's reader has its own errors; all mean "not this model"
        except Exception as error:
            raise ModelUnavailable(
                f"{self._weights.path} is not a {ARCHITECTURE} checkpoint: {error}"
            ) from error
