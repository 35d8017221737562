import io
import wave
from pathlib import Path

import pytest
from PIL import Image

from embeddings.errors import EmptyMedia, UnsupportedMedia
from embeddings.sniff import sniff


def box(kind: bytes, payload: bytes) -> bytes:
    return (len(payload) + 8).to_bytes(4, "big") + kind + payload


def wav() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return buffer.getvalue()


def encoded(format_name: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), (200, 30, 40)).save(buffer, format_name)
    return buffer.getvalue()


MP4 = box(b"ftyp", b"isom\x00\x00\x02\x00isomiso2mp41")


@pytest.mark.parametrize(
    ("content", "media_type", "mime"),
    [
        (encoded("JPEG"), "image", "image/jpeg"),
        (encoded("PNG"), "image", "image/png"),
        (encoded("GIF"), "image", "image/gif"),
        (encoded("WEBP"), "image", "image/webp"),
        (encoded("BMP"), "image", "image/bmp"),
        (encoded("TIFF"), "image", "image/tiff"),
        (encoded("AVIF"), "image", "image/avif"),
        (encoded("PPM"), "image", "image/x-portable-anymap"),
        (wav(), "audio", "audio/wav"),
        (b"ID3\x04\x00" + bytes(64), "audio", "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(400), "audio", "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(400), "audio", "audio/aac"),
        (b"fLaC" + bytes(64), "audio", "audio/flac"),
        (b"OggS" + bytes(24) + b"\x01vorbis", "audio", "audio/ogg"),
        (b"OggS" + bytes(24) + b"\x80theora", "video", "video/ogg"),
        (MP4 + box(b"moov", b"....hdlr....vide...soun"), "video", "video/mp4"),
        (box(b"ftyp", b"M4A \x00\x00\x02\x00M4A isom"), "audio", "audio/mp4"),
        (box(b"ftyp", b"qt  \x00\x00\x02\x00qt  "), "video", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + bytes(64), "video", "video/webm"),
        (b"RIFF\x00\x10\x00\x00AVI LIST" + bytes(64), "video", "video/x-msvideo"),
    ],
)
def test_content_tells_the_type_whatever_the_name(
    tmp_path: Path, content: bytes, media_type: str, mime: str
) -> None:
    path = tmp_path / "holiday.txt"
    path.write_bytes(content)
    found = sniff(path)
    assert (found.media_type, found.mime) == (media_type, mime)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"just some words\n", "text"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x7fELF" + bytes(60), "no picture"),
        (b"BM is how this text begins", "text"),
        (b"PK\x03\x04" + bytes(60), "no picture"),
    ],
)
def test_what_is_no_media_is_refused_in_plain_words(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(UnsupportedMedia, match=words) as caught:
        sniff(path)
    assert caught.value.code == "media_unsupported"


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.touch()
    with pytest.raises(EmptyMedia):
        sniff(path)
