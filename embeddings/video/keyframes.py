"""Keyframes of samples, without bars, low-information frames and near-identical neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import cv2
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
from embeddings.video.fingerprint import KeyFrame, complement
from embeddings.video.panes import Box, cut, moving_part, window_over, without_bars

PROXY_SIDE_PX = 384  # a quarter less than a picture's: a minute of video has sixty
# of 256, changed by re-encoding alone; ThreatExchange's tolerance between implementations
SAME_BITS = 10
MIRRORED = TURNS.index("mirrored")
HASHED_TURNS, DESCRIBED_TURNS = 16, 2  # frames that are looked up turned and negative
ENLARGED = 2.0  # of a window: key points are found at the size of whole frames


@dataclass(frozen=True, eq=False)
class KeyFrames:
    """The keyframes of a video.

    plain_s, plain_frames: seconds and number of samples with insufficient detail; notes: the parts
    cut off; window: the frames of a window over the running picture.
    """

    frames: tuple[KeyFrame, ...]
    plain_s: float
    plain_frames: int
    notes: tuple[str, ...]
    window: tuple[KeyFrame, ...] = ()


@dataclass(eq=False)
class _Draft:
    time_s: float
    span_s: float
    pixels: NDArray[np.uint8]
    hashes: tuple[bytes, ...]  # of all turns, in their order
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
    frames = _described(drafts, image, size, search)
    if search:
        frames = _with_unusual_views(frames, drafts, image)
    if part is not None:
        inner = _inner_views([draft.pixels for draft in drafts], part, image)
        frames = tuple(
            replace(frame, views=(*frame.views, *views))
            for frame, views in zip(frames, inner, strict=True)
        )
    window = window_over([draft.pixels for draft in drafts]) if search and part is None else None
    shown = (
        _described([_cut(draft, window) for draft in drafts], image, size, search)
        if window is not None
        else ()
    )
    return KeyFrames(frames, plain_s, plain_frames, tuple(notes), shown)


def _described(
    drafts: Sequence[_Draft], image: ImageAnalyzer, size: tuple[int, int], search: bool
) -> tuple[KeyFrame, ...]:
    return tuple(
        KeyFrame(
            time_s=draft.time_s,
            span_s=draft.span_s,
            phash=draft.hashes[0],
            phash_quality=draft.quality,
            embeddings=MappingProxyType(vectors),
            proxy=_proxy(draft.pixels, size),
            views=_views(draft, vectors) if search else (),
        )
        for draft, vectors in zip(
            drafts, image.describe([draft.pixels for draft in drafts]), strict=True
        )
    )


def _cut(draft: _Draft, window: Box) -> _Draft:
    part = cut(draft.pixels, window)
    enlarged = cv2.resize(part, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    pixels = np.asarray(enlarged, np.uint8)
    hashes, quality = _hash(pixels)
    return _Draft(draft.time_s, draft.span_s, pixels, hashes, quality)


def _with_unusual_views(
    frames: tuple[KeyFrame, ...], drafts: Sequence[_Draft], image: ImageAnalyzer
) -> tuple[KeyFrame, ...]:
    """Add to some frames, spread over the video, their turns and negatives: by hash to many, and by
    descriptor, which is dear, to a few.
    """
    hashed = _spread(len(drafts), HASHED_TURNS)
    described = _spread(len(drafts), DESCRIBED_TURNS)
    pictures = [
        np.ascontiguousarray(picture)
        for at in described
        for picture in (
            *(np.rot90(drafts[at].pixels, turns) for turns in (1, 2, 3)),
            255 - drafts[at].pixels,
        )
    ]
    vectors = iter(image.describe(pictures))
    views = {at: _turned(drafts[at]) for at in hashed}
    for at in described:
        views.setdefault(at, [])
        for name in ("rotated_90", "rotated_180", "rotated_270", "negative"):
            hashes = drafts[at].hashes
            phash = complement(hashes[0]) if name == "negative" else hashes[TURNS.index(name)]
            views[at] = [view for view in views[at] if view.name != name]
            views[at].append(
                QueryView(name, phash, drafts[at].quality, MappingProxyType(next(vectors)))
            )
    return tuple(
        replace(frame, views=(*frame.views, *views.get(at, ()))) for at, frame in enumerate(frames)
    )


def _turned(draft: _Draft) -> list[QueryView]:
    turns = [
        QueryView(name, draft.hashes[at], draft.quality)
        for at, name in enumerate(TURNS)
        if name not in ("whole", "mirrored")
    ]
    return [
        *turns,
        QueryView("negative", complement(draft.hashes[0]), draft.quality),
        QueryView("negative_mirrored", complement(draft.hashes[MIRRORED]), draft.quality),
    ]


def _spread(count: int, most: int) -> list[int]:
    """Return at most ``most`` of ``count`` numbers, from the middles of equal parts."""
    return sorted({int((at + 0.5) * count / most) for at in range(most)}) if count else []


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


def _hash(pixels: NDArray[np.uint8]) -> tuple[tuple[bytes, ...], int]:
    """Return the PDQ hashes of the picture in all its turns, and the quality."""
    turned, quality = pdqhash.compute_dihedral(np.ascontiguousarray(pixels))
    hashes = tuple(np.packbits(np.asarray(bits, np.uint8)).tobytes() for bits in turned)
    return hashes, int(quality)


def _views(draft: _Draft, vectors: dict[str, NDArray[np.float32]]) -> tuple[QueryView, ...]:
    # The descriptor ignores mirroring, the hash does not.
    return (
        QueryView("whole", draft.hashes[0], draft.quality, MappingProxyType(vectors)),
        QueryView("mirrored", draft.hashes[MIRRORED], draft.quality),
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
                QueryView("moving_part_mirrored", hashes[MIRRORED], quality),
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
