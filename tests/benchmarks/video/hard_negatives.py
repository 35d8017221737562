"""Pairs of different videos that look or sound alike in part: (material, generator) -> (query,
reference).

None may be called a copy. What the two share is a place, a tune at the start, a channel's look, a
studio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from clips import Clip, Frame, Sound, covering, film, fitted, joined
from drawing import channel_template, over, sentence, speech, text_roll
from edits import Segment
from numpy.random import Generator

SIZE, FPS, SECONDS = (426, 240), 15.0, 22.0
INTRO_S = 5.0


@dataclass(frozen=True, eq=False)
class Material:
    """scenes: photographs for one place seen twice; photos: for everything else; things: what moves
    about; music: for the query, for the reference, and a jingle for both; empty where the family
    has speech.
    """

    scenes: list[Frame]
    photos: list[Frame]
    things: list[Frame]
    music: tuple[Sound, ...]


@dataclass(frozen=True, eq=False)
class Pair:
    """shared: what the two really have in common in time, empty where nothing; reference: None
    where it is one of the set's references already.
    """

    query: Clip
    reference: Clip | None
    shared: tuple[Segment, ...] = ()


HardNegative = Callable[[Material, Generator], Pair]


def _filmed(
    photos: list[Frame], things: list[Frame], sound: Sound, rng: Generator, seconds: float = SECONDS
) -> Clip:
    frames = film(photos, things, SIZE, FPS, seconds, rng)
    return Clip(frames, FPS, fitted(sound, len(frames) / FPS))


def same_scene(material: Material, rng: Generator) -> Pair:
    """The same places by two cameras a few steps apart, on two days: other depth, people, light,
    moves, order.
    """
    first, second = material.music
    order = rng.permutation(len(material.scenes))
    clips = []
    for scenes, sound, eye in (
        (material.scenes, first, -1.0),
        ([material.scenes[i] for i in order], second, 1.0),
    ):
        seen = [_from_aside(scene, eye, np.random.default_rng(i)) for i, scene in enumerate(scenes)]
        light = rng.uniform(0.8, 1.15)
        clip = _filmed(seen, material.things, sound, rng)
        clips.append(
            replace(clip, frames=[np.clip(f * light, 0, 255).astype(np.uint8) for f in clip.frames])
        )
    return Pair(clips[0], clips[1])


def _from_aside(scene: Frame, eye: float, rng: Generator) -> Frame:
    """A scene of rolling depth from half a step to the left or right; one generator state, one
    scene.
    """
    height, width = scene.shape[:2]
    fields = [
        cv2.resize(
            rng.normal(0, 1, (n, n)).astype(np.float32),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for n in (4, 9, 18)
    ]
    depth = fields[0] + 0.7 * fields[1] + 0.5 * fields[2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    reach = np.float32(eye * 0.02 * width)
    return np.asarray(
        cv2.remap(
            scene,
            x + reach * depth,
            y + 0.3 * reach * depth,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        ),
        np.uint8,
    )


def same_intro(material: Material, rng: Generator) -> Pair:
    """One bought opening, picture and jingle, before two videos."""
    first, second, jingle = material.music
    photos = material.photos
    intro = _filmed(photos[:2], [], jingle, rng, INTRO_S)
    intro = replace(
        intro,
        frames=[over(f, laid) for laid in [channel_template(SIZE, rng)] for f in intro.frames],
    )
    rest = [
        _filmed(part, material.things, sound, rng)
        for part, sound in ((photos[2:7], first), (photos[7:12], second))
    ]
    query, reference = (joined([intro, clip], SIZE, FPS) for clip in rest)
    return Pair(query, reference, ((0.0, intro.duration_s, 0.0, intro.duration_s),))


def same_template(material: Material, rng: Generator) -> Pair:
    """One channel's frame, logo and lower third over two films."""
    first, second = material.music
    laid = channel_template(SIZE, rng)
    clips = [
        _filmed(part, material.things, sound, rng)
        for part, sound in ((material.photos[:6], first), (material.photos[6:12], second))
    ]
    query, reference = (
        replace(clip, frames=[over(f, laid) for f in clip.frames]) for clip in clips
    )
    return Pair(query, reference)


def talking_head(material: Material, rng: Generator) -> Pair:
    """One studio, camera on a tripod: the same head twice, saying different things."""
    studio = covering(cv2.GaussianBlur(material.photos[0], (0, 0), 3).astype(np.uint8), SIZE)
    head = covering(material.photos[1], (SIZE[1] // 2, SIZE[1] // 2))
    return Pair(_talking(studio, head, rng), _talking(studio, head, rng))


def _talking(studio: Frame, head: Frame, rng: Generator) -> Clip:
    """Nods and sways as the made-up voice goes; the mouth opens with its loudness."""
    sound = speech(SECONDS, rng)
    count, side = round(SECONDS * FPS), len(head)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]  # type: ignore[misc]
    mask = np.clip((1 - np.hypot(x * 1.25, y)) * side / 4, 0, 1)[..., None]
    loud = np.array([np.abs(part).mean() for part in np.array_split(sound, count)])
    loud = loud / max(float(loud.max()), 1e-6)
    phase, rate, light = rng.uniform(0, 6.3, 3), rng.uniform(0.1, 0.5, 3), rng.uniform(0.95, 1.05)
    frames = []
    for i in range(count):
        frame = studio.copy()
        sway = np.sin(2 * np.pi * rate * i / FPS + phase)
        left, top = (
            round(SIZE[0] * (0.38 + 0.02 * sway[0])),
            round(SIZE[1] * (0.2 + 0.02 * sway[1])),
        )
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), 5 * float(sway[2]), 1.0)
        face = cv2.warpAffine(head, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
        mouth = (side // 2, round(side * 0.72))
        cv2.ellipse(
            face, mouth, (side // 7, 2 + round(side * 0.09 * loud[i])), 0, 0, 360, (90, 30, 40), -1
        )
        area = frame[top : top + side, left : left + side]
        area[:] = (area * (1 - mask) + face * mask).astype(np.uint8)
        frames.append(
            np.clip(frame * light + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8)
        )
    return Clip(frames, FPS, sound)


def credits(material: Material, rng: Generator) -> Pair:
    """Rolls of light names on black; a third of the names is in both. A voice over each."""
    names = [f"{sentence(rng, 1).title()}  {sentence(rng, 2).title()}" for _ in range(12)]
    rolls = []
    for _ in range(2):
        lines = [
            *names,
            *(f"{sentence(rng, 1).title()}  {sentence(rng, 2).title()}" for _ in range(24)),
        ]
        frames = text_roll(
            SIZE, round(SECONDS * FPS), [lines[int(i)] for i in rng.permutation(len(lines))], rng
        )
        rolls.append(Clip(frames, FPS, speech(SECONDS, rng)))
    return Pair(rolls[0], rolls[1])


def strangers(material: Material, rng: Generator) -> Pair:
    """Nothing in common but the size, the length and somebody who speaks."""
    query, reference = (
        _filmed(part, material.things, speech(SECONDS, rng), rng)
        for part in (material.photos[:6], material.photos[6:12])
    )
    return Pair(query, reference)


FAMILIES: dict[str, HardNegative] = {
    family.__name__: family
    for family in (same_scene, same_intro, same_template, talking_head, credits, strangers)
}
