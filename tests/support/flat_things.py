"""One flat thing that two people photographed, and a print of a photograph taken again.

A board, a poster, a box front: a plane maps the one picture onto the other, so that all of it
agrees. Light, focus, noise and lens differ, and so does what stands around it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

SIZE = (720, 560)
Pixels = NDArray[np.float32]


def board(rng: Generator) -> Image.Image:
    """A chessboard in its frame, with a few worn squares."""
    image = Image.new("RGB", (480, 480), (70, 40, 20))
    draw = ImageDraw.Draw(image)
    for i in range(64):
        x, y = 32 + 52 * (i % 8), 32 + 52 * (i // 8)
        tone = int(rng.integers(-12, 12))
        light = (i + i // 8) % 2 == 0
        colour = (
            (225 + tone, 200 + tone, 160 + tone) if light else (90 + tone, 55 + tone, 35 + tone)
        )
        draw.rectangle((x, y, x + 51, y + 51), fill=colour)
        if rng.random() < 0.4:
            draw.ellipse(
                (x + 10, y + 10, x + 42, y + 42), fill=(20, 20, 20), outline=(240, 240, 240)
            )
    return image


def _lit(rng: Generator, pixels: Pixels) -> Pixels:
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32)
    angle = rng.uniform(0, 6.28)
    slope = (np.cos(angle) * x / pixels.shape[1] + np.sin(angle) * y / pixels.shape[0]) * 0.35
    tint = rng.uniform(0.88, 1.12, 3).astype(np.float32)
    return np.asarray(pixels * (1 + slope - slope.mean())[..., None] * tint, np.float32)


def photographed(
    thing: Image.Image, around: Image.Image, rng: Generator, *, share: float = 0.72
) -> Image.Image:
    """The thing in front of a room, from some place, by some camera."""
    width, height = SIZE
    room = np.asarray(ImageOps.fit(around, SIZE)).astype(np.float32)
    side = share * min(SIZE)
    tall = side * min(1.0, thing.height / thing.width)
    wide = tall * thing.width / thing.height
    centre = np.array([width / 2, height / 2]) + rng.uniform(-0.04, 0.04, 2) * SIZE
    corners = np.array([[-wide, -tall], [wide, -tall], [wide, tall], [-wide, tall]]) / 2
    corners = centre + corners * rng.uniform(0.95, 1.05) + rng.uniform(-0.06, 0.06, (4, 2)) * side
    source = np.array(
        [[0, 0], [thing.width, 0], [thing.width, thing.height], [0, thing.height]], np.float32
    )
    matrix = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    flat = np.asarray(thing.convert("RGB")).astype(np.float32)
    placed = cv2.warpPerspective(flat, matrix, SIZE)
    mask = cv2.warpPerspective(np.ones(flat.shape[:2], np.float32), matrix, SIZE)[..., None]
    scene = _lit(rng, np.asarray(placed * mask + room * (1 - mask), np.float32))
    scene = cv2.GaussianBlur(scene, (0, 0), float(rng.uniform(0.4, 1.2)))
    scene = scene + rng.normal(0, float(rng.uniform(2, 5)), scene.shape)
    return Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
