import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from support.sample_pictures import photograph

from embeddings.errors import CorruptMedia, EmptyMedia, MediaTooLarge, UnsupportedMedia
from embeddings.image.decode import DecodeLimits, Picture, decode_image

RED = (210, 40, 30)


def decode(
    tmp_path: Path,
    image: Image.Image,
    format_name: str,
    limits: DecodeLimits | None = None,
    **options: object,
) -> Picture:
    path = tmp_path / "upload.bin"
    image.save(path, format_name, **options)  # type: ignore[arg-type]
    return decode_image(path, limits)


def quadrants(size: tuple[int, int] = (120, 80)) -> Image.Image:
    """Red at the upper left, white elsewhere: shows which way is up."""
    image = Image.new("RGB", size, (255, 255, 255))
    image.paste(RED, (0, 0, size[0] // 2, size[1] // 2))
    return image


def png_header_only(width: int, height: int) -> bytes:
    def chunk(kind: bytes, payload: bytes) -> bytes:
        return (
            struct.pack(">I", len(payload))
            + kind
            + payload
            + struct.pack(">I", zlib.crc32(kind + payload))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\x00" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "format_name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"]
)
def test_every_format_gives_the_same_colours(tmp_path: Path, format_name: str) -> None:
    picture = decode(tmp_path, quadrants(), format_name)
    assert picture.pixels.shape == (80, 120, 3) and picture.pixels.dtype == np.uint8
    assert np.abs(picture.pixels[10, 10].astype(int) - RED).max() < 12
    assert picture.pixels[70, 110].min() > 240


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(EmptyMedia):
        decode_image(tmp_path / "a.png")


def test_text_called_jpg(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello, this is not a picture")
    with pytest.raises(UnsupportedMedia, match="text"):
        decode_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_file_cut_short(tmp_path: Path, format_name: str) -> None:
    buffer = io.BytesIO()
    photograph("coffee.png").save(buffer, format_name)
    (tmp_path / "a").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) * 6 // 10])
    with pytest.raises(CorruptMedia):
        decode_image(tmp_path / "a")


def test_a_damaged_header(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(CorruptMedia):
        decode_image(tmp_path / "a")


@pytest.mark.parametrize("side", [30_000, 12_000])
def test_a_bomb_is_refused_from_its_header(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(png_header_only(side, side))
    with pytest.raises(MediaTooLarge):
        decode_image(tmp_path / "a.png")


def test_the_pixel_limit_is_the_callers(tmp_path: Path) -> None:
    with pytest.raises(MediaTooLarge, match="120x80"):
        decode(tmp_path, quadrants(), "PNG", DecodeLimits(max_pixels=9000))


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (0, 1)), (8, (1, 0))]
)
def test_exif_orientation_is_applied(
    tmp_path: Path, orientation: int, corner: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(tmp_path, quadrants(), "JPEG", exif=exif, quality=95)
    assert (picture.width, picture.height) == ((120, 80) if orientation in (1, 3) else (80, 120))
    height, width = picture.pixels.shape[:2]
    assert (
        picture.pixels[int((0.1 + 0.8 * corner[0]) * height), int((0.1 + 0.8 * corner[1]) * width)][
            1
        ]
        < 100
    )


def test_cmyk(tmp_path: Path) -> None:
    picture = decode(tmp_path, quadrants().convert("CMYK"), "JPEG", quality=95)
    assert picture.mode == "CMYK"
    assert np.abs(picture.pixels[10, 10].astype(int) - RED).max() < 15


def test_sixteen_bit_grey(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 100).astype(np.uint16)[None].repeat(60, axis=0)
    picture = decode(tmp_path, Image.fromarray(ramp), "PNG")
    assert picture.pixels[0, 0].max() == 0 and picture.pixels[0, -1].min() == 255
    assert abs(int(picture.pixels[0, 50, 0]) - 128) <= 3
    assert any("8 bits" in note for note in picture.notes)


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = quadrants().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    picture = decode(tmp_path, image, "PNG", transparency=image.getpixel((110, 70)))
    assert np.abs(picture.pixels[10, 10].astype(int) - RED).max() < 12
    assert picture.pixels[70, 110].min() == 255


def test_a_white_logo_on_nothing_is_laid_on_black(tmp_path: Path) -> None:
    image = Image.new("RGBA", (120, 80), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (40, 20, 80, 60))
    picture = decode(tmp_path, image, "PNG")
    assert picture.pixels[40, 60].min() == 255 and picture.pixels[5, 5].max() == 0
    assert "transparent parts were laid on black" in picture.notes


def test_a_colour_profile_is_converted_and_a_broken_one_noted(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    # a LAB profile on RGB pixels cannot apply
    picture = decode(tmp_path, quadrants(), "PNG", icc_profile=profile)
    assert "an unreadable colour profile was ignored" in picture.notes
    sound = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (
        np.abs(
            decode(tmp_path, quadrants(), "PNG", icc_profile=sound).pixels[10, 10].astype(int) - RED
        ).max()
        <= 2
    )


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_is_judged_and_noted(tmp_path: Path, format_name: str) -> None:
    frames = [Image.new("RGB", (80, 80), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]
    picture = decode(tmp_path, frames[0], format_name, save_all=True, append_images=frames[1:])
    assert np.abs(picture.pixels[40, 40].astype(int) - RED).max() < 25
    assert any("first of 3 frames" in note for note in picture.notes)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_large_pictures_are_reduced_but_keep_their_stated_size(
    tmp_path: Path, format_name: str
) -> None:
    picture = decode(
        tmp_path, quadrants((3000, 2000)), format_name, DecodeLimits(working_side_px=500)
    )
    assert (picture.width, picture.height) == (3000, 2000)
    assert max(picture.pixels.shape) == 500
    assert np.abs(picture.pixels[10, 10].astype(int) - RED).max() < 12
