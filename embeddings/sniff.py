"""What kind of media a file is, told from its content; the name and the declared type are never
asked.

Sources: the formats' own signatures (RFC 2083 PNG, JFIF, RIFF, ISO/IEC 14496-12 "ftyp", Matroska
    EBML, RFC 3533 Ogg).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from embeddings.errors import EmptyMedia, UnsupportedMedia

MediaType = Literal["image", "video", "audio"]
MEDIA_TYPES: tuple[MediaType, ...] = get_args(MediaType)
HEAD_BYTES = 4096
MAX_TAGS = 8  # ID3v2 tags one after another that are skipped; some programs leave two
MAX_BOXES = 64  # top-level boxes looked at in an MP4; real files have fewer than ten


@dataclass(frozen=True)
class SniffedType:
    media_type: MediaType
    mime: str


_MAGIC: tuple[tuple[bytes, MediaType, str], ...] = (
    (b"\xff\xd8\xff", "image", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image", "image/png"),
    (b"GIF87a", "image", "image/gif"),
    (b"GIF89a", "image", "image/gif"),
    (b"II*\x00", "image", "image/tiff"),
    (b"MM\x00*", "image", "image/tiff"),
    (b"\xff\x0a", "image", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image", "image/jxl"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image", "image/jp2"),
    (b"fLaC", "audio", "audio/flac"),
    (b"#!AMR", "audio", "audio/amr"),
    (b"FLV\x01", "video", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video", "video/x-ms-asf"),
    (b"\x00\x00\x01\xba", "video", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video", "video/mpeg"),
)
_RIFF: dict[bytes, tuple[MediaType, str]] = {
    b"WEBP": ("image", "image/webp"),
    b"WAVE": ("audio", "audio/wav"),
    b"AVI ": ("video", "video/x-msvideo"),
}
_IMAGE_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heic",
    b"msf1": "image/heic",
}
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"F4A ")


def sniff(path: Path) -> SniffedType:
    """Tell the media type and MIME type of a file from its content.

    Raises: EmptyMedia for 0 bytes; UnsupportedMedia for anything that is not a known picture, video
        or sound.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise EmptyMedia()
    found = (
        _by_magic(head) or _by_container(head, path) or _by_tag(head, path) or _by_frame_sync(head)
    )
    if found is None:
        raise UnsupportedMedia(_explain(head))
    return found


def _by_magic(head: bytes) -> SniffedType | None:
    for magic, media_type, mime in _MAGIC:
        if head.startswith(magic):
            return SniffedType(media_type, mime)
    # "BM" alone opens many texts; a bitmap also has a header size it may have.
    if (
        head.startswith(b"BM")
        and len(head) >= 18
        and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)
    ):
        return SniffedType("image", "image/bmp")
    if head[:2] in (b"P5", b"P6", b"P4") and head[2:3].isspace():
        return SniffedType("image", "image/x-portable-anymap")
    return None


def _by_container(head: bytes, path: Path) -> SniffedType | None:
    if head.startswith(b"RIFF") and (riff := _RIFF.get(head[8:12])):
        return SniffedType(*riff)
    if head.startswith((b"FORM",)) and head[8:12] in (b"AIFF", b"AIFC"):
        return SniffedType("audio", "audio/aiff")
    if head.startswith(b"OggS"):
        return (
            SniffedType("video", "video/ogg")
            if b"theora" in head[:512]
            else SniffedType("audio", "audio/ogg")
        )
    if head.startswith(b"\x1aE\xdf\xa3"):
        return SniffedType("video", "video/webm" if b"webm" in head[:64] else "video/x-matroska")
    if head[4:8] == b"ftyp":
        return _iso_media(head, path)
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return SniffedType("video", "video/mp2t")
    return None


def _iso_media(head: bytes, path: Path) -> SniffedType:
    size = min(int.from_bytes(head[:4], "big"), 256)
    brands = [head[8:12]] + [head[at : at + 4] for at in range(16, size, 4)]
    for brand in brands[:1] + brands:
        if brand in _IMAGE_BRANDS:
            return SniffedType("image", _IMAGE_BRANDS[brand])
    if brands[0] in _AUDIO_BRANDS or _has_sound_only(path):
        return SniffedType("audio", "audio/mp4")
    return SniffedType("video", "video/quicktime" if brands[0] == b"qt  " else "video/mp4")


def _has_sound_only(path: Path) -> bool:
    """Whether an MP4's movie box names sound tracks and no picture track (a song in an .mp4)."""
    with path.open("rb") as file:
        for _ in range(MAX_BOXES):
            header = file.read(16)
            if len(header) < 8:
                return False
            size, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if size == 1 and len(header) == 16:
                size = int.from_bytes(header[8:], "big")
            if kind == b"moov":
                movie = header + file.read(min(max(size, 0), 1 << 20))
                return b"soun" in movie and b"vide" not in movie
            if size < 8:
                return False
            file.seek(size - len(header), 1)
    return False


def _by_tag(head: bytes, path: Path) -> SniffedType | None:
    """What follows the ID3v2 tags in front, however long their pictures are: MPEG audio, unless
    it says otherwise.
    """
    if not head.startswith(b"ID3"):
        return None
    after = head
    with path.open("rb") as file:
        for _ in range(MAX_TAGS):
            if not after.startswith(b"ID3") or len(after) < 10:
                break
            # Seven bits of each byte are the size; a footer is as long as the header.
            size = sum(
                (byte & 0x7F) << shift
                for byte, shift in zip(after[6:10], (21, 14, 7, 0), strict=True)
            )
            file.seek(10 + size + (10 if after[5] & 0x10 else 0), 1)
            after = file.read(10)
            file.seek(-len(after), 1)
    if after.startswith(b"fLaC"):
        return SniffedType("audio", "audio/flac")
    return _by_frame_sync(after) or SniffedType("audio", "audio/mpeg")


def _by_frame_sync(head: bytes) -> SniffedType | None:
    """MPEG audio without a tag and AAC in ADTS have only an 11 or 12 bit sync word: accept it with
    a sane header.
    """
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0 and (head[2] >> 2) & 0x0F < 13:
        return SniffedType("audio", "audio/aac")
    layer, bitrate, rate = (head[1] >> 1) & 3, head[2] >> 4, (head[2] >> 2) & 3
    if head[1] & 0xE0 == 0xE0 and layer != 0 and bitrate not in (0, 15) and rate != 3:
        return SniffedType("audio", "audio/mpeg")
    return None


def _explain(head: bytes) -> str:
    if head.lstrip()[:5].lower() in (b"<?xml", b"<svg ") and b"<svg" in head.lower():
        return "SVG drawings are not analysed; export the picture as PNG or JPEG."
    if head.startswith(b"%PDF"):
        return (
            "This is a PDF document, not a picture, video or sound; export the page as PNG or JPEG."
        )
    if _looks_like_text(head):
        return "The content is text, whatever the file is called; send a picture, video or sound."
    return "The content is in no picture, video or sound format that is known here."


def _looks_like_text(head: bytes) -> bool:
    try:
        text = head[: HEAD_BYTES - 4].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(sign.isprintable() or sign in "\r\n\t\f" for sign in text)
