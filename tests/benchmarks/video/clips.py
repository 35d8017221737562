"""Short clips in memory: read, write, and make them of photographs and music with a moving camera.

A clip holds its frames as (h, w, 3) uint8 RGB at a constant rate and its sound as float32 mono.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Sound = NDArray[np.float32]
RATE_HZ = 22_050
FADE_S = 0.5


@dataclass(frozen=True, eq=False)
class Clip:
    """frames: a list, so that edits may take any of them; sound: as long as the frames, or None."""

    frames: Sequence[Frame]
    fps: float
    sound: Sound | None

    @property
    def duration_s(self) -> float:
        return len(self.frames) / self.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.frames[0].shape[1], self.frames[0].shape[0]

    def part(self, start_s: float, end_s: float) -> Clip:
        sound = (
            self.sound
            if self.sound is None
            else self.sound[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        )
        return Clip(
            self.frames[round(start_s * self.fps) : round(end_s * self.fps)], self.fps, sound
        )


def fitted(sound: Sound, seconds: float) -> Sound:
    """Cut or padded with silence to an exact length."""
    n = round(seconds * RATE_HZ)
    return np.pad(sound[:n], (0, max(0, n - len(sound)))).astype(np.float32)


def joined(parts: Sequence[Clip], size: tuple[int, int], fps: float) -> Clip:
    """One after the other, in one size and rate; silence where one has no sound."""
    frames, sounds = [], []
    for part in parts:
        count = round(part.duration_s * fps)
        moments = np.minimum(np.arange(count) / fps * part.fps, len(part.frames) - 1)
        frames += [covering(part.frames[int(i)], size) for i in moments]
        sounds.append(
            fitted(np.zeros(0, np.float32) if part.sound is None else part.sound, count / fps)
        )
    return Clip(frames, fps, np.concatenate(sounds))


def covering(frame: Frame, size: tuple[int, int]) -> Frame:
    """Scaled and cut in its middle so that it fills (width, height)."""
    height, width = frame.shape[:2]
    if (width, height) == size:
        return frame
    factor = max(size[0] / width, size[1] / height)
    scaled = resized(
        frame, (max(size[0], round(width * factor)), max(size[1], round(height * factor)))
    )
    left, top = (scaled.shape[1] - size[0]) // 2, (scaled.shape[0] - size[1]) // 2
    return scaled[top : top + size[1], left : left + size[0]]


def resized(frame: Frame, size: tuple[int, int]) -> Frame:
    smaller = size[0] < frame.shape[1]
    return np.asarray(
        cv2.resize(frame, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR),
        np.uint8,
    )


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames of one stream; damaged packets (Megamind.avi has some) are left out."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def read_sound(path: Path, start_s: float = 0.0, seconds: float | None = None) -> Sound | None:
    """Mono float32 at RATE_HZ, or None where there is none."""
    blocks, wanted = [], None if seconds is None else round((start_s + seconds) * RATE_HZ)
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler("fltp", "mono", RATE_HZ)
        for decoded in _decoded(container, container.streams.audio[0]):
            blocks += [block.to_ndarray()[0] for block in resampler.resample(decoded)]
            if wanted is not None and sum(map(len, blocks)) >= wanted:
                break
    sound = np.concatenate(blocks).astype(np.float32)
    return sound[round(start_s * RATE_HZ) : wanted]


def read_clip(path: Path, *, fps: float | None = None) -> Clip:
    """The whole file; frames are those shown at each tick of the rate asked for (or the file's
    own).
    """
    frames: list[Frame] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = fps or float(stream.average_rate or 25)
        for number, decoded in enumerate(_decoded(container, stream)):
            shown_s = (
                number / float(stream.average_rate or 25) if decoded.time is None else decoded.time
            )
            ticks = int(shown_s * rate + 0.5) - len(frames)
            frames += frames[-1:] * ticks  # a slow or variable rate shows a frame for longer
            if ticks >= 0:
                frames.append(decoded.to_ndarray(format="rgb24"))
    sound = read_sound(path)
    return Clip(frames, rate, sound if sound is None else fitted(sound, len(frames) / rate))


def write_clip(
    clip: Clip, path: Path, *, codec: str = "libx264", quality: int = 24, sound_bps: int = 96_000
) -> None:
    """Encode; `quality` is x264's CRF, or the quantiser of other codecs."""
    width, height = clip.size
    with av.open(str(path), "w") as container:
        options = {"crf": str(quality), "preset": "veryfast"} if codec == "libx264" else {}
        video = container.add_stream(
            codec, rate=Fraction(clip.fps).limit_denominator(1000), options=options
        )
        video.width, video.height, video.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
        video.codec_context.thread_count = 1
        if codec != "libx264":
            video.codec_context.qmin = video.codec_context.qmax = quality
        audio = (
            None if clip.sound is None else container.add_stream(sound_codec(path), rate=RATE_HZ)
        )
        if audio is not None:
            audio.bit_rate, audio.layout = sound_bps, "mono"
        for frame in clip.frames:
            picture = np.ascontiguousarray(frame[: height - height % 2, : width - width % 2])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        if audio is not None and clip.sound is not None:
            for block in sound_frames(clip.sound):
                container.mux(audio.encode(block))
            container.mux(audio.encode())


