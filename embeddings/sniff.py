"""What kind of media a file is, told from its content; the name and the declared type are never
asked. A container that may hold either is a video where it has a picture track, else a sound.

Sources: the formats' own signatures (RFC 2083 PNG, JFIF, RIFF, EBU Tech 3306 RF64, ISO/IEC 14496-12
    "ftyp", Matroska EBML, RFC 3533 Ogg, ISO/IEC 11172-3 frame headers).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from embeddings.containers import has_picture_track
from embeddings.errors import EmptyMedia, UnsupportedMedia

MediaType = Literal["image", "video", "audio"]
MEDIA_TYPES: tuple[MediaType, ...] = get_args(MediaType)
HEAD_BYTES = 4096
MAX_TAGS = 8  # ID3v2 tags one after another that are skipped; some programs leave two
# a recording cut from a stream starts inside a frame, some files with a block of zeros
SCAN_BYTES = 1 << 18
FRAMES_IN_A_ROW = 4


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
    (b"II+\x00", "image", "image/tiff"),  # BigTIFF
    (b"MM\x00+", "image", "image/tiff"),
    (b"\xff\x0a", "image", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image", "image/jxl"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image", "image/jp2"),
    (b"fLaC", "audio", "audio/flac"),
    (b"#!AMR", "audio", "audio/amr"),
    (b"caff", "audio", "audio/x-caf"),
    (b".snd", "audio", "audio/basic"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", "audio", "audio/x-w64"),
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
# What a container of each kind is called where it holds no picture track.
_SOUND_ONLY = {
    "video/mp2t": "audio/mp2t",
    "video/mp4": "audio/mp4",
    "video/mpeg": "audio/x-mpeg-ps",
    "video/ogg": "audio/ogg",
    "video/quicktime": "audio/mp4",
    "video/webm": "audio/webm",
    "video/x-flv": "audio/x-flv",
    "video/x-matroska": "audio/x-matroska",
    "video/x-ms-asf": "audio/x-ms-wma",
    "video/x-msvideo": "audio/x-msvideo",
}

# Found by more than their first bytes.
_BY_STRUCTURE: tuple[tuple[MediaType, str], ...] = (
    ("image", "image/bmp"),
    ("image", "image/x-portable-anymap"),
    ("audio", "audio/aac"),
    ("audio", "audio/aiff"),
    ("audio", "audio/mpeg"),
)
_WITH_PICTURES = {"audio/mp4": "video/mp4", "audio/ogg": "video/ogg"}
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"F4A ")
_LOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
# kbit/s by layer: of MPEG-1, and of the lower rates of MPEG-2 and 2.5
_KBITS = (
    (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
_KBITS_LOW = ((32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256), _LOW, _LOW)


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
        _by_magic(head)
        or _by_container(head)
        or _by_tag(head, path)
        or _by_frame_sync(head)
        or _by_frames(path)
    )
    if found is None:
        raise UnsupportedMedia(_explain(head))
    if found.mime in _SOUND_ONLY or found.mime in _WITH_PICTURES:
        pictures = has_picture_track(path, found.mime)
        if pictures is False and found.mime in _SOUND_ONLY:
            return SniffedType("audio", _SOUND_ONLY[found.mime])
        if pictures and found.mime in _WITH_PICTURES:
            return SniffedType("video", _WITH_PICTURES[found.mime])
    return found


def accepted() -> dict[MediaType, tuple[str, ...]]:
    """The MIME types that are accepted, by media type, in the order of their names."""
    found: set[tuple[MediaType, str]] = {(media_type, mime) for _, media_type, mime in _MAGIC}
    found |= set(_RIFF.values()) | {("image", mime) for mime in _IMAGE_BRANDS.values()}
    found |= {("video", mime) for mime in _SOUND_ONLY}
    found |= {("audio", mime) for mime in _SOUND_ONLY.values()} | set(_BY_STRUCTURE)
    return {
        media_type: tuple(sorted(mime for kind, mime in found if kind == media_type))
        for media_type in MEDIA_TYPES
    }


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


def _by_container(head: bytes) -> SniffedType | None:
    if head.startswith((b"RIFF", b"RF64", b"BW64")) and (riff := _RIFF.get(head[8:12])):
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
        return _iso_media(head)
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return SniffedType("video", "video/mp2t")
    return None


def _iso_media(head: bytes) -> SniffedType:
    size = min(int.from_bytes(head[:4], "big"), 256)
    brands = [head[8:12]] + [head[at : at + 4] for at in range(16, size, 4)]
    for brand in brands[:1] + brands:
        if brand in _IMAGE_BRANDS:
            return SniffedType("image", _IMAGE_BRANDS[brand])
    if brands[0] in _AUDIO_BRANDS:
        return SniffedType("audio", "audio/mp4")
    return SniffedType("video", "video/quicktime" if brands[0] == b"qt  " else "video/mp4")


def _by_tag(head: bytes, path: Path) -> SniffedType | None:
    """What follows the ID3v2 and APEv2 tags in front, however long their pictures are: MPEG audio,
    unless it says otherwise.
    """
    if not head.startswith((b"ID3", b"APETAGEX")):
        return None
    after = head
    with path.open("rb") as file:
        for _ in range(MAX_TAGS):
            size = _tag_size(after)
            if not size:
                break
            file.seek(size, 1)
            after = file.read(32)
            file.seek(-len(after), 1)
    if after.startswith(b"fLaC"):
        return SniffedType("audio", "audio/flac")
    return _by_frame_sync(after) or SniffedType("audio", "audio/mpeg")


def _tag_size(head: bytes) -> int:
    """Bytes of the tag that a file starts with, 0 where there is none."""
    if head.startswith(b"ID3") and len(head) >= 10:
        # Seven bits of each byte are the size; a footer is as long as the header.
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
        )
        return 10 + size + (10 if head[5] & 0x10 else 0)
    if head.startswith(b"APETAGEX") and len(head) >= 32:
        return 32 + int.from_bytes(head[12:16], "little")
    return 0


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


def _by_frames(path: Path) -> SniffedType | None:
    """MPEG audio that starts with half a frame or with zeros: frames that follow one another."""
    with path.open("rb") as file:
        head = file.read(SCAN_BYTES).lstrip(b"\0")
        if len(head) < HEAD_BYTES:  # zeros and more zeros: what follows them
            head += file.read(SCAN_BYTES)
    at = head.find(b"\xff")
    while 0 <= at < SCAN_BYTES:
        end, frames = at, 0
        while frames < FRAMES_IN_A_ROW and (size := _frame_size(head[end : end + 4])):
            end, frames = end + size, frames + 1
        if frames == FRAMES_IN_A_ROW:
            return SniffedType("audio", "audio/mpeg")
        at = head.find(b"\xff", at + 1)
    return None


def _frame_size(header: bytes) -> int:
    """Bytes of an MPEG audio frame by its header, 0 where it is none (ISO/IEC 11172-3, 13818-3)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = (header[1] >> 3) & 3, 4 - ((header[1] >> 1) & 3)  # 3 is MPEG-1
    bitrate, rate, padding = header[2] >> 4, (header[2] >> 2) & 3, (header[2] >> 1) & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0
    table = _KBITS[layer - 1] if version == 3 else _KBITS_LOW[layer - 1]
    hz = (44_100, 48_000, 32_000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12_000 * table[bitrate - 1] // hz + padding) * 4
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples // 8 * 1000 * table[bitrate - 1] // hz + padding


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
