"""What people lay over videos: captions, bars, channel frames; and a voice that says nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from clips import RATE_HZ, Frame, Sound
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SAID = (
    "wait for the end nobody expected this day one part two watch until best moments of summer how"
    " it is made follow for more credits to the artist my honest reaction breaking live now link"
    " in bio"
)
WORDS = SAID.split()
VOWELS_HZ = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
)
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]


def sentence(rng: Generator, words: int) -> str:
    return " ".join(str(word) for word in rng.choice(WORDS, words))


def colour(rng: Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


def layer(image: Image.Image) -> Layer:
    """Premultiplied colours and what is left of the frame below, from an RGBA picture of the
    frame's size.
    """
    rgba = np.asarray(image.convert("RGBA")).astype(np.float32)
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha, 1 - alpha


def over(frame: Frame, laid: Layer) -> Frame:
    return (frame * laid[1] + laid[0]).astype(np.uint8)


def caption(size: tuple[int, int], lines: int, share: float, rng: Generator) -> Layer:
    """Lines of outlined text, each `share` of the frame's height, somewhere in the lower two
    thirds.
    """
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    font = max(9, round(size[1] * share))
    for _ in range(lines):
        at = (rng.uniform(0.02, 0.25) * size[0], rng.uniform(0.3, 0.97 - share) * size[1])
        draw.text(
            at,
            sentence(rng, 4),
            fill=(*colour(rng), 255),
            font_size=font,
            stroke_width=max(1, font // 12),
            stroke_fill=(0, 0, 0, 255),
        )
    return layer(image)


def channel_template(size: tuple[int, int], rng: Generator) -> Layer:
    """The look of one channel: a frame, a logo, a lower third with a name and a ticker."""
    width, height = size
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    main, second = colour(rng), colour(rng)
    draw.rectangle((0, 0, width - 1, height - 1), outline=(*main, 255), width=max(4, height // 24))
    draw.rectangle((0, height * 0.72, width * 0.8, height * 0.86), fill=(*main, 235))
    draw.rectangle((0, height * 0.86, width, height), fill=(*second, 235))
    draw.text(
        (width * 0.04, height * 0.74),
        sentence(rng, 3).upper(),
        fill=(255, 255, 255),
        font_size=height // 11,
    )
    draw.text(
        (width * 0.04, height * 0.88),
        sentence(rng, 9),
        fill=(255, 255, 255),
        font_size=height // 16,
    )
    draw.ellipse(
        (width * 0.82, height * 0.06, width * 0.95, height * 0.06 + width * 0.13),
        fill=(*second, 255),
    )
    draw.regular_polygon(
        (width * 0.885, height * 0.06 + width * 0.065, width * 0.045), 5, fill=(*main, 255)
    )
    return layer(image)


def speech(seconds: float, rng: Generator) -> Sound:
    """Syllables of a made-up voice: harmonics of a wandering pitch under the formants of random
    vowels.
    """
    total = round(seconds * RATE_HZ)
    sound = np.zeros(total, np.float32)
    pitch, at = float(rng.uniform(95, 210)), 0
    while at < total:
        n = round(float(rng.uniform(0.1, 0.28)) * RATE_HZ)
        t = np.arange(n) / RATE_HZ
        f0 = pitch * rng.uniform(0.8, 1.25) * (1 + rng.uniform(-0.15, 0.15) * t / t[-1])
        vowel = VOWELS_HZ[int(rng.integers(len(VOWELS_HZ)))]
        harmonics = np.arange(1, 1 + int(3800 / f0.max()))[:, None]
        gains = sum(
            np.exp(-(((harmonics * f0.mean() - hz) / (90 + hz * 0.06)) ** 2)) for hz in vowel
        )
        voiced = (gains * np.sin(2 * np.pi * harmonics * np.cumsum(f0) / RATE_HZ)).sum(axis=0)
        hiss = rng.normal(0, 0.4, n) * (rng.random() < 0.3)
        syllable = (voiced + hiss) * np.hanning(n)
        sound[at : at + n] += (0.12 * syllable[: total - at]).astype(np.float32)
        at += n + (round(float(rng.uniform(0.15, 0.5)) * RATE_HZ) if rng.random() < 0.2 else 0)
    return sound


def text_roll(
    size: tuple[int, int], count: int, lines: Sequence[str], rng: Generator
) -> list[Frame]:
    """Credits: light lines that roll upwards over black."""
    width, height = size
    step = max(12, height // 12)
    page = Image.new("RGB", (width, height + step * len(lines)), (0, 0, 0))
    draw = ImageDraw.Draw(page)
    for i, line in enumerate(lines):
        draw.text(
            (width * 0.2, height * 0.5 + step * i),
            line,
            fill=(230, 230, 230),
            font_size=round(step * 0.7),
        )
    pixels = np.asarray(page)
    offsets = np.linspace(0, pixels.shape[0] - height, count).astype(int)
    return [pixels[offset : offset + height].copy() for offset in offsets]
