"""Pairs of different pictures that look like copies: (a, b, generator) -> (query, reference). None
may be accused.

``a`` and ``b`` are two different pictures; what the two results share is only a template, an
interface, words, or the scene in front of the camera.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from edits import _colour, _cover, colours, meme_bars, screenshot, sentence
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from embeddings.image.features import extract
from embeddings.image.geometry import align
from embeddings.image.raster import reduce_to, to_grey

Pair = tuple[Image.Image, Image.Image]
HardNegative = Callable[[Image.Image, Image.Image, Generator], Pair]
STRUCTURED_LEVELS, FULL = 4.0, 0.5


def _twice(
    edit: Callable[..., Image.Image], a: Image.Image, b: Image.Image, rng: Generator
) -> Pair:
    """The same edit with the same words, colours and places on two pictures of one size."""
    strength, seed = float(rng.uniform(0.3, 1.0)), int(rng.integers(1 << 31))
    b = _cover(b, a.size)
    first, second = (edit(image, strength, np.random.default_rng(seed), [a, b]) for image in (a, b))
    return first, second


def same_caption_bars(a: Image.Image, b: Image.Image, rng: Generator) -> Pair:
    return _twice(meme_bars, a, b, rng)


def same_interface(a: Image.Image, b: Image.Image, rng: Generator) -> Pair:
    return _twice(screenshot, a, b, rng)


def text_cards(a: Image.Image, b: Image.Image, rng: Generator) -> Pair:
    """One card template, two sayings; a share of the lines is the same."""
    size, ground, ink = (640, 640), _colour(rng), _colour(rng)
    if sum(abs(x - y) for x, y in zip(ground, ink, strict=True)) < 200:
        ground, ink = (245, 243, 238), (25, 25, 30)
    heading, shared = sentence(rng, 3), [bool(rng.random() < 0.3) for _ in range(6)]
    common = [sentence(rng, 5) for _ in range(6)]
    cards = []
    for _ in range(2):
        card = Image.new("RGB", size, ground)
        draw = ImageDraw.Draw(card)
        draw.rounded_rectangle((20, 20, 620, 620), 24, outline=ink, width=6)
        draw.text((60, 60), heading.upper(), fill=ink, font_size=46)
        for line in range(6):
            draw.text(
                (60, 160 + 70 * line),
                common[line] if shared[line] else sentence(rng, 5),
                fill=ink,
                font_size=32,
            )
        draw.text((60, 585), "@a.creator  follow for more", fill=ink, font_size=20)
        cards.append(card)
    return cards[0], cards[1]


def same_program(a: Image.Image, b: Image.Image, rng: Generator) -> Pair:
    """A program window with menus, tool icons and a list around two different documents."""
    size, seed = (900, 640), int(rng.integers(1 << 31))
    area = (150, 90, 880, 600)
    windows = []
    for content in (a, b):
        fixed = np.random.default_rng(seed)
        window = Image.new("RGB", size, (236, 236, 238))
        draw = ImageDraw.Draw(window)
        draw.rectangle((0, 0, 900, 28), fill=(60, 64, 72))
        draw.text((12, 6), sentence(fixed, 3), fill=(240, 240, 240), font_size=14)
        draw.text(
            (12, 34),
            "File   Edit   View   Image   Filters   Tools   Help",
            fill=(20, 20, 20),
            font_size=14,
        )
        for i in range(26):
            x = 12 + 33 * i
            draw.rounded_rectangle(
                (x, 56, x + 26, 82), 4, fill=_colour(fixed), outline=(90, 90, 90)
            )
            draw.line((x + 6, 76, x + 20, 62), fill=_colour(fixed), width=3)
        for i in range(18):
            draw.text((12, 98 + 28 * i), sentence(fixed, 2), fill=(30, 30, 30), font_size=13)
        window.paste(_cover(content, (area[2] - area[0], area[3] - area[1])), area[:2])
        draw.text((12, 615), sentence(fixed, 6), fill=(60, 60, 60), font_size=13)
        windows.append(window)
    return windows[0], windows[1]


def same_watermark(a: Image.Image, b: Image.Image, rng: Generator) -> Pair:
    """One agency's frame, logo and stamp on two pictures."""
    b = _cover(b, a.size)
    width, height = a.size
    colour, words = _colour(rng), sentence(rng, 2).upper()
    results = []
    for content in (a, b):
        image = ImageOps.expand(content, width // 18, colour)
        draw = ImageDraw.Draw(image)
        side = min(width, height) * 0.28
        x, y = image.width - side * 1.2, image.height - side * 1.2
        draw.ellipse((x, y, x + side, y + side), fill=(250, 250, 250), outline=colour, width=6)
        draw.regular_polygon((x + side / 2, y + side / 2, side * 0.35), 5, rotation=20, fill=colour)
        draw.text(
            (width * 0.1, height * 0.45),
            words,
            fill=(255, 255, 255),
            font_size=max(14, width // 11),
            stroke_width=2,
            stroke_fill=(0, 0, 0),
        )
        results.append(image)
    return results[0], results[1]


def other_half(a: Image.Image, b: Image.Image, rng: Generator) -> Pair:
    """Two parts of one large picture that do not overlap: the same sand, the same wall, other
    grains and stones.
    """
    wide = a.width >= a.height
    middle = (a.width if wide else a.height) // 2
    boxes = (
        ((0, 0, middle, a.height), (middle, 0, a.width, a.height))
        if wide
        else ((0, 0, a.width, middle), (0, middle, a.width, a.height))
    )
    return a.crop(boxes[0]), a.crop(boxes[1])


def repeats_itself(a: Image.Image, b: Image.Image) -> bool:
    """Whether two halves of one picture show the same thing (a mirrored texture, a tile): then they
    are no negative.

    Told by plain inlier counts, not by the verification that is measured.
    """
    first, second = (
        extract(to_grey(reduce_to(np.ascontiguousarray(np.asarray(image)), 512)))
        for image in (a, b)
    )
    return any(
        found.inliers >= 12 for found in align(first, second) + align(first.mirrored(), second)
    )


def structured_share(image: Image.Image) -> float:
    """Share, 0..1, of a picture's tiles (16 pixels, at 512 on the long side) with a standard
    deviation above 4 levels.

    Told without anything that is measured here. Photographs and rendered scenes have half and more;
    texture sheets, liveries, logos and dials on an empty ground have less.
    """
    grey = np.asarray(ImageOps.contain(image.convert("L"), (512, 512))).astype(np.float32)
    rows, columns = grey.shape[0] // 16, grey.shape[1] // 16
    tiles = grey[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16)
    return float((tiles.std(axis=(1, 3)) > STRUCTURED_LEVELS).mean())


def _smooth(rng: Generator, shape: tuple[int, int], cells: int) -> NDArray[np.float32]:
    grid = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    field = cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / max(float(field.std()), 1e-6)


def other_viewpoint(a: Image.Image, b: Image.Image, rng: Generator) -> Pair:
    """One scene from two places: rolling depth, objects in front that move against it, other light,
    other noise.

    Of a scene that is mostly empty (``structured_share``) nothing is left but the objects, which
    are the same flat pictures twice: that is no second view.
    """
    size = (720, 540)
    scene = np.asarray(_cover(a, size)).astype(np.float32)
    things = np.asarray(_cover(b, size)).astype(np.float32)
    depth = _smooth(rng, scene.shape[:2], 5) + 0.6 * _smooth(rng, scene.shape[:2], 12)
    shift = float(rng.uniform(0.010, 0.035)) * size[0]
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    # centre, half axes in pixels, how much nearer than the background
    lows, highs = (
        (0.15 * size[0], 0.3 * size[1], 40, 40, 2),
        (0.85 * size[0], 0.9 * size[1], 110, 110, 4),
    )
    spots = rng.uniform(lows, highs, (int(rng.integers(2, 6)), 5)).tolist()
    views = []
    for eye in (-0.5, 0.5):
        view = cv2.remap(
            scene,
            x + eye * shift * depth,
            y + 0.15 * eye * shift * depth,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        for cx, cy, rx, ry, near in spots:
            moved = cx + eye * shift * near * 2
            inside = ((x - moved) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
            source = cv2.remap(
                things, x - (moved - cx), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
            view = np.where(inside[..., None], source, view)
        view = view * rng.uniform(0.85, 1.15) + rng.normal(0, 3, view.shape) + rng.uniform(-8, 8)
        views.append(
            Image.fromarray(np.clip(view, 0, 255).astype(np.uint8)).crop((30, 20, 690, 520))
        )
    return views[0], views[1]


def recoloured_strangers(a: Image.Image, b: Image.Image, rng: Generator) -> Pair:
    """Two pictures pulled towards one look: the same size, filter and grain."""
    first, second = _twice(colours, a, b, rng)
    return Image.blend(first, Image.new("RGB", first.size, (200, 150, 90)), 0.3), Image.blend(
        second, Image.new("RGB", second.size, (200, 150, 90)), 0.3
    )


FAMILIES: dict[str, HardNegative] = {
    family.__name__: family
    for family in (
        same_caption_bars,
        same_interface,
        text_cards,
        same_program,
        same_watermark,
        other_half,
        other_viewpoint,
        recoloured_strangers,
    )
}