def sound_codec(path: Path) -> str:
    return "mp3" if path.suffix == ".avi" else "aac"


def sound_frames(sound: Sound) -> Iterator[av.AudioFrame]:
    for start in range(0, len(sound), 1024):
        block = np.clip(sound[start : start + 1024], -1, 1)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        yield frame


def film(
    photos: Sequence[Frame],
    things: Sequence[Frame],
    size: tuple[int, int],
    fps: float,
    seconds: float,
    rng: Generator,
) -> list[Frame]:
    """One shot of each photograph: pan and zoom from a shaking hand, in a third of them depth, in
    some things that move about; hard cuts, now and then a fade.
    """
    lengths_s = rng.uniform(2.0, 6.0, len(photos))
    lengths_s *= seconds / lengths_s.sum()
    lengths_s[-1] += FADE_S * len(photos)  # what fades may take away; cut off below
    frames: list[Frame] = []
    for photo, length_s in zip(photos, lengths_s, strict=True):
        taken = list(shot(photo, things, size, fps, float(length_s), rng))
        fade = min(round(FADE_S * fps), len(frames), len(taken)) if rng.random() < 0.25 else 0
        for i in range(fade):
            share = (i + 1) / (fade + 1)
            frames[i - fade] = cv2.addWeighted(
                frames[i - fade], 1 - share, taken[i], share, 0
            ).astype(np.uint8)
        frames += taken[fade:]
    return frames[: round(seconds * fps)]


def shot(
    photo: Frame,
    things: Sequence[Frame],
    size: tuple[int, int],
    fps: float,
    seconds: float,
    rng: Generator,
) -> Iterator[Frame]:
    """A camera on one photograph; `things` are pictures of which cut-outs wander through the
    scene.
    """
    width, height = size
    source = covering(photo, (round(width * 1.6), round(height * 1.6)))
    zooms = rng.uniform(1.0, 1.55, 2)
    room = (1.6 - zooms[:, None]) * np.array([[width, height]])
    corners = room * rng.uniform(0.03, 0.97, (2, 2))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    depth = _depth(rng, (height, width)) if rng.random() < 0.35 else None
    phase, rate = rng.uniform(0, 6.3, 4), rng.uniform(0.4, 1.3, 4)
    moving = (
        [_Thing.of(things, size, rng) for _ in range(int(rng.integers(0, 3)))]
        if len(things)
        else []
    )
    count = max(2, round(seconds * fps))
    for i in range(count):
        t = i / (count - 1)
        eased = t * t * (3 - 2 * t)
        zoom = zooms[0] + (zooms[1] - zooms[0]) * eased
        left, top = corners[0] + (corners[1] - corners[0]) * eased
        shake = 0.006 * width * np.sin(2 * np.pi * rate * i / fps + phase)
        map_x = (x * zoom + np.float32(left + shake[0] + shake[1])).astype(np.float32)
        map_y = (y * zoom + np.float32(top + shake[2] + shake[3])).astype(np.float32)
        if depth is not None:
            map_x += depth * np.float32((t - 0.5) * 0.06 * width)
        frame = cv2.remap(source, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for thing in moving:
            thing.draw(frame, i / fps)
        yield frame.astype(np.uint8)


def _depth(rng: Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    grid = rng.normal(0, 0.5, (4, 4)).astype(np.float32)
    return np.asarray(cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


@dataclass(frozen=True, eq=False)
class _Thing:
    """An oval cut out of a picture, on a straight and swaying way through the frame."""

    pixels: Frame
    mask: NDArray[np.float32]
    start: NDArray[np.float64]
    speed: NDArray[np.float64]
    sway: float

    @classmethod
    def of(cls, pictures: Sequence[Frame], size: tuple[int, int], rng: Generator) -> _Thing:
        side = round(size[1] * rng.uniform(0.15, 0.32))
        pixels = covering(pictures[int(rng.integers(len(pictures)))], (side, side))
        y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]  # type: ignore[misc]
        mask = np.clip((1 - np.hypot(x, y)) * side / 4, 0, 1).astype(np.float32)
        start = rng.uniform(0, 1, 2) * (np.array(size) - side)
        return cls(
            pixels,
            mask[..., None],
            start,
            rng.normal(0, 0.09, 2) * size[0],
            float(rng.uniform(0, 8)),
        )

    def draw(self, frame: Frame, at_s: float) -> None:
        side = len(self.mask)
        room = np.maximum(1, np.array(frame.shape[1::-1]) - side)
        place = self.start + self.speed * at_s + [0, self.sway * np.sin(3 * at_s)]
        # Reflected at the edges, so that nothing leaves the frame for good.
        left, top = (np.abs((place + room) % (2 * room) - room)).astype(int)
        area = frame[top : top + side, left : left + side]
        area[:] = (area * (1 - self.mask) + self.pixels * self.mask).astype(np.uint8)
