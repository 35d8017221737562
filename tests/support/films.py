"""Fingerprints of frames that never were in a file, and talking heads: what alignment is tested
on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from embeddings.image.analyzer import ImageAnalyzer
from embeddings.video.analyzer import VideoAnalyzer
from embeddings.video.decode import Sample
from embeddings.video.fingerprint import VideoFingerprint, as_reference
from embeddings.video.keyframes import make_keyframes
from embeddings.video.match import VideoMatch
from embeddings.video.sound import SoundMatch
from support import clips
from support.sample_pictures import photograph


def fingerprint(
    frames: Sequence[clips.Frame],
    image: ImageAnalyzer,
    *,
    fps: int = clips.FPS,
    interval_s: float = 1.0,
) -> VideoFingerprint:
    """As if the frames had been read from a file without loss."""
    step = round(interval_s * fps)
    samples = [Sample(at / fps, interval_s, frames[at]) for at in range(0, len(frames), step)]
    height, width = frames[0].shape[:2]
    made = make_keyframes(samples, image, (width, height))
    return VideoFingerprint(
        duration_s=len(frames) / fps,
        interval_s=interval_s,
        width=width,
        height=height,
        frames=made.frames,
        plain_s=made.plain_s,
        plain_frames=made.plain_frames,
        sound=None,
        insufficient_detail=None if made.frames else "Every frame is plain.",
        notes=made.notes,
        window=made.window,
    )


def match(
    analyzer: VideoAnalyzer,
    query: VideoFingerprint,
    original: VideoFingerprint,
    sound: SoundMatch | None = None,
    *,
    probe: bool = False,
) -> VideoMatch:
    """Align and judge without an index."""
    reference = as_reference(original)
    stored = {frame.frame_ms: frame.proxy for frame in original.frames}

    def proxies(wanted: Sequence[int]) -> Mapping[int, bytes]:
        return {ms: stored[ms] for ms in wanted if ms in stored}

    return analyzer.judge(
        query, reference, analyzer.align(query, reference), proxies, sound, probe=probe
    )


def talking_head(
    seed: int, seconds: float = 24, *, face: str = "astronaut.png", fps: int = clips.FPS
) -> list[clips.Frame]:
    """A head that sways and talks before a wall that every seed shares, under a little sensor
    noise.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * fps)
    wall = clips.whole("coffee.png")
    head = cv2.resize(np.asarray(photograph(face)), (200, 200))[20:130, 50:150]
    mask = np.zeros(head.shape[:2], np.uint8)
    cv2.ellipse(mask, (50, 55), (45, 53), 0, 0, 360, 255, -1)
    sway_x, sway_y = _wander(rng, count, 14, 3 * fps), _wander(rng, count, 8, 3 * fps)
    mouth = np.abs(_wander(rng, count, 8, fps // 2))
    frames = []
    for at in range(count):
        frame, face_now = wall.copy(), head.copy()
        cv2.ellipse(face_now, (50, 80), (14, max(1, int(mouth[at]))), 0, 0, 360, (60, 20, 20), -1)
        top, left = int(60 + sway_y[at]), int(110 + sway_x[at])
        place = frame[top : top + 110, left : left + 100]
        place[mask > 0] = face_now[mask > 0]
        frames.append(np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8))
    return frames


def _wander(rng: np.random.Generator, count: int, reach: float, smooth: int) -> np.ndarray:
    window = np.exp(-(np.linspace(-3, 3, smooth | 1) ** 2) / 2)
    path = np.convolve(rng.normal(size=count + 2 * smooth), window, "same")[smooth : smooth + count]
    return np.asarray(reach * path / np.abs(path).max())
