"""Small real video files, made in the tests: camera moves over real photographs, encoded by
PyAV.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from support.sample_pictures import photograph

Frame = NDArray[np.uint8]
SIZE = (320, 180)
FPS = 10


def scene(
    name: str,
    seconds: float,
    *,
    zoom: float = 1.6,
    seed: int = 0,
    fps: int = FPS,
    size: tuple[int, int] = SIZE,
) -> list[Frame]:
    """A camera that wanders over a photograph: (h, w, 3) uint8 frames.

    Other seeds take another way.
    """
    rng = np.random.default_rng(seed)
    picture = np.asarray(photograph(name), np.uint8)
    height, width = picture.shape[:2]
    aspect = size[0] / size[1]
    window_w = min(width, height * aspect) / zoom
    window_h = window_w / aspect
    count = round(seconds * fps)
    ends = rng.uniform(0.0, 1.0, (2, 2))
    while np.abs(ends[0] - ends[1]).max() < 0.5:  # a move worth the name
        ends = rng.uniform(0.0, 1.0, (2, 2))
    frames = []
    for at in np.linspace(0.0, 1.0, count):
        x, y = ends[0] * (1 - at) + ends[1] * at
        scale = 1.0 - 0.2 * at
        w, h = window_w * scale, window_h * scale
        left, top = x * (width - w), y * (height - h)
        map_ = np.array(
            [[size[0] / w, 0, -left * size[0] / w], [0, size[1] / h, -top * size[1] / h]]
        )
        frames.append(
            np.asarray(cv2.warpAffine(picture, map_, size, flags=cv2.INTER_AREA), np.uint8)
        )
    return frames


def montage(
    names: Sequence[str], seconds_each: float, *, seed: int = 0, fps: int = FPS
) -> list[Frame]:
    """One scene after the other."""
    return [
        f
        for at, name in enumerate(names)
        for f in scene(name, seconds_each, seed=seed + at, fps=fps)
    ]


def faster(frames: Sequence[Frame], speed: float) -> list[Frame]:
    """The same frames at another speed, the rate staying the same."""
    count = int(len(frames) / speed)
    return [frames[min(len(frames) - 1, int(at * speed))] for at in range(count)]


def each(frames: Iterable[Frame], edit: Callable[[Frame], Frame]) -> list[Frame]:
    return [np.ascontiguousarray(edit(frame)) for frame in frames]


def mirrored(frame: Frame) -> Frame:
    return frame[:, ::-1]


def cropped(frame: Frame, share: float = 0.2) -> Frame:
    """Cut ``share`` of each side length away, and enlarge what is left to the old size."""
    height, width = frame.shape[:2]
    dy, dx = round(height * share / 2), round(width * share / 2)
    return np.asarray(
        cv2.resize(frame[dy : height - dy, dx : width - dx], (width, height)), np.uint8
    )


def letterboxed(frame: Frame, share: float = 0.25) -> Frame:
    """Plain bars above and below."""
    height, width = frame.shape[:2]
    bar = round(height * share / 2)
    inner = cv2.resize(frame, (width, height - 2 * bar), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.copyMakeBorder(inner, bar, bar, 0, 0, cv2.BORDER_CONSTANT), np.uint8)


def captioned(frame: Frame, text: str = "you will not believe this") -> Frame:
    out = frame.copy()
    cv2.rectangle(
        out, (0, frame.shape[0] - 34), (frame.shape[1], frame.shape[0] - 6), (255, 255, 255), -1
    )
    cv2.putText(
        out,
        text,
        (6, frame.shape[0] - 14),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.55,
        (0, 0, 0),
        1,
        cv2.LINE_AA,
    )
    return out


def in_a_frame(frame: Frame, ground: Frame, share: float = 0.6) -> Frame:
    """Laid on a still picture of the same size, at ``share`` of its side length."""
    height, width = frame.shape[:2]
    out = ground.copy()
    w, h = round(width * share), round(height * share)
    top, left = round((height - h) * 0.3), round((width - w) * 0.7)
    out[top : top + h, left : left + w] = cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA)
    return out


def whole(name: str, size: tuple[int, int] = SIZE) -> Frame:
    """The middle of a photograph, filling a frame."""
    picture = np.asarray(photograph(name), np.uint8)
    height, width = picture.shape[:2]
    factor = max(size[0] / width, size[1] / height)
    grown = cv2.resize(
        picture, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA
    )
    top, left = (grown.shape[0] - size[1]) // 2, (grown.shape[1] - size[0]) // 2
    return np.ascontiguousarray(grown[top : top + size[1], left : left + size[0]])


def black(size: tuple[int, int] = SIZE) -> Frame:
    return np.zeros((size[1], size[0], 3), np.uint8)


def as_png(frame: Frame) -> bytes:
    """A frame as a picture file."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    return buffer.getvalue()


def encode(
    path: Path,
    frames: Iterable[Frame],
    *,
    fps: int = FPS,
    sound: tuple[NDArray[np.float32], int] | None = None,
    codec: str = "libx264",
    crf: int = 23,
    gop: int = 50,
    rotation: int = 0,
    times: Sequence[float] | None = None,
) -> Path:
    """Write a video file; its container follows the suffix.

    Args:
        sound: samples -1..1 and their rate.
        times: when each frame appears, in seconds, for a variable rate.
        rotation: degrees the player is asked to turn the picture by.
    """
    pictures = iter(frames)
    first = next(pictures)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        if codec == "libx264":
            stream.options = {"crf": str(crf), "preset": "ultrafast", "bf": "2"}
        base = Fraction(1, 1000) if times is not None else Fraction(1, fps)
        stream.codec_context.time_base = base
        if rotation:
            stream.metadata["rotate"] = str(rotation)
        track = container.add_stream("aac", rate=sound[1], layout="mono") if sound else None
        for at, picture in enumerate(_chain(first, pictures)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.time_base = base
            frame.pts = round(1000 * times[at]) if times is not None else at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            for packet in encoded_sound(track, *sound):
                container.mux(packet)
    return path


def encoded_sound(
    track: av.AudioStream, samples: NDArray[np.float32], rate: int
) -> Iterator[av.Packet]:
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(
            samples[None, start : start + 1024], format="fltp", layout="mono"
        )
        frame.rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield from track.encode(frame)
    yield from track.encode(None)


def _chain(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest
