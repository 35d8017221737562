"""From decoded samples to keyframes: bars cut off, plain ones left out, near-identical
neighbours kept once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pdqhash
from numpy.typing import NDArray

from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.decode import Picture
from embeddings.image.detail import plain_content
from embeddings.image.phash import hamming
from embeddings.image.raster import encode_proxy, reduce_to, to_grey
from embeddings.image.views import TURNS, QueryView
from embeddings.video.decode import Sample
from embeddings.video.fingerprint import KeyFrame
from embeddings.video.panes import Box, cut, moving_part, without_bars

PROXY_SIDE_PX = 384  # a quarter less than a picture's: a minute of video holds sixty of them
# of 256: what re-encoding alone changes; ThreatExchange's tolerance between two implementations
SAME_BITS = 10
MIRRORED = TURNS.index("mirrored")


@dataclass(frozen=True, eq=False)
class KeyFrames:
    """The keyframes of one video; seconds and number of plain samples; what was cut off, in
    plain words.
    """

    frames: tuple[KeyFrame, ...]
    plain_s: float
    plain_frames: int
    notes: tuple[str, ...]


@dataclass(eq=False)
class _Kept:
    time_s: float
    span_s: float
    pixels: NDArray[np.uint8]
    hashes: tuple[bytes, bytes]  # as it is, mirrored
    quality: int


def make_keyframes(
    samples: Sequence[Sample], image: ImageAnalyzer, size: tuple[int, int], *, search: bool = True
) -> KeyFrames:
    """Fingerprint the samples of one video.

    Args:
        size: width and height as shown, before any reduction.
        search: whether it will be looked up; without, only what is stored is made.
    Raises: ModelUnavailable.
    """
    pictures = [sample.pixels for sample in samples]
    content, notes = without_bars(pictures), list[str]()
    if content is not None:
        pictures = [np.ascontiguousarray(cut(picture, content)) for picture in pictures]
        notes.append("plain bars at the edges were left out")
    kept, plain_s, plain_frames = _sift(samples, pictures)
    part = moving_part([one.pixels for one in kept]) if search else None
    described = image.describe([one.pixels for one in kept])
    views = [
        _views(one, vectors) if search else () for one, vectors in zip(kept, described, strict=True)
    ]
    if part is not None:
        inner = _inner_views([one.pixels for one in kept], part, image)
        views = [(*whole, *cropped) for whole, cropped in zip(views, inner, strict=True)]
    frames = tuple(
        KeyFrame(
            one.time_s,
            one.span_s,
            one.hashes[0],
            one.quality,
            MappingProxyType(vectors),
            _proxy(one.pixels, size),
            looked,
        )
        for one, vectors, looked in zip(kept, described, views, strict=True)
    )
    return KeyFrames(frames, plain_s, plain_frames, tuple(notes))


def _sift(
    samples: Sequence[Sample], pictures: Sequence[NDArray[np.uint8]]
) -> tuple[list[_Kept], float, int]:
    """Leave plain samples out, and let one frame stand for neighbours that hardly differ from
    it.
    """
    kept: list[_Kept] = []
    plain_s, plain_frames, after_plain = 0.0, 0, True
    for sample, pixels in zip(samples, pictures, strict=True):
        hashes, quality = _hash(pixels)
        # The first of a still stretch is what its followers are compared with, so that slow drift
        # ends it.
        if not after_plain and hamming(hashes[0], kept[-1].hashes[0]) <= SAME_BITS:
            kept[-1].span_s += sample.span_s
        elif plain_content(to_grey(pixels)):
            plain_s, plain_frames, after_plain = plain_s + sample.span_s, plain_frames + 1, True
        else:
            kept.append(_Kept(sample.time_s, sample.span_s, pixels, hashes, quality))
            after_plain = False
    return kept, plain_s, plain_frames


def _hash(pixels: NDArray[np.uint8]) -> tuple[tuple[bytes, bytes], int]:
    """The PDQ hash of the picture and of its mirror image, and its quality."""
    turned, quality = pdqhash.compute_dihedral(np.ascontiguousarray(pixels))
    plain, mirrored = (
        np.packbits(np.asarray(turned[at], np.uint8)).tobytes() for at in (0, MIRRORED)
    )
    return (plain, mirrored), int(quality)


def _views(one: _Kept, vectors: dict[str, NDArray[np.float32]]) -> tuple[QueryView, ...]:
    # The descriptor sees through mirroring, the hash does not.
    return (
        QueryView("whole", one.hashes[0], one.quality, MappingProxyType(vectors)),
        QueryView("mirrored", one.hashes[1], one.quality),
    )


def _inner_views(
    pictures: Sequence[NDArray[np.uint8]], part: Box, image: ImageAnalyzer
) -> list[tuple[QueryView, ...]]:
    cropped = [np.ascontiguousarray(cut(pixels, part)) for pixels in pictures]
    found: list[tuple[QueryView, ...]] = []
    for pixels, vectors in zip(cropped, image.describe(cropped), strict=True):
        hashes, quality = _hash(pixels)
        found.append(
            (
                QueryView("moving_part", hashes[0], quality, MappingProxyType(vectors)),
                QueryView("moving_part_mirrored", hashes[1], quality),
            )
        )
    return found


def _proxy(pixels: NDArray[np.uint8], size: tuple[int, int]) -> bytes:
    reduced = reduce_to(pixels, PROXY_SIDE_PX)
    return encode_proxy(Picture(reduced, *size, "", "", "RGB", ()))
