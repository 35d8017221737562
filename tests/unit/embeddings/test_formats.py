"""Every format that is accepted has a file here that is read; the documentation lists them all.

Renew the list: PYTHONPATH=.:tests .venv/bin/python tests/unit/embeddings/test_formats.py
"""

import io
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pylibjxl
import pytest
import soundfile
from PIL import Image
from support import clips, sounds

from embeddings.audio.decode import read_sound
from embeddings.image.decode import decode_image
from embeddings.sniff import accepted, sniff
from embeddings.video.decode import read_video

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "formats.md"
SECONDS = 3.0
Maker = Callable[[Path], None]


def picture(format_name: str, path: Path) -> None:
    photograph = Image.fromarray(clips.scene("china.jpg", 0.1)[0])
    photograph.save(path, format_name)


def jpeg_xl(path: Path) -> None:
    path.write_bytes(pylibjxl.encode(clips.scene("china.jpg", 0.1)[0], effort=3))


def heic(path: Path) -> None:
    path.write_bytes((ROOT / "tests" / "golden" / "coffee.heic").read_bytes())


def plain_sound(format_name: str, path: Path) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, sounds.tune(1, SECONDS), sounds.RATE_HZ, format=format_name)
    path.write_bytes(buffer.getvalue())


def film(muxer: str, video: str | None, audio: str | None, rate: int, path: Path) -> None:
    """A file of a container with a film, a tune, or both."""
    with av.open(str(path), "w", format=muxer) as container:
        if video is not None:
            pictures = container.add_stream(video, rate=25)
            pictures.height, pictures.width, pictures.pix_fmt = 180, 320, "yuv420p"
            pictures.codec_context.time_base = Fraction(1, 25)
        track = container.add_stream(audio, rate=rate, layout="mono") if audio else None
        if track is not None:
            track.bit_rate = 96_000
        if video is not None:
            for at, scene in enumerate(clips.scene("china.jpg", SECONDS, fps=25)):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(scene), format="rgb24")
                frame.pts, frame.time_base = at, Fraction(1, 25)
                container.mux(pictures.encode(frame))
            container.mux(pictures.encode(None))
        if track is not None:
            tune = sounds.faster(sounds.tune(1, SECONDS), sounds.RATE_HZ / rate)
            resampler = av.AudioResampler(track.codec_context.format.name, "mono", rate)
            size = track.codec_context.frame_size or 1024
            for start in range(0, len(tune), size):
                part = av.AudioFrame.from_ndarray(
                    tune[None, start : start + size], format="fltp", layout="mono"
                )
                part.sample_rate, part.pts = rate, start
                part.time_base = Fraction(1, rate)
                for converted in resampler.resample(part):
                    container.mux(track.encode(converted))
            container.mux(track.encode(None))


def amr(path: Path) -> None:
    """Frames of 12.2 kbit/s: a header byte, then 31 bytes, 20 ms each (RFC 4867)."""
    rng = np.random.default_rng(1)
    frames = (b"\x3c" + rng.bytes(31) for _ in range(round(SECONDS / 0.02)))
    path.write_bytes(b"#!AMR\n" + b"".join(frames))


SOUND = 44_100
MAKERS: dict[str, Maker] = {
    "image/avif": partial(picture, "AVIF"),
    "image/bmp": partial(picture, "BMP"),
    "image/gif": partial(picture, "GIF"),
    "image/heic": heic,
    "image/jp2": partial(picture, "JPEG2000"),
    "image/jpeg": partial(picture, "JPEG"),
    "image/jxl": jpeg_xl,
    "image/png": partial(picture, "PNG"),
    "image/tiff": partial(picture, "TIFF"),
    "image/webp": partial(picture, "WEBP"),
    "image/x-portable-anymap": partial(picture, "PPM"),
    "audio/aac": partial(film, "adts", None, "aac", SOUND),
    "audio/aiff": partial(plain_sound, "AIFF"),
    "audio/amr": amr,
    "audio/basic": partial(plain_sound, "AU"),
    "audio/flac": partial(plain_sound, "FLAC"),
    "audio/mp2t": partial(film, "mpegts", None, "aac", SOUND),
    "audio/mp4": partial(film, "ipod", None, "aac", SOUND),
    "audio/mpeg": partial(plain_sound, "MP3"),
    "audio/ogg": partial(plain_sound, "OGG"),
    "audio/wav": partial(plain_sound, "WAV"),
    "audio/webm": partial(film, "webm", None, "libopus", 48_000),
    "audio/x-caf": partial(plain_sound, "CAF"),
    "audio/x-flv": partial(film, "flv", None, "aac", SOUND),
    "audio/x-matroska": partial(film, "matroska", None, "flac", SOUND),
    "audio/x-mpeg-ps": partial(film, "mpeg", None, "mp2", SOUND),
    "audio/x-ms-wma": partial(film, "asf", None, "wmav2", SOUND),
    "audio/x-msvideo": partial(film, "avi", None, "ac3", SOUND),
    "audio/x-w64": partial(plain_sound, "W64"),
    "video/mp2t": partial(film, "mpegts", "libx264", "aac", SOUND),
    "video/mp4": partial(film, "mp4", "libx264", "aac", SOUND),
    "video/mpeg": partial(film, "mpeg", "mpeg2video", "mp2", SOUND),
    "video/ogg": partial(film, "ogg", "libvpx", "libopus", 48_000),
    "video/quicktime": partial(film, "mov", "libx264", "aac", SOUND),
    "video/webm": partial(film, "webm", "libvpx-vp9", "libopus", 48_000),
    "video/x-flv": partial(film, "flv", "flv", "aac", SOUND),
    "video/x-matroska": partial(film, "matroska", "libx264", "flac", SOUND),
    "video/x-ms-asf": partial(film, "asf", "wmv2", "wmav2", SOUND),
    "video/x-msvideo": partial(film, "avi", "mpeg4", "ac3", SOUND),
}


def listed() -> str:
    """The documentation of what is accepted."""
    lines = [
        "# What is accepted",
        "",
        "A file is known by its content, never by its name or what it was announced as. A",
        "container without pictures is a sound. The list is made from the code; the tests read a",
        "file of each.",
        "",
        "| Kind | Types |",
        "| --- | --- |",
    ]
    lines += [
        f"| {media_type} | {', '.join(f'`{mime}`' for mime in mimes)} |"
        for media_type, mimes in accepted().items()
    ]
    return "\n".join(lines) + "\n"


def test_every_accepted_format_has_a_file_and_is_documented() -> None:
    assert {mime for mimes in accepted().values() for mime in mimes} == set(MAKERS)
    assert DOCUMENT.read_text() == listed()


@pytest.mark.parametrize("mime", MAKERS)
def test_it_is_known_and_read(tmp_path: Path, mime: str) -> None:
    path = tmp_path / "upload"
    MAKERS[mime](path)
    found = sniff(path)
    assert found.mime == mime and mime in accepted()[found.media_type]
    if found.media_type == "image":
        assert decode_image(path).pixels.std() > 20
    elif found.media_type == "audio":
        sound = read_sound(path)
        assert sound.duration_s == pytest.approx(SECONDS, abs=0.2) and sound.samples.std() > 0.001
    else:
        video = read_video(path)
        assert video.duration_s == pytest.approx(SECONDS, abs=0.3) and len(video.samples) >= 2


if __name__ == "__main__":
    DOCUMENT.write_text(listed())
