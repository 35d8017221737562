"""A second look with the geometry known: once one frame pair is proven, all frames are compared where both show.

A tight crop, a blurred letterbox or a video in a video changes what a whole frame looks like, so that descriptors
say little and hashes nothing. But an edit places a whole video alike: the transform of one proven pair lays every
frame of the query over every frame of the reference, and the part that both show is compared pixel by pixel, small.
That finds the stretch to the frame, whatever surrounds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.geometry import Transform
from embeddings.image.raster import decode_proxy, to_grey
from embeddings.video.fingerprint import KeyFrame, ReferenceVideo
from embeddings.video.similarity import Cells, points, sharpened

SIDE_PX = 40  # the shared part is compared at this size: what moves a tenth of it in a second still stands out
DETAIL_SIGMA_PX = 6.0
MIN_SIDE_PX = 12
MOST_FRAMES = 150  # of either work; beyond it every second one is compared, and so on
NCC_NONE, NCC_FULL = 0.3, 0.9


def overlap_cells(
    frames: Sequence[KeyFrame],
    interval_s: float,
    reference: ReferenceVideo,
    proxies: Mapping[int, bytes],
    transform: Transform,
    mirrored: bool,
) -> Cells | None:
    """Likeness of all frames in the part that both works show; None where that part is too small.

    Args:
        proxies: frame_ms -> proxy of the reference's frames; frames whose proxy is gone are like nothing.
        transform: 3x3, from the query's proxy (mirrored, where ``mirrored``) to the reference's.
    Raises: BadProxy.
    """
    queries = [frame.proxy for frame in frames]
    stored = [proxies.get(reference.frame_ms(at)) for at in range(len(reference.times_s))]
    first = next((proxy for proxy in stored if proxy is not None), None)
    if first is None or not queries:
        return None
    size_q, size_r = (decode_proxy(proxy).shape[1::-1] for proxy in (queries[0], first))
    shared = _shared(transform, (size_q[0], size_q[1]), (size_r[0], size_r[1]))
    if shared is None:
        return None
    to_patch, patch = shared
    laid = [_patch(proxy, to_patch @ transform, patch, mirrored) for proxy in _thinned(queries)]
    shown = [_patch(proxy, to_patch, patch, False) for proxy in _thinned(stored)]
    ncc = _spread(np.stack(laid) @ np.stack(shown).T, len(queries), len(stored))
    likeness = np.clip((ncc - NCC_NONE) / (NCC_FULL - NCC_NONE), 0.0, 1.0).astype(np.float32)
    rows_s, row_frames = points([f.time_s for f in frames], [f.span_s for f in frames], interval_s)
    columns_s, column_frames = points(reference.times_s, reference.spans_s, reference.interval_s)
    values = likeness[np.ix_(row_frames, column_frames)]
    return Cells(rows_s, columns_s, row_frames, column_frames, values, sharpened(values))


def _shared(
    transform: Transform, query_size: tuple[int, int], reference_size: tuple[int, int]
) -> tuple[Transform, tuple[int, int]] | None:
    """The map from reference pixels to the patch that both show, and its width and height."""
    width, height = query_size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32).reshape(-1, 1, 2)
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


def _patch(proxy: bytes | None, matrix: Transform, size: tuple[int, int], mirrored: bool) -> NDArray[np.float32]:
    """The shared part of one frame: detail only, mean 0, length 1; zeros where there is nothing to compare."""
    if proxy is None:
        return np.zeros(size[0] * size[1], np.float32)
    grey = to_grey(decode_proxy(proxy))
    if mirrored:
        grey = np.ascontiguousarray(grey[:, ::-1])
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.5 / max(scale, 1e-3)) if scale < 1.0 else grey
    patch = cv2.warpPerspective(smooth, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    values = patch.astype(np.float32)
    detail = (values - cv2.GaussianBlur(values, (0, 0), DETAIL_SIGMA_PX)).reshape(-1)
    detail -= detail.mean()
    length = float(np.linalg.norm(detail))
    return np.asarray(detail / length, np.float32) if length > 2.0 * np.sqrt(detail.size) else np.zeros_like(detail)


def _thinned(proxies: Sequence[bytes | None]) -> list[bytes | None]:
    return list(proxies[:: -(-len(proxies) // MOST_FRAMES)])


def _spread(ncc: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Give every frame the value of the compared one that is nearest before it."""
    step_q, step_r = -(-rows // MOST_FRAMES), -(-columns // MOST_FRAMES)
    return np.asarray(ncc[np.ix_(np.arange(rows) // step_q, np.arange(columns) // step_r)], np.float32)
