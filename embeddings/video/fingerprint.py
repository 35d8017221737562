"""The stored and searched data of a video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from embeddings.image.decode import Picture
from embeddings.image.raster import decode_proxy, encode_proxy
from embeddings.image.views import QueryView
from embeddings.video.sound import SoundFingerprint

Showing = Literal["whole", "window", "negative"]


@dataclass(frozen=True, eq=False, kw_only=True)
class KeyFrame:
    """A frame on display (or nearly the same) from ``time_s`` on for ``span_s`` seconds.

    phash, phash_quality, embeddings: of the picture without the video's plain bars, as in the
    index; proxy: bytes to verify against; views: the views to search with, the frame itself first.
    """

    time_s: float
    span_s: float
    phash: bytes
    phash_quality: int
    embeddings: Mapping[str, NDArray[np.float32]]
    proxy: bytes
    views: tuple[QueryView, ...]

    @property
    def frame_ms(self) -> int:
        """The frame's name in the index: its time in whole milliseconds."""
        return round(1000 * self.time_s)


def negative(frame: KeyFrame) -> KeyFrame:
    """Return the frame with its colours inverted, which complements its hashes."""
    pixels = 255 - decode_proxy(frame.proxy)
    height, width = pixels.shape[:2]
    picture = Picture(
        pixels=pixels, width=width, height=height, format="", mime="", mode="RGB", notes=()
    )
    views = tuple(
        QueryView(view.name, complement(view.phash), view.phash_quality)
        for view in frame.views
        if view.name in ("whole", "mirrored")
    )
    return replace(frame, proxy=encode_proxy(picture), phash=complement(frame.phash), views=views)


def complement(phash: bytes) -> bytes:
    """Return the hash of the negative."""
    return bytes(255 - byte for byte in phash)


@dataclass(frozen=True, eq=False, kw_only=True)
class VideoFingerprint:
    """The stored data that recognise a video, and its search views.

    interval_s: the spacing of the samples; plain_s, plain_frames: the low-information part (black,
    flat, text on a plain ground) that was left out; sound: of its sound track, None where there is
    none or sound is not analysed; insufficient_detail: why it has too little to decide on, or None;
    unjudged: the part that was not looked at, as half a sentence, or None; window: the frames of a
    window that stands over the running picture, empty where none does.
    """

    duration_s: float
    interval_s: float
    width: int
    height: int
    frames: tuple[KeyFrame, ...]
    plain_s: float
    plain_frames: int
    sound: SoundFingerprint | None
    insufficient_detail: str | None
    notes: tuple[str, ...]
    unjudged: str | None = None
    window: tuple[KeyFrame, ...] = ()

    def as_shown(self, how: Showing) -> VideoFingerprint:
        """Return the video as another may have been shown in it: in its window, or negative."""
        if how == "whole":
            return self
        if how == "window":
            return replace(self, frames=self.window)
        return replace(self, frames=tuple(negative(frame) for frame in self.frames))

    @property
    def content_s(self) -> float:
        """Seconds with enough detail to recognise."""
        return sum(frame.span_s for frame in self.frames)


@dataclass(frozen=True, eq=False, kw_only=True)
class ReferenceVideo:
    """The data of a registered work for alignment; a picture is one frame at 0 that spans nothing.

    times_s, spans_s: (n,) float64, rising; phashes: (n, 32) uint8; embeddings: model id -> (n, 512)
    float32.
    """

    duration_s: float
    interval_s: float
    times_s: NDArray[np.float64]
    spans_s: NDArray[np.float64]
    phashes: NDArray[np.uint8]
    embeddings: Mapping[str, NDArray[np.float32]]

    @property
    def content_s(self) -> float:
        """Seconds with enough detail to recognise; 0 for a picture."""
        return float(self.spans_s.sum())

    def frame_ms(self, frame: int) -> int:
        """Return a frame's name in the index: its time in whole milliseconds."""
        return round(1000 * float(self.times_s[frame]))

    @property
    def is_picture(self) -> bool:
        return self.duration_s == 0.0


def as_reference(video: VideoFingerprint) -> ReferenceVideo:
    """Return a video in the form that an index gives back, without an index."""
    frames = video.frames
    models = set.intersection(*(set(f.embeddings) for f in frames)) if frames else set()
    return ReferenceVideo(
        duration_s=video.duration_s,
        interval_s=video.interval_s,
        times_s=np.array([f.time_s for f in frames], np.float64),
        spans_s=np.array([f.span_s for f in frames], np.float64),
        phashes=np.frombuffer(b"".join(f.phash for f in frames), np.uint8).reshape(len(frames), 32),
        embeddings={
            model: np.stack([f.embeddings[model] for f in frames]) for model in sorted(models)
        },
    )
