"""What people do to videos that they post again, one function each: (clip, level 0..2, generator,
pool) -> Copy.

Levels are weak, medium, strong. A copy knows which stretch of it is which stretch of the original.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from clips import RATE_HZ, Clip, Frame, Sound, covering, fitted, joined, resized
from drawing import caption as caption_layer
from drawing import over, speech
from numpy.random import Generator

Segment = tuple[float, float, float, float]  # query start, end, reference start, end, in seconds


@dataclass(frozen=True, eq=False)
class Pool:
    """Material that is in no reference: finished clips, photographs and music of at least a
    minute.
    """

    clips: list[Clip]
    photos: list[Frame]
    music: list[Sound]

    def track(self, seconds: float, rng: Generator) -> Sound:
        return fitted(self.music[int(rng.integers(len(self.music)))], seconds)

    def film(self, seconds: float, like: Clip, rng: Generator) -> Clip:
        """Other people's videos in a row, as long as asked for, in the size and rate of a clip."""
        row: list[Clip] = []
        for i in rng.permutation(len(self.clips)):
            missing_s = seconds - sum(clip.duration_s for clip in row)
            if missing_s <= 0:
                break
            row.append(self.clips[int(i)].part(0, missing_s))
        return joined(row, like.size, like.fps)


@dataclass(frozen=True, eq=False)
class Copy:
    """A finished copy: how to encode it and where its original is in it."""

    clip: Clip
    segments: list[Segment]
    suffix: str = ".mp4"
    encoding: dict[str, int | str] = field(default_factory=dict)


Edit = Callable[[Clip, int, Generator, Pool], Copy]


def _whole(clip: Clip) -> list[Segment]:
    return [(0.0, clip.duration_s, 0.0, clip.duration_s)]


def _each(clip: Clip, change: Callable[[Frame], Frame]) -> Clip:
    return replace(clip, frames=[change(frame) for frame in clip.frames])


