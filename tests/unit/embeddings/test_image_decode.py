import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pylibjxl
import pytest
import tifffile
from PIL import Image, ImageCms
from support.sample_pictures import photograph

from embeddings.errors import CorruptMedia, EmptyMedia, MediaTooLarge, UnsupportedMedia
from embeddings.image.decode import DecodeLimits, Picture, decode_image
from embeddings.sniff import sniff

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


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
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


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize(
    ("shown_ms", "judged"),
    [((20, 9000), 1), ((9000, 20), 0), ((400, 500, 600), 2), ((100, 800, 300, 900, 400), 1)],
)
def test_of_an_animation_what_is_shown_longest_is_judged(
    tmp_path: Path, format_name: str, shown_ms: tuple[int, ...], judged: int
) -> None:
    names = ("coffee.png", "chelsea.png", "astronaut.png", "coffee.png", "rocket.jpg")
    # the second and the last one of five show one picture: 1 200 ms together
    names = (*names[:4], "chelsea.png") if len(shown_ms) == 5 else names
    frames = [photograph(name).convert("RGB").resize((160, 120)) for name in names]
    picture = decode(
        tmp_path,
        frames[0],
        format_name,
        save_all=True,
        append_images=frames[1 : len(shown_ms)],
        duration=list(shown_ms),
    )
    assert np.abs(picture.pixels.astype(int) - np.asarray(frames[judged])).mean() < 12
    assert any("different pictures" in note for note in picture.notes)


def test_an_animation_like_a_film_is_judged_all_along(tmp_path: Path) -> None:
    wide = np.asarray(photograph("coffee.png").convert("RGB").resize((1200, 200)))
    film = [Image.fromarray(wide[:, x : x + 200]) for x in range(0, 1000, 20)]
    own = [Image.new("RGB", (200, 200), (5 * n, 255 - 9 * n, 20 * n)) for n in range(10)]
    path = tmp_path / "a.png"
    own[0].save(
        path, save_all=True, append_images=own[1:] + film, duration=[200] * 10 + [100] * len(film)
    )
    shown = decode_image(path).shown
    assert len(shown) == 8 and sum(each.share for each in shown) == pytest.approx(1.0)
    # ten pictures of 0.2 s each must not hide five seconds of film behind them
    assert sum(each.share for each in shown if each.frame >= 10) > 0.5


