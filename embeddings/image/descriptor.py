"""The copy descriptor: 512 numbers that stay put under the edits people make, and move when the
picture is another.

It nominates; it convicts no one. The weights ship in the package and were trained by the scripts
beside the benchmark.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.errors import ModelUnavailable, WeightsMismatch

DIMENSIONS = 512
SIDE_PX = 224
WEIGHTS_FILE = "copy_descriptor.safetensors"
WEIGHTS_SHA256 = "794c0cde7b64ace088bf7f702b1072f90e046563bdaa30efe76f4fb40d37a691"
MODEL_ID = f"copy/efficientnet-lite0-gem/{WEIGHTS_SHA256[:12]}"


@cache
def _weights_bytes() -> bytes:
    import hashlib

    file = resources.files("embeddings.image").joinpath(WEIGHTS_FILE)
    if not file.is_file():
        raise ModelUnavailable(f"The package lacks {WEIGHTS_FILE}; install it again.")
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise WeightsMismatch(
            f"{WEIGHTS_FILE} is not the file this version was released with; install the package"
            " again."
        )
    return content


def as_input(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w, 3) uint8 sRGB to (3, 224, 224) float32 in -1..1, squeezed to a square so that no
    border is lost.
    """
    filter_ = cv2.INTER_AREA if min(pixels.shape[:2]) > SIDE_PX else cv2.INTER_LINEAR
    squeezed = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=filter_)
    return np.ascontiguousarray((squeezed.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1))


class CopyDescriptor:
    """Describes pictures; safe to share between threads. Raises at creation: ModelUnavailable,
    WeightsMismatch.
    """

    def __init__(self) -> None:
        self.model_id = MODEL_ID
        self._lock = threading.Lock()
        self._session: Any = None
        _weights_bytes()

    def embed(self, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(n, 512) float32 unit vectors of n pictures, (h, w, 3) uint8 each."""
        batch = np.stack([as_input(pixels) for pixels in pictures])
        outputs = self._opened().run(None, {"pictures": batch})
        return np.asarray(outputs[0], np.float32)

    def _opened(self) -> Any:
        with self._lock:
            if self._session is None:
                from safetensors.numpy import load

                from embeddings.image.descriptor_graph import build_graph
                from embeddings.image.graph_writer import open_session

                self._session = open_session(build_graph(load(_weights_bytes())))
            return self._session
