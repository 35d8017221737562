"""Real photographs for the tests, from wheels (never fetched), and the edits people make to
them.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

from embeddings.image.decode import Picture

Pixels = NDArray[np.uint8]
SAMPLES = Path(skimage.__file__).parent / "data"
PHOTOGRAPHS = (
    "astronaut.png",
    "coffee.png",
    "chelsea.png",
    "rocket.jpg",
    "ihc.png",
    "camera.png",
    "gravel.png",
    "brick.png",
    "grass.png",
    "coins.png",
    "motorcycle_left.png",
    "retina.jpg",
)


@cache
def photograph(name: str) -> Image.Image:
    if name in ("china.jpg", "flower.jpg"):
        from sklearn.datasets import load_sample_image

        return Image.fromarray(load_sample_image(name))
    return Image.open(SAMPLES / name).convert("RGB")


def as_picture(image: Image.Image) -> Picture:
    pixels = np.ascontiguousarray(np.asarray(image.convert("RGB")))
    return Picture(
        pixels=pixels,
        width=image.width,
        height=image.height,
        format="PNG",
        mime="image/png",
        mode="RGB",
        notes=(),
    )


def re_encoded(image: Image.Image, quality: int = 40) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def resized(image: Image.Image, factor: float = 0.6) -> Image.Image:
    return image.resize(
        (round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC
    )


def cropped(image: Image.Image, share: float = 0.08) -> Image.Image:
    """Cut ``share`` of width and height away, mostly from the left and the top."""
    left, top = round(image.width * share * 0.8), round(image.height * share * 0.6)
    return image.crop(
        (
            left,
            top,
            left + round(image.width * (1 - share)),
            top + round(image.height * (1 - share)),
        )
    )


def recoloured(image: Image.Image) -> Image.Image:
    """Warm, brighter, less saturated: an instant-film filter."""
    pixels = np.asarray(image).astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True)
    mixed = (0.7 * pixels + 0.3 * grey) * np.array([1.12, 1.0, 0.85], np.float32) + 12
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))


PLAIN_EDITS = {
    "re_encoded": re_encoded,
    "resized": resized,
    "cropped": cropped,
    "recoloured": recoloured,
}
