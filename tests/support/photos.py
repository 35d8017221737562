"""Real photographs from the wheels of scikit-image and scikit-learn, and the edits people make
to them.
"""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import skimage.data
import sklearn.datasets
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

SKIMAGE = Path(skimage.data.__file__).parent
SKLEARN = Path(sklearn.datasets.__file__).parent / "images"

FILES = {
    "astronaut": SKIMAGE / "astronaut.png",
    "brick": SKIMAGE / "brick.png",
    "camera": SKIMAGE / "camera.png",  # grey
    "cat": SKIMAGE / "chelsea.png",
    "coffee": SKIMAGE / "coffee.png",
    "coins": SKIMAGE / "coins.png",  # grey
    "grass": SKIMAGE / "grass.png",
    "gravel": SKIMAGE / "gravel.png",
    "hubble": SKIMAGE / "hubble_deep_field.jpg",
    "motorcycle_left": SKIMAGE / "motorcycle_left.png",  # with the next one: two shots of one scene
    "motorcycle_right": SKIMAGE / "motorcycle_right.png",
    "retina": SKIMAGE / "retina.jpg",
    "rocket": SKIMAGE / "rocket.jpg",
    "temple": SKLEARN / "china.jpg",
    "flower": SKLEARN / "flower.jpg",
}
PHOTOS = tuple(FILES)


@cache
def photo(name: str, *, quality: int = 92) -> bytes:
    """One of PHOTOS as a JPEG file (300 to 1400 pixels wide)."""
    with Image.open(FILES[name]) as picture:
        return _jpeg(picture.convert("RGB"), quality)


def _cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width // 10, height // 12, width - width // 20, height - height // 15))


def _recoloured(picture: Image.Image) -> Image.Image:
    picture = ImageEnhance.Brightness(picture).enhance(1.15)
    picture = ImageEnhance.Contrast(picture).enhance(1.2)
    return ImageEnhance.Color(picture).enhance(1.4)


def _captioned(picture: Image.Image) -> Image.Image:
    bar = picture.height // 8
    framed = Image.new("RGB", (picture.width, picture.height + bar), "white")
    framed.paste(picture, (0, bar))
    ImageDraw.Draw(framed).text((10, bar // 3), "when you see it", fill="black")
    return framed


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "reencoded": lambda picture: picture,  # to quality 60, as every edit below
    "resized": lambda picture: picture.resize((picture.width * 2 // 3, picture.height * 2 // 3)),
    "cropped": _cropped,
    "recoloured": _recoloured,
    "grey": lambda picture: ImageOps.grayscale(picture).convert("RGB"),
    "mirrored": ImageOps.mirror,
    "rotated": lambda picture: picture.rotate(7, Image.Resampling.BICUBIC, expand=True),
    "captioned": _captioned,
}


def edited(jpeg: bytes, kind: str, *, quality: int = 60) -> bytes:
    """An edited copy of a picture, as a JPEG file. Kinds: the keys of EDITS."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        return _jpeg(EDITS[kind](picture.convert("RGB")), quality)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
