"""The edits people make to pictures, one function each: (picture, strength 0..1, generator,
backgrounds) -> picture.

``TRAINED`` are used to train the descriptor and to fit the calibration, on "fit" pictures.
``HELD_OUT`` are used by the benchmark alone, so that it also says something about edits nobody
prepared for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Edit = Callable[[Image.Image, float, Generator, Sequence[Image.Image]], Image.Image]
WORDS = [
    "when",
    "you",
    "finally",
    "see",
    "it",
    "nobody",
    "told",
    "me",
    "about",
    "this",
    "breaking",
    "wow",
    "look",
    "at",
    "that",
    "my",
    "cat",
    "every",
    "monday",
    "summer",
    "sale",
    "link",
    "in",
    "bio",
    "follow",
    "for",
    "more",
    "credit",
    "to",
    "the",
    "artist",
    "best",
    "day",
    "ever",
    "what",
    "happens",
    "next",
    "will",
    "surprise",
    "you",
    "hot",
    "take",
]


def sentence(rng: Generator, words: int) -> str:
    return " ".join(str(word) for word in rng.choice(WORDS, words))


def _colour(rng: Generator) -> tuple[int, int, int]:
    return tuple(int(value) for value in rng.integers(0, 256, 3))  # type: ignore[return-value]


def _cover(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return ImageOps.fit(image, size, Image.Resampling.BILINEAR)


def _other(rng: Generator, others: Sequence[Image.Image], size: tuple[int, int]) -> Image.Image:
    return _cover(others[int(rng.integers(len(others)))], size)


def jpeg(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=round(70 - 62 * s))
    return Image.open(buffer).convert("RGB")


def shrink(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    factor = 0.75 - 0.6 * s
    return image.resize(
        (max(48, round(image.width * factor)), max(48, round(image.height * factor))),
        Image.Resampling.BICUBIC,
    )


def colours(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(
            float(
                1
                + rng.choice([-1, 1])
                * rng.uniform(0.3, 0.6 if enhance is ImageEnhance.Color else 0.45)
                * s
                * 1.3
            )
        )
    gains = rng.uniform(1 - 0.3 * s, 1 + 0.3 * s, 3)
    return Image.fromarray(np.clip(np.asarray(image) * gains, 0, 255).astype(np.uint8))


def grey(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    tone = np.array([1.0 + 0.25 * s, 1.0, 1.0 - 0.3 * s])
    return Image.fromarray(
        np.clip(np.asarray(image.convert("L"))[..., None] * tone, 0, 255).astype(np.uint8)
    )


def blur(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) * (0.002 + 0.008 * s)))


def noise(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    pixels = np.asarray(image).astype(np.float32)
    return Image.fromarray(
        np.clip(pixels + rng.normal(0, 8 + 40 * s, pixels.shape), 0, 255).astype(np.uint8)
    )


def crop(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    share = np.sqrt(0.9 - 0.65 * s)  # of each side: a tenth to three quarters of the area is lost
    width, height = round(image.width * share), round(image.height * share)
    left, top = (
        int(rng.integers(image.width - width + 1)),
        int(rng.integers(image.height - height + 1)),
    )
    return image.crop((left, top, left + width, top + height))


def mirror_crop(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    return crop(ImageOps.mirror(image), s * 0.7, rng, others)


def rotate(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    if s > 0.85 and rng.random() < 0.5:
        return image.rotate(int(rng.choice([90, 180, 270])), expand=True)
    angle = float(rng.choice([-1, 1]) * (3 + 35 * s * rng.uniform(0.7, 1.3)))
    return image.rotate(angle, Image.Resampling.BILINEAR, expand=True, fillcolor=_colour(rng))


def stretch(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    factor = 1 + 0.15 + 0.6 * s
    wide = rng.random() < 0.5
    return image.resize(
        (
            round(image.width * (factor if wide else 1)),
            round(image.height * (1 if wide else factor)),
        )
    )


def tilt(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    width, height = image.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inward = (
        rng.uniform(0, 0.06 + 0.2 * s, (4, 2))
        * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        * [width, height]
    )
    matrix = cv2.getPerspectiveTransform(corners, (corners + inward).astype(np.float32))
    return Image.fromarray(
        cv2.warpPerspective(np.asarray(image), matrix, (width, height), borderValue=_colour(rng))
    )


def caption(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """Lines of text over the picture."""
    image = image.copy()
    draw = ImageDraw.Draw(image)
    size = max(12, round(image.height * (0.05 + 0.06 * s)))
    for _ in range(1 + round(5 * s)):
        at = (rng.uniform(0, 0.5) * image.width, rng.uniform(0, 0.9) * image.height)
        draw.text(
            at,
            sentence(rng, 4),
            fill=_colour(rng),
            font_size=size,
            stroke_width=size // 12,
            stroke_fill=(0, 0, 0),
        )
    return image


def meme_bars(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    bar = round(image.height * (0.12 + 0.3 * s))
    light = rng.random() < 0.6
    out = Image.new(
        "RGB", (image.width, image.height + 2 * bar), (255, 255, 255) if light else (0, 0, 0)
    )
    out.paste(image, (0, bar))
    draw = ImageDraw.Draw(out)
    for top in (bar * 0.25, bar + image.height + bar * 0.25):
        draw.text(
            (image.width * 0.04, top),
            sentence(rng, 5).upper(),
            fill=(0, 0, 0) if light else (255, 255, 255),
            font_size=max(10, bar // 3),
        )
    return out


def stickers(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    image = image.copy()
    draw = ImageDraw.Draw(image)
    for _ in range(1 + round(5 * s)):
        side = min(image.size) * rng.uniform(0.1, 0.18 + 0.2 * s)
        x, y = rng.uniform(0, image.width - side), rng.uniform(0, image.height - side)
        shape = draw.ellipse if rng.random() < 0.5 else draw.rounded_rectangle
        shape((x, y, x + side, y + side), fill=_colour(rng), outline=(0, 0, 0), width=2)
        draw.arc(
            (x + side * 0.25, y + side * 0.3, x + side * 0.75, y + side * 0.8),
            10,
            170,
            fill=(0, 0, 0),
            width=3,
        )
    return image


def covered(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """A piece of another picture overlaid on part of this one: 10 to 60 % of its area."""
    image = image.copy()
    share = np.sqrt(0.1 + 0.5 * s)
    size = max(8, round(image.width * share)), max(8, round(image.height * share))
    at = int(rng.integers(image.width - size[0] + 1)), int(rng.integers(image.height - size[1] + 1))
    image.paste(_other(rng, others, size), at)
    return image


def picture_in_picture(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """Pasted into another picture at 80 down to 35 % of its width and height."""
    scale = 0.8 - 0.45 * s
    ground = _other(rng, others, (round(image.width), round(image.height)))
    small = image.resize(
        (max(32, round(image.width * scale)), max(32, round(image.height * scale))),
        Image.Resampling.BICUBIC,
    )
    ground.paste(
        small,
        (
            int(rng.integers(ground.width - small.width + 1)),
            int(rng.integers(ground.height - small.height + 1)),
        ),
    )
    return ground


def collage(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """One of two, four or six panes."""
    columns, rows = ((2, 1), (2, 2), (3, 2))[min(2, int(s * 3))]
    pane = (round(image.width * 0.6), round(image.height * 0.6))
    out = Image.new("RGB", (columns * pane[0], rows * pane[1]), (255, 255, 255))
    place = int(rng.integers(columns * rows))
    for i in range(columns * rows):
        content = (
            image.resize(pane, Image.Resampling.BICUBIC)
            if i == place
            else _other(rng, others, pane)
        )
        out.paste(content, (i % columns * pane[0], i // columns * pane[1]))
    return out


def screenshot(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """In the window of a made-up social network on a phone."""
    width, height = image.width, round(image.height * (1.25 + 0.9 * s))
    dark = rng.random() < 0.5
    ground, ink = ((24, 26, 30), (225, 225, 228)) if dark else ((250, 250, 252), (30, 32, 36))
    out = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(out)
    unit = max(9, width // 26)
    inset = round(width * 0.03 * s)
    top = round((height - image.height) * 0.35)
    draw.ellipse((unit, unit, 3 * unit, 3 * unit), fill=_colour(rng))
    draw.text((4 * unit, 1.4 * unit), sentence(rng, 2), fill=ink, font_size=unit)
    out.paste(
        image.resize((width - 2 * inset, round(image.height * (width - 2 * inset) / width))),
        (inset, top),
    )
    below = top + image.height + unit
    for line in range(max(1, (height - below) // (2 * unit))):
        draw.text((unit, below + 2 * unit * line), sentence(rng, 4), fill=ink, font_size=unit)
    return out


def framed(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    return ImageOps.expand(image, round(min(image.size) * (0.04 + 0.25 * s)), _colour(rng))


def see_through(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """Another picture shines through."""
    return Image.blend(image, _other(rng, others, image.size), 0.15 + 0.35 * s)


# Held out from training and fitting.


def pixelated(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    factor = 2 + 4 * s
    small = image.resize(
        (max(16, round(image.width / factor)), max(16, round(image.height / factor))),
        Image.Resampling.BOX,
    )
    return small.resize(image.size, Image.Resampling.NEAREST)


def palette(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    return image.quantize(round(64 - 56 * s), dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")


def filmed(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """Photographed off a screen: tilt, moire, vignette, soft focus."""
    tilted = np.asarray(tilt(image, s * 0.6, rng, others)).astype(np.float32)
    y, x = np.mgrid[: tilted.shape[0], : tilted.shape[1]]
    moire = 1 + (0.05 + 0.12 * s) * np.sin(x / 2.3 + y / 7.1)
    distance = np.hypot(x / tilted.shape[1] - 0.5, y / tilted.shape[0] - 0.5)
    lit = tilted * (moire * (1.1 - (0.4 + 0.5 * s) * distance**2))[..., None]
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(0.6 + s)
    )


def watermarked(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """A grid of half-transparent words."""
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    size = max(12, min(image.size) // 12)
    for y in range(0, image.height, round(size * (4 - 2 * s))):
        for x in range(0, image.width, size * 7):
            draw.text(
                (x + (y // size % 3) * size, y),
                "(c) stock",
                fill=(255, 255, 255, round(70 + 130 * s)),
                font_size=size,
            )
    return Image.alpha_composite(image.convert("RGBA"), layer.rotate(20)).convert("RGB")


def rippled(
    image: Image.Image, s: float, rng: Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """A smooth warp of up to 0.4 to 1.6 % of the picture's size."""
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    reach = max(width, height) * (0.004 + 0.012 * s)
    phase = rng.uniform(0, 6, 4)
    dx = reach * np.sin(y / height * 7 + phase[0]) * np.cos(x / width * 5 + phase[1])
    dy = reach * np.sin(x / width * 7 + phase[2]) * np.cos(y / height * 5 + phase[3])
    return Image.fromarray(
        cv2.remap(pixels, x + dx.astype(np.float32), y + dy.astype(np.float32), cv2.INTER_LINEAR)
    )


TRAINED: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        jpeg,
        shrink,
        colours,
        grey,
        blur,
        noise,
        crop,
        mirror_crop,
        rotate,
        stretch,
        tilt,
        caption,
        meme_bars,
        stickers,
        covered,
        picture_in_picture,
        collage,
        screenshot,
        framed,
        see_through,
    )
}
HELD_OUT: dict[str, Edit] = {
    edit.__name__: edit for edit in (pixelated, palette, filmed, watermarked, rippled)
}
Pixels = NDArray[np.uint8]
