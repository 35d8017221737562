"""Photographs that scikit-learn and scikit-image ship, and edits of one of them."""

import io
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance

from oracle.errors import ConfigurationError

# Material for the demo's films; never posted as pictures.
UNPOSTED = {
    "coffee": "coffee.png",
    "astronaut": "astronaut.png",
    "tissue": "ihc.png",
    "retina": "retina.jpg",
}


def sample_pictures() -> dict[str, bytes]:
    """Return the demo's pictures by name, as bytes of files.

    Raises: ConfigurationError if those packages are not installed.
    """
    folders = []
    for package, sub in (("sklearn", "datasets/images"), ("skimage", "data")):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ConfigurationError(
                "The demo needs scikit-learn and scikit-image for their pictures: use `make demo`."
            )
        folders.append(Path(spec.origin).parent / sub)
    sklearn, skimage = folders
    with Image.open(sklearn / "china.jpg") as picture:
        temple = picture.convert("RGB")
    with Image.open(skimage / "chelsea.png") as picture:
        cat = picture.convert("RGB")
    width, height = temple.size
    drawn = Image.new("RGB", (640, 480), (120, 120, 120))
    ImageDraw.Draw(drawn).rectangle((0, 0, 639, 479), outline=(118, 118, 118))
    return {
        "temple": _jpeg(temple, 92),
        "temple, smaller": _jpeg(temple.resize((width * 2 // 3, height * 2 // 3)), 60),
        "temple, cropped": _jpeg(
            temple.crop((width // 20, height // 20, width * 19 // 20, height * 19 // 20)), 80
        ),
        "temple, recoloured": _jpeg(
            ImageEnhance.Color(ImageEnhance.Brightness(temple).enhance(1.2)).enhance(0.6), 75
        ),
        "flower": (sklearn / "flower.jpg").read_bytes(),
        "cat": _jpeg(cat, 92),
        "cat, smaller": _jpeg(cat.resize((cat.width // 2, cat.height // 2)), 70),
        "rocket": (skimage / "rocket.jpg").read_bytes(),
        "plain": _png(drawn),
        **{name: (skimage / file).read_bytes() for name, file in UNPOSTED.items()},
    }


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
