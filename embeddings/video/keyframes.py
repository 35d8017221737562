"""Keyframes of samples, without bars, low-information frames and near-identical neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pdqhash
from numpy.typing import NDArray

from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.decode import Picture
from embeddings.image.detail import low_information
from embeddings.image.phash import hamming
from embeddings.image.raster import encode_proxy, reduce_to, to_grey
from embeddings.image.views import TURNS, QueryView
from embeddings.video.decode import Sample
from embeddings.video.fingerprint import KeyFrame
from embeddings.video.panes import Box, cut, moving_part, without_bars

PROXY_SIDE_PX = 384  # a quarter less than a picture's: a minute of video has sixty
# of 256, changed by re-encoding alone; ThreatExchange's tolerance between implementations
SAME_BITS = 10
MIRRORED = TURNS.index("mirrored")


@dataclass(frozen=True, eq=False)
class KeyFrames:
    """The keyframes of a video.

    plain_s, plain_frames: seconds and number of samples with insufficient detail; notes: the parts
    cut off.
    """

    frames: tuple[KeyFrame, ...]
    plain_s: float
    plain_frames: int
    notes: tuple[str, ...]


@dataclass(eq=False)
class _Draft:
    time_s: float
    span_s: float
    pixels: NDArray[np.uint8]
    hashes: tuple[bytes, bytes]  # upright, mirrored
    quality: int


def make_keyframes(
    samples: Sequence[Sample], image: ImageAnalyzer, size: tuple[int, int], *, search: bool = True
) -> KeyFrames:
    """Fingerprint the samples of one video.

    Args:
        size: width and height as shown, before any reduction.
        search: whether it will be looked up; if not, only what is stored is computed.
    Raises: ModelUnavailable.
    """
    pictures = [sample.pixels for sample in samples]
    content, notes = without_bars(pictures), list[str]()
    if content is not None:
        pictures = [np.ascontiguousarray(cut(picture, content)) for picture in pictures]
        notes.append("plain bars at the edges were left out")
    drafts, plain_s, plain_frames = _select(samples, pictures)
    part = moving_part([draft.pixels for draft in drafts]) if search else None
    embeddings = image.describe([draft.pixels for draft in drafts])
    views = [
        _views(draft, vectors) if search else ()
        for draft, vectors in zip(drafts, embeddings, strict=True)
    ]
    if part is not None:
        inner = _inner_views([draft.pixels for draft in drafts], part, image)
        views = [(*whole, *cropped) for whole, cropped in zip(views, inner, strict=True)]
    frames = tuple(
        KeyFrame(
            time_s=draft.time_s,
            span_s=draft.span_s,
            phash=draft.hashes[0],
            phash_quality=draft.quality,
            embeddings=MappingProxyType(vectors),
            proxy=_proxy(draft.pixels, size),
            views=frame_views,
        )
        for draft, vectors, frame_views in zip(drafts, embeddings, views, strict=True)
    )
    return KeyFrames(frames, plain_s, plain_frames, tuple(notes))


def _select(
    samples: Sequence[Sample], pictures: Sequence[NDArray[np.uint8]]
) -> tuple[list[_Draft], float, int]:
    """Drop low-information samples, and let one frame stand for near-identical neighbours."""
    drafts: list[_Draft] = []
    plain_s, plain_frames, after_plain = 0.0, 0, True
    for sample, pixels in zip(samples, pictures, strict=True):
        hashes, quality = _hash(pixels)
        # Followers are compared with the first frame of a still run, so that slow drift ends it.
        if not after_plain and hamming(hashes[0], drafts[-1].hashes[0]) <= SAME_BITS:
            drafts[-1].span_s += sample.span_s
        elif low_information(to_grey(pixels)):
            plain_s, plain_frames, after_plain = plain_s + sample.span_s, plain_frames + 1, True
        else:
            drafts.append(_Draft(sample.time_s, sample.span_s, pixels, hashes, quality))
            after_plain = False
    return drafts, plain_s, plain_frames


def _hash(pixels: NDArray[np.uint8]) -> tuple[tuple[bytes, bytes], int]:
    """Return the PDQ hashes of the picture and of its mirror image, and the quality."""
    turned, quality = pdqhash.compute_dihedral(np.ascontiguousarray(pixels))
    upright, mirrored = (
        np.packbits(np.asarray(turned[at], np.uint8)).tobytes() for at in (0, MIRRORED)
    )
    return (upright, mirrored), int(quality)


def _views(draft: _Draft, vectors: dict[str, NDArray[np.float32]]) -> tuple[QueryView, ...]:
    # The descriptor ignores mirroring, the hash does not.
    return (
        QueryView("whole", draft.hashes[0], draft.quality, MappingProxyType(vectors)),
        QueryView("mirrored", draft.hashes[1], draft.quality),
    )


def _inner_views(
    pictures: Sequence[NDArray[np.uint8]], part: Box, image: ImageAnalyzer
) -> list[tuple[QueryView, ...]]:
    cropped = [np.ascontiguousarray(cut(pixels, part)) for pixels in pictures]
    views: list[tuple[QueryView, ...]] = []
    for pixels, vectors in zip(cropped, image.describe(cropped), strict=True):
        hashes, quality = _hash(pixels)
        views.append(
            (
                QueryView("moving_part", hashes[0], quality, MappingProxyType(vectors)),
                QueryView("moving_part_mirrored", hashes[1], quality),
            )
        )
    return views


def _proxy(pixels: NDArray[np.uint8], size: tuple[int, int]) -> bytes:
    reduced = reduce_to(pixels, PROXY_SIDE_PX)
    width, height = size
    picture = Picture(
        pixels=reduced, width=width, height=height, format="", mime="", mode="RGB", notes=()
    )
    return encode_proxy(picture)
