"""Decode a file to sRGB pixels: any format, colour mode and orientation, within limits.

Only formats that decode in-process are opened: no PostScript, no external programs. What plays is
judged by the different pictures that it shows.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError
from pylibjxl.pillow_plugin import register_pillow as register_jxl

from embeddings.errors import CorruptMedia, EmptyMedia, MediaTooLarge, UnsupportedMedia

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JXL", "PPM", "JPEG2000")
Image.init()  # registers all formats now: doing it lazily is not thread-safe
pi_heif.register_heif_opener(thumbnails=False)
register_jxl()
MAX_FRAMES = 1_000  # of an animation; one with more is undecided
MAX_SHOWN = 8  # different pictures of an animation that are judged
ALIKE_LEVELS = 6.0  # mean difference of two thumbnails that show one picture
THUMBNAIL_PX = 32
FLOAT_SAMPLES = 3  # TIFF's SampleFormat
MIN_SHOWN_SHARE = 0.5  # of its lines, for a picture that breaks off
# two pictures in one: this share of it is see-through, with structure that agrees so little
SEE_THROUGH_SHARE, SEE_THROUGH_LEVELS, SEE_THROUGH_AGREEMENT = 0.1, 4.0, 0.5
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
    RuntimeError,
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


@dataclass(frozen=True)
class Shown:
    """A picture of an animation: its frame's number and its share of the time, 0..1."""

    frame: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture.

    pixels: (h, w, 3) uint8 sRGB, upright (EXIF applied), alpha composited, at most
    ``working_side_px`` long.
    width, height: of the upright picture as stored, before any reduction.
    mode: Pillow's name of the stored colour mode; notes: the parts changed or left out, in words.
    ambiguous: why what people see cannot be told from the file, or None.
    shown: the different pictures of the file, longest first.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    mime: str
    mode: str
    notes: tuple[str, ...]
    ambiguous: str | None = None
    shown: tuple[Shown, ...] = ()


def decode_shown(path: Path, limits: DecodeLimits | None = None) -> list[tuple[Picture, float]]:
    """Decode the different pictures that a file shows, longest first, with their share of the time.

    Returns: at least one, and at most ``MAX_SHOWN``. Raises: as ``decode_image``.
    """
    limits = limits or DecodeLimits()
    picture = decode_image(path, limits)
    return [(picture, picture.shown[0].share)] + [
        (decode_image(path, limits, shown.frame), shown.share) for shown in picture.shown[1:]
    ]


def decode_image(
    path: Path, limits: DecodeLimits | None = None, frame: int | None = None
) -> Picture:
    """Decode one picture from a file of any name.

    frame: its number in an animation, to decode this one alone; without it the picture that stands
    for most of the time.

    Raises: EmptyMedia, UnsupportedMedia (not a picture), MediaTooLarge (by the header),
        CorruptMedia.
    """
    limits = limits or DecodeLimits()
    if path.stat().st_size == 0:
        raise EmptyMedia()
    image = _open(path, limits)
    with image:
        mode, width, height = image.mode, image.width, image.height
        try:
            shown, notes, unseen = (
                _pictures(image) if frame is None else ([Shown(frame, 1.0)], [], None)
            )
            if len(shown) > 1 or shown[0].frame:
                image.seek(shown[0].frame)
            if image.format in ("JPEG", "MPO"):
                # libjpeg reduces while decoding (1/2, 1/4, 1/8), never below this size.
                image.draft(None, (limits.working_side_px, limits.working_side_px))
            whole, cut_notes = _loaded(image, path, limits)
            upright, orientation_notes = _upright(whole)
            rgb, colour_notes, ambiguous = _to_srgb(upright)
        except _DECODER_ERRORS as error:
            raise CorruptMedia(
                f"The {image.format} picture is damaged or cut short ({error}); export it again."
            ) from error
    notes += cut_notes
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
        ambiguous=ambiguous or unseen,
        shown=tuple(shown),
    )


def _open(path: Path, limits: DecodeLimits) -> Image.Image:
    image: Image.Image
    try:
        image = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise MediaTooLarge(
            f"The picture has too many pixels to decode ({error}); send a smaller version."
        ) from error
    except UnidentifiedImageError as error:
        if (deep := _open_deep_tiff(path, limits)) is None:
            raise _unidentified(path) from error
        image = deep
    except _DECODER_ERRORS as error:
        raise CorruptMedia(
            f"The picture's header cannot be read ({error}); export it again."
        ) from error
    if image.width * image.height > limits.max_pixels:
        image.close()
        raise _too_many_pixels(image.width, image.height, limits)
    return image


