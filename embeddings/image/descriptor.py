"""The copy descriptor: 512 numbers that stay put under the edits people make, and move when the
picture is another.

It nominates; it convicts no one. The graph ships in the package; tests/benchmarks/image trains and
exports it.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.errors import ModelUnavailable, WeightsMismatch
from embeddings.inference import open_session

DIMENSIONS = 512
SIDE_PX = 224
GRAPH_FILE = "copy_descriptor.onnx"
GRAPH_SHA256 = "ad7a43dea093dfac19f1ee971a767eee3352a687611eb5d6d027123a6fce1481"
# Names the trained weights by the hash of the file they were first released in; stored vectors
# carry it.
MODEL_ID = "copy/efficientnet-lite0-gem/794c0cde7b64"


@cache
def _graph() -> bytes:
    file = resources.files("embeddings.image").joinpath(GRAPH_FILE)
    if not file.is_file():
        raise ModelUnavailable(f"The package lacks {GRAPH_FILE}; install it again.")
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != GRAPH_SHA256:
        raise WeightsMismatch(
            f"{GRAPH_FILE} is not the file this version was released with; install the package"
            " again."
        )
    return content


def as_input(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Squeeze (h, w, 3) uint8 sRGB to (3, 224, 224) float32 in -1..1, so that no border is lost."""
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
        _graph()

    def embed(self, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(n, 512) float32 unit vectors of n pictures, (h, w, 3) uint8 each."""
        batch = np.stack([as_input(pixels) for pixels in pictures])
        outputs = self._opened().run(None, {"pictures": batch})
        return np.asarray(outputs[0], np.float32)

    def _opened(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = open_session(_graph())
            return self._session
