"""CLIP ViT-B/32, the likeness channel: it nominates candidates and shows neighbours, it never
convicts.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
2021; weights of Schuhmann et al., LAION-5B, by way of open_clip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embeddings.batching import Batcher
from embeddings.errors import ModelUnavailable
from embeddings.image.clip_weights import ARCHITECTURE, LOCK_FILE, ResolvedWeights
from embeddings.inference import open_session

DIMENSIONS = 512
SIDE_PX = 224


def preprocess(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale (h, w, 3) uint8 sRGB to the (224, 224, 3) uint8 that the graph takes.

    To the bit what open_clip's own transform does before it normalises (bicubic to 224 on the short
    side, centre crop), without torchvision; the graph normalises.
    """
    height, width = pixels.shape[:2]
    # torchvision truncates the long side, and takes the crop's corner rounded half to even.
    size = (
        (SIDE_PX, int(SIDE_PX * height / width))
        if width <= height
        else (int(SIDE_PX * width / height), SIDE_PX)
    )
    image = Image.fromarray(pixels)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((image.width - SIDE_PX) / 2), round((image.height - SIDE_PX) / 2)
    return np.asarray(image.crop((left, top, left + SIDE_PX, top + SIDE_PX)), np.uint8)


class ClipEncoder:
    """The picture tower of one checkpoint, loaded at first use; safe to share between threads."""

    def __init__(self, weights: ResolvedWeights) -> None:
        self.model_id = weights.model_id
        self._weights = weights
        self._network: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None = None
        self._batched: Batcher[NDArray[np.uint8], NDArray[np.float32]] = Batcher(
            self._run, max_items=16
        )

    def embed(self, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(n, 512) float32 unit vectors of n pictures. Raises: ModelUnavailable if the checkpoint
        does not fit.
        """
        return np.stack(self._batched([preprocess(pixels) for pixels in pictures]))

    def _run(self, inputs: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        if self._network is None:  # only one batch runs at a time
            self._network = self._load()
        return list(self._network(np.stack(inputs)))

    def _load(self) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
        weights = self._weights
        if weights.checkpoint is not None and weights.precision == "fp32":
            from embeddings.image.clip_torch import cuda_runner

            on_cuda = cuda_runner(weights.checkpoint)
            if on_cuda is not None:
                return on_cuda
        if not weights.graph.is_file():
            _export(weights)
        return self._on_cpu()

    def _on_cpu(self) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
        graph = self._weights.graph
        try:
            session = open_session(graph)
            exported_from = session.get_modelmeta().custom_metadata_map.get("checkpoint_sha256")
        # ONNX Runtime has no error of its own for a file that it cannot read
        except Exception as error:
            raise ModelUnavailable(f"{graph} is not a graph of {ARCHITECTURE}: {error}") from error
        if exported_from != self._weights.sha256:
            raise ModelUnavailable(f"{graph} was exported from other weights ({exported_from}).")

        def run(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
            outputs: Any = session.run(None, {"pictures": pictures})
            return np.asarray(outputs[0], np.float32)

        return run


def _export(weights: ResolvedWeights) -> None:
    """Export a checkpoint that was configured, not pulled: once, however many processes start."""
    from filelock import FileLock

    from embeddings.image.clip_torch import export_once

    weights.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(weights.folder / LOCK_FILE):
        export_once(weights)