def trim(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """A stretch of it: 70, 45, 25 %, at least 5 s."""
    kept_s = min(clip.duration_s, max(5.0, clip.duration_s * (0.7, 0.45, 0.25)[level]))
    start_s = round(float(rng.uniform(0, clip.duration_s - kept_s)) * clip.fps) / clip.fps
    part = clip.part(start_s, start_s + kept_s)
    return Copy(part, [(0.0, part.duration_s, start_s, start_s + part.duration_s)])


def crop(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """90 % and 72 % of each side; at last the other orientation: 9:16 out of 16:9."""
    width, height = clip.size
    share = (0.9, 0.72, 0.6)[level]
    if level == 2 and width != height:
        size = (
            (round(height * 9 / 16), height) if width > height else (width, round(width * 9 / 16))
        )
    else:
        size = (round(width * share), round(height * share))
    left, top = (
        round(float(rng.uniform(0.2, 0.8)) * (a - b)) for a, b in zip(clip.size, size, strict=True)
    )
    return Copy(_each(clip, lambda f: f[top : top + size[1], left : left + size[0]]), _whole(clip))


def letterbox(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """Black bars of 12 % and 25 % a side; at last a tall frame filled with a blurred self."""
    width, height = clip.size

    def barred(frame: Frame) -> Frame:
        bar = round(height * (0.12, 0.25)[level])
        return np.pad(frame, ((bar, bar), (0, 0), (0, 0)))

    def tall(frame: Frame) -> Frame:
        ground = cv2.blur(covering(frame, (width, round(width * 16 / 9))), (31, 31))
        top = (ground.shape[0] - height) // 2
        ground[max(0, top) : max(0, top) + height] = frame[: ground.shape[0]]
        return np.asarray(ground, np.uint8)

    if level == 2 and width < height:
        return Copy(
            _each(clip, lambda f: np.pad(f, ((0, 0), (width // 2, width // 2), (0, 0)))),
            _whole(clip),
        )
    return Copy(_each(clip, tall if level == 2 else barred), _whole(clip))


def caption(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """One small line; three; five large ones that change every two seconds."""
    lines, share = ((1, 0.07), (3, 0.09), (5, 0.12))[level]
    layers = [
        caption_layer(clip.size, lines, share, rng) for _ in range(1 + int(clip.duration_s / 2))
    ]
    shown = [
        over(f, layers[int(i / clip.fps / 2) if level == 2 else 0])
        for i, f in enumerate(clip.frames)
    ]
    return Copy(replace(clip, frames=shown), _whole(clip))


def mirror(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """Mirrored; cropped to 88 % too; to 75 % with other colours too."""
    flipped = _each(clip, lambda f: np.ascontiguousarray(f[:, ::-1]))
    if level == 0:
        return Copy(flipped, _whole(clip))
    width, height = clip.size
    share = (1.0, 0.88, 0.75)[level]
    size = (round(width * share), round(height * share))
    left, top = (
        round(float(rng.uniform(0, 1)) * (a - b)) for a, b in zip(clip.size, size, strict=True)
    )
    gains = rng.uniform(0.75, 1.25, 3) if level == 2 else np.ones(3)

    def change(frame: Frame) -> Frame:
        return np.clip(frame[top : top + size[1], left : left + size[0]] * gains, 0, 255).astype(
            np.uint8
        )

    return Copy(_each(flipped, change), _whole(clip))


def speed(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """1.1 times; 1.25 or 0.8; 1.75 or 0.57.

    The sound is resampled with it, as a plain player does.
    """
    factor = float(rng.choice(((1.1, 0.91), (1.25, 0.8), (1.75, 0.57))[level]))
    count = round(len(clip.frames) / factor)
    frames = [clip.frames[min(len(clip.frames) - 1, round(i * factor))] for i in range(count)]
    sound = clip.sound
    if sound is not None:
        at = np.arange(round(len(sound) / factor)) * factor
        sound = np.interp(at, np.arange(len(sound)), sound).astype(np.float32)
    fast = Clip(frames, clip.fps, sound)
    return Copy(fast, [(0.0, fast.duration_s, 0.0, clip.duration_s)])


def reencode(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """H.264 at CRF 34; MPEG-4 at half the size in AVI; H.264 at CRF 40, a third of the size,
    half the rate.
    """
    width, height = clip.size
    if level == 0:
        return Copy(clip, _whole(clip), ".mp4", {"quality": 34, "sound_bps": 48_000})
    size = (width // (level + 1), height // (level + 1))
    small = _each(clip, lambda f: resized(f, size))
    if level == 1:
        return Copy(
            small, _whole(clip), ".avi", {"codec": "mpeg4", "quality": 9, "sound_bps": 48_000}
        )
    halved = Clip(small.frames[::2], clip.fps / 2, clip.sound)
    return Copy(halved, _whole(clip), ".mkv", {"quality": 40, "sound_bps": 32_000})


def put_in_frame(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """At 80 % over a photograph; at 62 % and 45 % over another running video."""
    scale = (0.8, 0.62, 0.45)[level]
    size = (round(clip.size[0] * scale), round(clip.size[1] * scale))
    left, top = (
        round(float(rng.uniform(0.05, 0.95)) * (a - b))
        for a, b in zip(clip.size, size, strict=True)
    )
    if level == 0:
        still = covering(pool.photos[int(rng.integers(len(pool.photos)))], clip.size)
        grounds = [still] * len(clip.frames)
    else:
        grounds = list(pool.film(clip.duration_s + 1, clip, rng).frames[: len(clip.frames)])
    frames = []
    for ground, frame in zip(grounds, clip.frames, strict=True):
        canvas = ground.copy()
        canvas[top : top + size[1], left : left + size[0]] = resized(frame, size)
        frames.append(canvas)
    return Copy(replace(clip, frames=frames), _whole(clip))


def _inside(
    piece: Clip, starts_at_s: float, around_s: float, rng: Generator, pool: Pool
) -> tuple[Clip, float, float]:
    """A piece in the middle of other people's videos, and its start and end there."""
    other = pool.film(around_s, piece, rng)
    cut = round(starts_at_s * piece.fps)
    cut_s = cut / piece.fps
    longer = joined(
        [other.part(0, cut_s), piece, other.part(cut_s, other.duration_s)], piece.size, piece.fps
    )
    return longer, cut_s, cut_s + piece.duration_s


def cut_into_longer(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """All of it inside a video of 1.5, 2.5 and 4 times its length."""
    around_s = clip.duration_s * (0.5, 1.5, 3.0)[level]
    longer, start_s, end_s = _inside(
        clip, float(rng.uniform(0.2, 0.8)) * around_s, around_s, rng, pool
    )
    return Copy(longer, [(start_s, end_s, 0.0, clip.duration_s)])


def other_music(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """Music laid under the sound; instead of it; instead of it, with the picture cropped and
    captioned.
    """
    music = pool.track(clip.duration_s, rng)
    if level == 0 and clip.sound is not None:
        music = 0.6 * fitted(clip.sound, clip.duration_s) + 0.4 * music
    copied = Copy(replace(clip, sound=music), _whole(clip))
    if level == 2:
        cropped = crop(copied.clip, 0, rng, pool).clip
        return Copy(caption(cropped, 1, rng, pool).clip, copied.segments)
    return copied


def only_sound(clip: Clip, level: int, rng: Generator, pool: Pool) -> Copy:
    """Its sound under another picture: all of it; 60 % of it at a low bit rate; under speech as
    loud as it.
    """
    kept_s = clip.duration_s * (1.0, 0.6, 1.0)[level]
    start_s = round(float(rng.uniform(0, clip.duration_s - kept_s)), 2)
    sound = fitted(np.zeros(0, np.float32) if clip.sound is None else clip.sound, clip.duration_s)
    sound = sound[round(start_s * RATE_HZ) : round((start_s + kept_s) * RATE_HZ)]
    if level == 2:
        voice = speech(kept_s, rng)
        voice = fitted(voice, kept_s)[: len(sound)] * float(
            np.std(sound) / max(np.std(voice), 1e-4)
        )
        sound = sound[: len(voice)] + voice
        sound = sound * min(1.0, 0.95 / max(float(np.abs(sound).max()), 1e-4))
    other = pool.film(kept_s, clip, rng)
    shown = Clip(other.frames, other.fps, fitted(sound.astype(np.float32), other.duration_s))
    encoding: dict[str, int | str] = {"sound_bps": 40_000} if level == 1 else {}
    return Copy(shown, [(0.0, kept_s, start_s, start_s + kept_s)], ".mp4", encoding)


EDITS: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        trim,
        crop,
        letterbox,
        caption,
        mirror,
        speed,
        reencode,
        put_in_frame,
        cut_into_longer,
        other_music,
        only_sound,
    )
}


def quote(clip: Clip, rng: Generator, pool: Pool) -> Copy:
    """Five seconds of it in a minute of something else: to be shown as shared, not to be called
    a copy.
    """
    from_s = round(float(rng.uniform(0, clip.duration_s - 5)) * clip.fps) / clip.fps
    longer, start_s, end_s = _inside(
        clip.part(from_s, from_s + 5), float(rng.uniform(5, 45)), 55.0, rng, pool
    )
    return Copy(longer, [(start_s, end_s, from_s, from_s + end_s - start_s)])