def test_what_was_not_looked_at_of_an_animation_makes_it_ambiguous(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embeddings.image.decode.MAX_FRAMES", 3)
    frames = [Image.new("RGB", (80, 80), (60 * n, 0, 0)) for n in range(5)]
    picture = decode_of(tmp_path, frames)
    assert "first 3 of its 5 frames" in (picture.ambiguous or "")


def decode_of(tmp_path: Path, frames: list[Image.Image]) -> Picture:
    path = tmp_path / "a.png"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    return decode_image(path)


def test_a_hidden_default_picture_is_never_judged(tmp_path: Path) -> None:
    hidden, *shown = [
        photograph(name).convert("RGB").resize((160, 120))
        for name in ("coffee.png", "chelsea.png", "rocket.jpg")
    ]
    picture = decode(
        tmp_path,
        hidden,
        "PNG",
        save_all=True,
        append_images=shown,
        default_image=True,
        duration=[900, 400],
    )
    assert np.abs(picture.pixels.astype(int) - np.asarray(shown[0])).mean() < 5


def test_of_a_document_the_first_page_is_judged(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (80, 80), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]
    picture = decode(tmp_path, pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert np.abs(picture.pixels[40, 40].astype(int) - RED).max() < 25
    assert any("3 frames" in note for note in picture.notes)


@pytest.mark.parametrize("missing", [0.01, 0.03, 0.2, 0.4])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_judged_by_the_lines_that_browsers_show(
    tmp_path: Path, missing: float, progressive: bool
) -> None:
    whole = photograph("coffee.png")
    buffer = io.BytesIO()
    whole.save(buffer, "JPEG", quality=90, progressive=progressive)
    content = buffer.getvalue()
    (tmp_path / "a").write_bytes(content[: round(len(content) * (1 - missing))])
    picture = decode_image(tmp_path / "a")
    rows = picture.pixels.shape[0]
    assert rows >= (0.9 - missing) * whole.height or progressive
    expected = np.asarray(whole.convert("RGB"))[: rows // 2].astype(int)
    assert np.abs(picture.pixels[: rows // 2] - expected).mean() < 12
    assert any("cut short" in note for note in picture.notes)


def test_a_jpeg_of_which_hardly_anything_is_there_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    photograph("coffee.png").save(buffer, "JPEG", quality=90)
    (tmp_path / "a").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 10])
    with pytest.raises(CorruptMedia, match="cut short"):
        decode_image(tmp_path / "a")


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_tiff_of_floats(tmp_path: Path, channels: int, compression: int) -> None:
    values = np.asarray(photograph("coffee.png").convert("RGB"), np.float32) / 255
    stored = values[..., ::-1] if channels == 3 else values[..., 0]
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), stored, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    picture = decode_image(path)
    expected = 255 * (values if channels == 3 else values[..., :1])
    assert np.abs(picture.pixels - expected).max() < 2
    with pytest.raises(MediaTooLarge):
        decode_image(path, DecodeLimits(max_pixels=1000))


def test_a_big_tiff_a_heic_and_a_jpeg_xl(tmp_path: Path) -> None:
    whole = np.asarray(photograph("coffee.png").convert("RGB"))
    tifffile.imwrite(tmp_path / "big.tif", whole, bigtiff=True, photometric="rgb")
    (tmp_path / "a.jxl").write_bytes(pylibjxl.encode(whole, effort=3))
    for name, mime in (("big.tif", "image/tiff"), ("a.jxl", "image/jxl")):
        assert sniff(tmp_path / name).mime == mime
        assert np.abs(decode_image(tmp_path / name).pixels.astype(int) - whole).mean() < 3
    # pi-heif only reads: a picture that another program wrote
    path = Path(__file__).parents[2] / "golden" / "coffee.heic"
    assert sniff(path).mime == "image/heic"
    heic = decode_image(path)
    smaller = np.asarray(photograph("coffee.png").convert("RGB").resize((heic.width, heic.height)))
    assert np.abs(heic.pixels.astype(int) - smaller).mean() < 8


@pytest.mark.parametrize("pair", [("coffee.png", "chelsea.png"), ("rocket.jpg", "astronaut.png")])
def test_a_picture_that_shows_another_one_on_dark_is_ambiguous(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    light, dark = (
        np.asarray(photograph(name).convert("L").resize((320, 240)), np.float32) for name in pair
    )
    light, dark = 128 + light / 2, dark / 2  # so that one pixel can be both
    alpha = 255 - (light - dark)
    grey = np.clip(255 * dark / np.maximum(alpha, 1), 0, 255)
    stored = Image.fromarray(np.dstack([grey, alpha]).astype(np.uint8), "LA")
    assert "dark ground" in (decode(tmp_path, stored, "PNG").ambiguous or "")


@pytest.mark.parametrize(
    "kind", ["cut-out", "soft edge", "smoke", "shadow", "half-seen photograph"]
)
def test_what_is_transparent_as_usual_is_not_ambiguous(tmp_path: Path, kind: str) -> None:
    photo = photograph("chelsea.png").convert("RGB").resize((320, 240))
    grid = np.hypot(*np.mgrid[-1:1:240j, -1:1:320j])
    texture = np.asarray(photograph("gravel.png").convert("L").resize((320, 240)), np.float32)
    alpha = {
        "cut-out": np.where(grid < 0.7, 255, 0),
        "soft edge": np.clip(255 * (1.3 - grid), 0, 255),
        "smoke": texture,
        "shadow": texture,
        "half-seen photograph": np.full(grid.shape, 128),
    }[kind].astype(np.uint8)
    plain = {"smoke": (250, 250, 250), "shadow": (5, 5, 5)}
    ground = Image.new("RGB", photo.size, plain[kind]) if kind in plain else photo
    ground.putalpha(Image.fromarray(alpha))
    assert decode(tmp_path, ground, "PNG").ambiguous is None


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
