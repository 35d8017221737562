"""Decode a file to sRGB pixels: any format, colour mode and orientation, within limits.

Only formats that Pillow decodes in-process are opened: no PostScript, no external programs.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from embeddings.errors import CorruptMedia, EmptyMedia, MediaTooLarge, UnsupportedMedia

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000")
Image.init()  # registers all formats now: doing it lazily is not thread-safe
# The caller's own limit is checked by the header, before any allocation.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class DecodeLimits:
    """Limits of one picture.

    max_pixels: width x height of the stored picture, checked by the header.
    working_side_px: longer pictures are reduced to this long side after decoding; nothing uses
    finer detail, and a 100 megapixel picture would hold 300 MB.
    """

    max_pixels: int = 100_000_000
    working_side_px: int = 2048


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture.

    pixels: (h, w, 3) uint8 sRGB, upright (EXIF applied), alpha composited, at most
    ``working_side_px`` long.
    width, height: of the upright picture as stored, before any reduction.
    mode: Pillow's name of the stored colour mode; notes: the parts changed or left out, in words.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    mime: str
    mode: str
    notes: tuple[str, ...]


def decode_image(path: Path, limits: DecodeLimits | None = None) -> Picture:
    """Decode one picture from a file of any name.

    Raises: EmptyMedia, UnsupportedMedia (not a picture), MediaTooLarge (by the header),
        CorruptMedia.
    """
    limits = limits or DecodeLimits()
    if path.stat().st_size == 0:
        raise EmptyMedia()
    image = _open(path, limits)
    with image:
        mode, width, height = image.mode, image.width, image.height
        notes = _frame_notes(image)
        try:
            if image.format in ("JPEG", "MPO"):
                # libjpeg reduces while decoding (1/2, 1/4, 1/8), never below this size.
                image.draft(None, (limits.working_side_px, limits.working_side_px))
            image.load()
            upright, orientation_notes = _upright(image)
            rgb, colour_notes = _to_srgb(upright)
        except _DECODER_ERRORS as error:
            raise CorruptMedia(
                f"The {image.format} picture is damaged or cut short ({error}); export it again."
            ) from error
    if (upright.width > upright.height) != (width > height):
        width, height = height, width
    if max(rgb.size) > limits.working_side_px:
        rgb.thumbnail((limits.working_side_px, limits.working_side_px), Image.Resampling.BOX)
    if rgb.size != (width, height):
        notes.append(f"analysed at {rgb.width}x{rgb.height} pixels instead of {width}x{height}")
    pixels = np.ascontiguousarray(np.asarray(rgb, dtype=np.uint8))
    return Picture(
        pixels=pixels,
        width=width,
        height=height,
        format=image.format or "",
        mime=Image.MIME.get(image.format or "", ""),
        mode=mode,
        notes=tuple(notes + orientation_notes + colour_notes),
    )


def _open(path: Path, limits: DecodeLimits) -> Image.Image:
    try:
        image = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise MediaTooLarge(
            f"The picture has too many pixels to decode ({error}); send a smaller version."
        ) from error
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except _DECODER_ERRORS as error:
        raise CorruptMedia(
            f"The picture's header cannot be read ({error}); export it again."
        ) from error
    if image.width * image.height > limits.max_pixels:
        image.close()
        raise MediaTooLarge(
            f"The picture has {image.width}x{image.height} pixels; at most {limits.max_pixels:,}"
            " are decoded. Send a smaller version."
        )
    return image


def _unidentified(path: Path) -> CorruptMedia | UnsupportedMedia:
    from embeddings.sniff import sniff

    kind = sniff(path)  # raises UnsupportedMedia itself if it is no media
    if kind.media_type != "image":
        return UnsupportedMedia(f"This is {kind.mime}, not a picture.")
    if kind.mime in ("image/heic", "image/jxl"):
        return UnsupportedMedia(f"{kind.mime} is not decoded here; send JPEG, PNG, WebP or AVIF.")
    return CorruptMedia("The picture's header is damaged; export it again.")


def _frame_notes(image: Image.Image) -> list[str]:
    # a phone's JPEG with a depth map or a second view: the first picture counts
    if image.format == "MPO":
        return []
    try:
        frames = int(getattr(image, "n_frames", 1))
    except _DECODER_ERRORS:
        return ["the number of frames cannot be read; the first frame was judged"]
    return (
        [f"animated or multi-page: the first of {frames} frames was judged"] if frames > 1 else []
    )


def _upright(image: Image.Image) -> tuple[Image.Image, list[str]]:
    try:
        return ImageOps.exif_transpose(image), []
    except _DECODER_ERRORS:
        return image, ["unreadable EXIF data was ignored"]


def _to_srgb(image: Image.Image) -> tuple[Image.Image, list[str]]:
    notes: list[str] = []
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image), ["reduced to 8 bits per channel"]
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        return _composite(image.convert("RGBA"))
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L", "LAB"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted, notes
        except (ImageCms.PyCMSError, *_DECODER_ERRORS):
            notes.append("an unreadable colour profile was ignored")
    return image.convert("RGB"), notes


def _from_deep(image: Image.Image) -> Image.Image:
    """Convert 16-bit, 32-bit and float greys to 8 bits, linearly by the range of type or data."""
    grey = np.asarray(image).astype(np.float64)
    grey = np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(grey.min()), float(grey.max())
    if image.mode == "F" and low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 65535 and image.mode != "F":
        low, high = 0.0, 65535.0 if high > 255 else 255.0
    scaled = (grey - low) * (255.0 / (high - low) if high > low else 0.0)
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8)).convert("RGB")


def _composite(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Composite a transparent picture on white, or on black where white would hide it (a white
    logo).
    """
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB"), []
    overlaid = {}
    for name, colour in (("white", (255, 255, 255, 255)), ("black", (0, 0, 0, 255))):
        background = Image.new("RGBA", image.size, colour)
        overlaid[name] = Image.alpha_composite(background, image).convert("RGB")
    contrast = {
        name: float(np.asarray(picture.convert("L")).std()) for name, picture in overlaid.items()
    }
    name = (
        "white" if contrast["white"] >= 4.0 or contrast["white"] >= contrast["black"] else "black"
    )
    return overlaid[name], [f"transparent parts were laid on {name}"]