def _too_many_pixels(width: int, height: int, limits: DecodeLimits) -> MediaTooLarge:
    return MediaTooLarge(
        f"The picture has {width}x{height} pixels; at most {limits.max_pixels:,} are decoded."
        " Send a smaller version."
    )


def _open_deep_tiff(path: Path, limits: DecodeLimits) -> Image.Image | None:
    """A TIFF of floats in colour, which Pillow has no mode for; None where it is none."""
    try:
        with path.open("rb") as file:
            directory = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
            file.seek(directory.next)
            directory.load(file)
        width, height = int(directory[256]), int(directory[257])
        if FLOAT_SAMPLES not in np.atleast_1d(directory.get(339, 1)):
            return None
        if width * height > limits.max_pixels:
            raise _too_many_pixels(width, height, limits)
        values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except (*_DECODER_ERRORS, cv2.error):
        return None
    if values is None or values.ndim != 3 or values.shape[2] not in (3, 4):
        return None
    grey = np.nan_to_num(values[..., 2::-1].astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    picture = Image.fromarray(_to_bytes(grey, is_float=True))
    picture.format = "TIFF"
    return picture


def _unidentified(path: Path) -> CorruptMedia | UnsupportedMedia:
    from embeddings.sniff import sniff

    kind = sniff(path)  # raises UnsupportedMedia itself if it is no media
    if kind.media_type != "image":
        return UnsupportedMedia(f"This is {kind.mime}, not a picture.")
    return CorruptMedia("The picture's header is damaged; export it again.")


def _pictures(image: Image.Image) -> tuple[list[Shown], list[str], str | None]:
    """The different pictures that an animation shows, longest first, notes, and why a part of it
    was not looked at, or None.

    A hidden default picture (APNG) is never shown; a page of a document is on show as long as any.
    """
    frames = int(getattr(image, "n_frames", 1))
    # a phone's JPEG with a depth map or a second view: the first picture counts
    if frames <= 1 or image.format == "MPO":
        if image.format == "JXL" and getattr(image, "is_animated", False):
            return [Shown(0, 1.0)], [], _unseen("only its first picture")
        return [Shown(0, 1.0)], [], None
    first = 1 if image.info.get("default_image") else 0
    found: list[tuple[int, float, NDArray[np.float32]]] = []  # frame, duration, thumbnail
    last = min(frames, MAX_FRAMES)
    for at in range(first, last):
        image.seek(at)
        image.load()  # WebP says how long a frame is shown once it is decoded
        duration = max(float(image.info.get("duration") or 0.0), 1.0)
        small = image.convert("RGB").resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
        thumbnail = np.asarray(small, np.float32)
        for number, (frame, so_far, like) in enumerate(found):
            if np.abs(like - thumbnail).mean() < ALIKE_LEVELS:
                found[number] = (frame, so_far + duration, like)
                break
        else:
            found.append((at, duration, thumbnail))
    shown = _judged([(frame, duration) for frame, duration, _ in found])
    notes = [
        f"{frames - first} frames with {len(found)} different pictures; {len(shown)} were judged"
    ]
    unseen = _unseen(f"only the first {last} of its {frames} frames") if frames > last else None
    return shown, notes, unseen


def _judged(found: list[tuple[int, float]]) -> list[Shown]:
    """The pictures to judge, longest first, and the share of the time that each stands for.

    found: (frame, duration) of each different picture, in order. Of too many, half are those shown
    longest; each of the others stands for an equal part of what is left, as in a film.
    """
    total = sum(duration for _, duration in found)
    longest = sorted(found, key=lambda each: -each[1])
    half = MAX_SHOWN // 2 if len(found) > MAX_SHOWN else len(found)
    chosen, rest = longest[:half], sorted(longest[half:])
    for part in np.array_split(np.arange(len(rest)), MAX_SHOWN - half) if rest else []:
        middle = int(part[len(part) // 2])
        chosen.append((rest[middle][0], sum(rest[at][1] for at in part.tolist())))
    return [
        Shown(frame, duration / total)
        for frame, duration in sorted(chosen, key=lambda each: -each[1])
    ]


def _unseen(looked_at: str) -> str:
    return f"It is animated, and {looked_at} can be looked at here; send it as a video."


def _loaded(image: Image.Image, path: Path, limits: DecodeLimits) -> tuple[Image.Image, list[str]]:
    """The picture with its pixels; of a JPEG that breaks off, the lines that every browser shows.

    Raises: OSError and others where nothing can be shown.
    """
    try:
        image.load()
        return image, []
    except OSError:
        if image.format not in ("JPEG", "MPO"):
            raise
    # With an end where the file has none libjpeg fills up what is missing; more than one, since it
    # asks for some bytes ahead.
    whole = Image.open(io.BytesIO(path.read_bytes() + 64 * b"\xff\xd9"), formats=("JPEG",))
    whole.draft(None, (limits.working_side_px, limits.working_side_px))
    whole.load()
    lines = np.asarray(whole.convert("L"), np.float32).std(axis=1) > 0.5
    shown = int(np.flatnonzero(lines)[-1]) + 1 if lines.any() else 0
    if shown < MIN_SHOWN_SHARE * whole.height:
        raise OSError("most of it is missing")
    # the orientation stands in the part that is there
    part = whole.crop((0, 0, whole.width, shown))
    part.info = whole.info
    exif = whole.getexif()
    if exif:
        part.info["exif"] = exif.tobytes()
    return part, [f"cut short: judged by its first {shown} of {whole.height} lines"]


def _upright(image: Image.Image) -> tuple[Image.Image, list[str]]:
    if image.format == "JXL":  # turned by its decoder
        return image, []
    try:
        return ImageOps.exif_transpose(image), []
    except _DECODER_ERRORS:
        return image, ["unreadable EXIF data was ignored"]


def _to_srgb(image: Image.Image) -> tuple[Image.Image, list[str], str | None]:
    """Returns: the picture, notes, and why it is ambiguous or None."""
    notes: list[str] = []
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image), ["reduced to 8 bits per channel"], None
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
                return converted, notes, None
        except (ImageCms.PyCMSError, *_DECODER_ERRORS):
            notes.append("an unreadable colour profile was ignored")
    return image.convert("RGB"), notes, None


def _from_deep(image: Image.Image) -> Image.Image:
    """Convert 16-bit, 32-bit and float greys to 8 bits."""
    grey = np.asarray(image).astype(np.float64)
    grey = np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0)
    return Image.fromarray(_to_bytes(grey, is_float=image.mode == "F")).convert("RGB")


def _to_bytes(values: NDArray[np.float64], *, is_float: bool) -> NDArray[np.uint8]:
    """Scale finite values to 8 bits, linearly by the range of type or data."""
    low, high = float(values.min()), float(values.max())
    if is_float and low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 65535 and not is_float:
        low, high = 0.0, 65535.0 if high > 255 else 255.0
    scaled = (values - low) * (255.0 / (high - low) if high > low else 0.0)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _composite(image: Image.Image) -> tuple[Image.Image, list[str], str | None]:
    """Composite a transparent picture on white, or on black where white would hide it (a white
    logo).
    """
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB"), [], None
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
    ambiguous = (
        "It shows one picture on a light ground and another one on a dark ground; send the one that"
        " is meant, without transparency."
        if _two_in_one(np.asarray(alpha), overlaid["white"], overlaid["black"])
        else None
    )
    return overlaid[name], [f"transparent parts were laid on {name}"], ambiguous


def _two_in_one(alpha: NDArray[np.uint8], light: Image.Image, dark: Image.Image) -> bool:
    """Whether what is see-through has structure on either ground that the other does not show."""
    through = (alpha > 8) & (alpha < 247)
    if through.mean() < SEE_THROUGH_SHARE:
        return False
    fine = []
    for picture in (light, dark):
        grey = np.asarray(picture.convert("L"), np.float32)
        fine.append((grey - cv2.GaussianBlur(grey, (0, 0), 8))[through])
    if min(part.std() for part in fine) < SEE_THROUGH_LEVELS:
        return False
    return float(np.corrcoef(fine[0], fine[1])[0, 1]) < SEE_THROUGH_AGREEMENT
