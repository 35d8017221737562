"""Damaged files from seeds: every kind of media, every way that bytes go wrong."""

import io
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from support.clips import encode, scene
from support.photos import photo
from support.sounds import encoded, tune

Damage = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Damaged:
    """One damaged file, and how it came about."""

    base: str
    damage: str
    seed: int
    content: bytes

    @property
    def name(self) -> str:
        return f"{self.base} {self.damage} {self.seed}"


def bases(folder: Path) -> dict[str, bytes]:
    """A small whole file of each container and coding that is read here."""
    picture = Image.open(io.BytesIO(photo("cat"))).convert("RGB").resize((160, 120))
    made: dict[str, bytes] = {}

    def save(name: str, image: Image.Image, kind: str, **options: object) -> None:
        out = io.BytesIO()
        image.save(out, kind, **options)
        made[name] = out.getvalue()

    save("jpeg", picture, "JPEG", quality=80)
    save("progressive", picture, "JPEG", quality=80, progressive=True)
    save("cmyk", picture.convert("CMYK"), "JPEG")
    save("png", picture, "PNG")
    save("palette", picture.quantize(32), "PNG", transparency=3)
    save("webp", picture, "WEBP")
    save("lossless webp", picture, "WEBP", lossless=True)
    save("bmp", picture, "BMP")
    save("tiff", picture, "TIFF", compression="tiff_lzw")
    save("big tiff", picture.convert("L"), "TIFF", big_tiff=True)
    save("avif", picture, "AVIF")
    frames = [picture, picture.rotate(90, expand=False), picture.transpose(0)]
    save("gif", frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80)
    save("apng", frames[0], "PNG", save_all=True, append_images=frames[1:], duration=80)
    save("moving webp", frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=80)
    moving, sound = scene("chelsea.png", 2.0), (np.asarray(tune(3, 2.0), np.float32), 11_025)
    for name, codec in (
        ("mp4", "libx264"),
        ("mov", "mpeg4"),
        ("mkv", "libx264"),
        ("avi", "mpeg4"),
        ("webm", "libvpx"),
    ):
        path = folder / f"base.{name}"
        encode(path, moving, sound=None if name == "webm" else sound, codec=codec)
        made[name] = path.read_bytes()
    for suffix in ("wav", "mp3", "flac", "ogg"):
        made[suffix] = encoded(tune(5, 3.0), suffix)
    return made


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _flip(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 4, 32))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _head(data: bytes, rng: random.Random) -> bytes:
    """Bytes of the header, where lengths and sizes are."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 2, 6))):
        out[rng.randrange(4, min(len(out), 512))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(out)


def _number(data: bytes, rng: random.Random) -> bytes:
    """A number of four or eight bytes that no writer would write, anywhere."""
    wide = rng.random() < 0.3
    value = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**64 - 1))
    form = rng.choice("<>") + ("Q" if wide else "I")
    written = struct.pack(form, value if wide else value % 2**32)
    at = rng.randrange(max(1, min(len(data), 4096) - len(written)))
    return data[:at] + written + data[at + len(written) :]


def _box(data: bytes, rng: random.Random) -> bytes:
    """The fields of a box or chunk by its name: time scales, widths, counts, lengths."""
    names = [
        *b"mdhd mvhd tkhd stsd stts stsc stsz stco ctts elst avc1 mp4a ispe ipma iloc".split(),
        *b"IHDR acTL fcTL PLTE tRNS IDAT VP8X ANIM ANMF VP8L fmt data avih strh strf".split(),
    ]
    places = [at for name in names for at in _every(data, name)]
    if not places:
        return _number(data, rng)
    at = rng.choice(places) + 4 + 4 * rng.randrange(-2, 8)
    written = struct.pack(">I", rng.choice((0, 1, 0xFF, 2**31, 2**32 - 1)))
    return data[: max(0, at)] + written + data[max(0, at) + 4 :]


def _every(data: bytes, name: bytes) -> Iterator[int]:
    at = data.find(name)
    while at >= 0:
        yield at
        at = data.find(name, at + 1)


def _hole(data: bytes, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(data)), rng.choice((16, 256, 4096))
    return data[:at] + bytes(size) + data[at + size :]


def _without(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 7, 64, 1024)) :] or b"\0"


def _twice(data: bytes, rng: random.Random) -> bytes:
    at, end = sorted((rng.randrange(len(data)), rng.randrange(len(data))))
    return data[:end] + data[at:]


def _noise(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(8, max(9, min(len(data), 2048)))
    return data[:at] + rng.randbytes(rng.choice((64, 1024))) + data[at:]


DAMAGES: dict[str, Damage] = {
    "cut": _cut,
    "flip": _flip,
    "head": _head,
    "number": _number,
    "box": _box,
    "hole": _hole,
    "without": _without,
    "twice": _twice,
    "noise": _noise,
}


def corpus(folder: Path, rounds: int) -> Iterator[Damaged]:
    """Every base under every damage, so many times; and pieces of one in another."""
    whole = bases(folder)
    for seed in range(rounds):
        for base, content in whole.items():
            for damage, work in DAMAGES.items():
                rng = random.Random(f"{base} {damage} {seed}")
                yield Damaged(base, damage, seed, work(content, rng))
            rng = random.Random(f"{base} spliced {seed}")
            other = whole[rng.choice(sorted(whole))]
            at = rng.randrange(8, len(content))
            yield Damaged(base, "spliced", seed, content[:at] + other[min(at, len(other) - 1) :])
