"""A refinement pass with known geometry: compare all frames where both videos show the same part.

A tight crop, a blurred letterbox or a video in a video changes the look of a whole frame, so that
descriptors show little and hashes nothing. But an edit places a whole video alike. The transform of
one proven pair overlays every frame of the query on every frame of the reference, and the shared
part is compared pixel by pixel, at small size. That finds the segment to the frame, whatever
surrounds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.geometry import Transform
from embeddings.image.raster import decode_proxy, to_grey
from embeddings.video.fingerprint import KeyFrame, ReferenceVideo
from embeddings.video.similarity import Cells, points, sharpened

# size of the compared part: a move by a tenth of it in a second still stands out
SIDE_PX = 40
DETAIL_SIGMA_PX = 6.0
MIN_SIDE_PX = 12
MAX_FRAMES = 150  # of either work; beyond it every second frame is compared, and so on
NCC_NONE, NCC_FULL = 0.3, 0.9
SAME_SCENE = 0.5  # correlation of frames that share their unmoving ground at least
MIN_SCENE = 3  # frames, of fewer the ground is not told from what moves
UNMOVING = 0.6  # share of a video's detail that never changes
FAINT = 1.0  # grey levels rms; a fainter patch shows nothing
T = TypeVar("T")


class OverlapView:
    """The frames of two works, decoded once, to compare under several transforms.

    Args:
        proxies: frame_ms -> proxy of the reference's frames; frames without proxy are like nothing.
    Raises: BadProxy.
    """

    def __init__(
        self,
        frames: Sequence[KeyFrame],
        interval_s: float,
        reference: ReferenceVideo,
        proxies: Mapping[int, bytes],
    ) -> None:
        self._rows = points([f.time_s for f in frames], [f.span_s for f in frames], interval_s)
        self._columns = points(reference.times_s, reference.spans_s, reference.interval_s)
        self._counts = len(frames), len(reference.times_s)
        self._queries = [_grey(frame.proxy) for frame in _thinned(frames)]
        stored = [proxies.get(reference.frame_ms(at)) for at in range(len(reference.times_s))]
        self._stored = [_grey(proxy) for proxy in _thinned(stored)]

    def cells(self, transform: Transform, mirrored: bool) -> Cells | None:
        """Return the likeness of all frames in the shared part; None where that is too small.

        Args:
            transform: 3x3, from the query's proxy (mirrored if ``mirrored``) to the reference's.
        """
        query = next((grey for grey in self._queries if grey is not None), None)
        reference = next((grey for grey in self._stored if grey is not None), None)
        if query is None or reference is None:
            return None
        shared = _shared(
            transform, (query.shape[1], query.shape[0]), (reference.shape[1], reference.shape[0])
        )
        if shared is None:
            return None
        to_patch, size = shared
        aligned = np.stack(
            [_patch(grey, to_patch @ transform, size, mirrored) for grey in self._queries]
        )
        stored = np.stack([_patch(grey, to_patch, size, False) for grey in self._stored])
        alike = _units(aligned) @ _units(stored).T
        aligned = _details(aligned, alike.max(axis=1) > SAME_SCENE)
        stored = _details(stored, alike.max(axis=0) > SAME_SCENE)
        ncc = _spread(aligned @ stored.T, *self._counts)
        likeness = np.clip((ncc - NCC_NONE) / (NCC_FULL - NCC_NONE), 0.0, 1.0).astype(np.float32)
        values = likeness[np.ix_(self._rows[1], self._columns[1])]
        return Cells(
            rows_s=self._rows[0],
            columns_s=self._columns[0],
            row_frames=self._rows[1],
            column_frames=self._columns[1],
            values=values,
            sharp=sharpened(values),
        )


def _grey(proxy: bytes | None) -> NDArray[np.uint8] | None:
    return None if proxy is None else to_grey(decode_proxy(proxy))


def _shared(
    transform: Transform, query_size: tuple[int, int], reference_size: tuple[int, int]
) -> tuple[Transform, tuple[int, int]] | None:
    """Return the map from reference pixels to the shared patch, and its width and height."""
    width, height = query_size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32).reshape(
        -1, 1, 2
    )
    mapped = cv2.perspectiveTransform(corners, transform).reshape(-1, 2)
    low = np.maximum(mapped.min(axis=0), 0.0)
    high = np.minimum(mapped.max(axis=0), np.array(reference_size, np.float32))
    extent = high - low
    if extent.min() < MIN_SIDE_PX:
        return None
    factor = min(1.0, SIDE_PX / float(extent.max()))
    size = max(4, round(float(extent[0]) * factor)), max(4, round(float(extent[1]) * factor))
    to_patch = np.array([[factor, 0, -factor * low[0]], [0, factor, -factor * low[1]], [0, 0, 1.0]])
    return to_patch, size


def _patch(
    grey: NDArray[np.uint8] | None, matrix: Transform, size: tuple[int, int], mirrored: bool
) -> NDArray[np.float32]:
    """Return the detail of a frame's shared part, (n,) float32; zeros where there is no frame."""
    if grey is None:
        return np.zeros(size[0] * size[1], np.float32)
    if mirrored:
        grey = np.ascontiguousarray(grey[:, ::-1])
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.5 / max(scale, 1e-3)) if scale < 1.0 else grey
    patch = cv2.warpPerspective(
        smooth, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    values = patch.astype(np.float32)
    return np.asarray(
        (values - cv2.GaussianBlur(values, (0, 0), DETAIL_SIGMA_PX)).reshape(-1), np.float32
    )


def _details(patches: NDArray[np.float32], shared: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return patches as unit vectors, (n, pixels).

    A constant background is removed where it dominates, so that movement before a wall tells the
    seconds apart: that of the frames which share a scene, whatever else is shown in between.
    """
    scene = patches[shared]
    if len(scene) < MIN_SCENE:
        return _units(patches)
    background = scene.mean(axis=0)
    dominates = float((background**2).sum()) > UNMOVING * float((scene**2).sum(axis=1).mean())
    return _units(
        np.where(shared[:, None], patches - background, patches) if dominates else patches
    )


def _units(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return patches as unit vectors about their mean; zeros where there is no detail."""
    stacked = patches - patches.mean(axis=1, keepdims=True)
    length = np.linalg.norm(stacked, axis=1, keepdims=True)
    return np.asarray(
        np.where(
            length > FAINT * np.sqrt(stacked.shape[1]), stacked / np.maximum(length, 1e-6), 0.0
        )
    )


def _thinned(values: Sequence[T]) -> list[T]:
    return list(values[:: max(1, -(-len(values) // MAX_FRAMES))])


def _spread(ncc: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Give every frame the value of the nearest compared one before it."""
    step_q, step_r = -(-rows // MAX_FRAMES), -(-columns // MAX_FRAMES)
    return np.asarray(
        ncc[np.ix_(np.arange(rows) // step_q, np.arange(columns) // step_r)], np.float32
    )
