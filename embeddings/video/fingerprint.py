"""What is kept and searched of a video: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.image.views import QueryView
from embeddings.video.sound import SoundFingerprint


@dataclass(frozen=True, eq=False)
class KeyFrame:
    """One frame, on display (or nearly the same) from ``time_s`` on for ``span_s`` seconds.

    phash, phash_quality, embeddings: of the picture without the video's plain bars, as the index
        keeps them;
    proxy: bytes to verify against; views: what to search with, the frame itself first.
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
        """The name of the frame in the index: when it appears, in whole milliseconds."""
        return round(1000 * self.time_s)


@dataclass(frozen=True, eq=False)
class VideoFingerprint:
    """All that is kept to recognise a video, and what to search with.

    interval_s: the spacing at which it was looked at; plain_s, plain_frames: how much of it showed
    too little to be recognised by (black, flat, text on a plain ground) and was left out; sound: of
    its sound track, None where there is none or sound is not analysed; too_plain: why nothing at
    all can be decided about it, or None.
    """

    duration_s: float
    interval_s: float
    width: int
    height: int
    frames: tuple[KeyFrame, ...]
    plain_s: float
    plain_frames: int
    sound: SoundFingerprint | None
    too_plain: str | None
    notes: tuple[str, ...]

    @property
    def content_s(self) -> float:
        """Seconds that show something to recognise it by."""
        return sum(frame.span_s for frame in self.frames)


@dataclass(frozen=True, eq=False)
class ReferenceVideo:
    """What alignment needs of a registered work; a picture is one frame at 0 that spans nothing.

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
        """Seconds that show something to recognise it by; 0 for a picture."""
        return float(self.spans_s.sum())

    def frame_ms(self, frame: int) -> int:
        """The name of one frame in the index: when it appears, in whole milliseconds."""
        return round(1000 * float(self.times_s[frame]))

    @property
    def is_picture(self) -> bool:
        return self.duration_s == 0.0


def as_reference(video: VideoFingerprint) -> ReferenceVideo:
    """The form in which an index gives a video back, without an index."""
    frames = video.frames
    models = set.intersection(*(set(f.embeddings) for f in frames)) if frames else set()
    return ReferenceVideo(
        video.duration_s,
        video.interval_s,
        np.array([f.time_s for f in frames], np.float64),
        np.array([f.span_s for f in frames], np.float64),
        np.frombuffer(b"".join(f.phash for f in frames), np.uint8).reshape(len(frames), 32),
        {model: np.stack([f.embeddings[model] for f in frames]) for model in sorted(models)},
    )
