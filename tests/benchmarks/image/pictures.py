"""Fetch the real pictures that fitting and benchmark use, and split them once and for all.

    python tests/benchmarks/image/pictures.py OUT_DIR
        (needs apt-get and dpkg-deb, i.e. Debian; about
    4.2 GB)

Source: the Debian packages below, free for use with Debian. Kept: pictures of at least 256 pixels
    on the short side with structure; dropped: normal maps and other non-pictures, and whatever is
    within PDQ distance 70 of a kept one (in any of its 8 turns), so that two kept pictures are
    different pictures. Packages that other judges use (desktop wallpapers, tuxpaint, gcompris,
    openclipart, gimp-help, stellarium, wesnoth, scikit-image, scikit-learn, opencv-doc, @stdlib)
    are not among the sources.

The split is by the SHA-256 of the name inside the package's folder, so that neighbours in one
folder (frames of one animation, variants of one texture) fall on one side: half "fit", half
"bench". Nothing is ever fitted on "bench".
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pdqhash
from PIL import Image

PACKAGES = (
    "supertuxkart-data",
    "torcs-data",
    "trigger-rally-data",
    "extremetuxracer-data",
    "0ad-data",
    "flightgear-data-base",
    "megaglest-data",
    "kstars-data",
    "marble-data",
    "libreoffice-help-en-us",
    "debian-edu-doc-en",
    "hugin-data",
    "krita-data",
    "darktable",
)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tga", ".tif", ".tiff", ".dds")
MIN_BYTES, MAX_BYTES, MIN_SIDE, SAVED_SIDE = 12_000, 60_000_000, 256, 1024
MAX_PER_PACKAGE = 900
# A second round, after all packages and for the benchmark's half alone, so that what the first one
# dealt stays as it was: more of the largest package, and 0ad, whose pictures lie in an archive
# inside the package.
MORE_FROM = {"0ad-data": 600, "flightgear-data-base": 1700}
NEAR_BITS = 70
NOT_PICTURES = (
    "normal",
    "_nrm",
    "_nm.",
    "_norm",
    "specular",
    "_spec",
    "gloss",
    "heightmap",
    "lightmap",
    "_ao.",
    "bump",
    "mask",
    "alpha",
    "_ks.",
    "displace",
)


def download(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not list(folder.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True)
    return sorted(folder.glob("*.deb"))


def members(deb: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every file in the package, or in an archive inside it, that may be
    a picture.
    """
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: SIM117 - one needs the other
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".zip"):
                    yield from packed(member.name, archive.extractfile(member).read())  # type: ignore[union-attr]
                elif member.isfile() and wanted(member.name, member.size):
                    yield member.name, archive.extractfile(member).read()  # type: ignore[union-attr]


def packed(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for member in archive.infolist():
            if wanted(member.filename, member.file_size):
                yield f"{name}/{member.filename}", archive.read(member)


def wanted(name: str, size: int) -> bool:
    last = PurePosixPath(name.lower()).name
    return (
        last.endswith(SUFFIXES)
        and MIN_BYTES <= size <= MAX_BYTES
        and not any(w in last for w in NOT_PICTURES)
    )


def to_picture(raw: bytes) -> Image.Image | None:
    """Decode, composite on grey, bound the size; None for what is not a picture worth the name."""
    try:
        with Image.open(io.BytesIO(raw)) as stored:
            if min(stored.size) < MIN_SIDE or max(stored.size) > 5 * min(stored.size):
                return None
            stored.draft("RGB", (SAVED_SIDE, SAVED_SIDE))
            image = stored.convert("RGBA")
    except Exception:
        return None
    ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
    rgb = Image.alpha_composite(ground, image).convert("RGB")
    rgb.thumbnail((SAVED_SIDE, SAVED_SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(rgb).astype(np.float32)
    red, green, blue = pixels.mean(axis=(0, 1))
    if blue > 190 and abs(red - 128) < 25 and abs(green - 128) < 25:
        return None  # a normal map without the word in its name
    return rgb if pixels.mean(axis=2).std() > 18 else None


class Kept:
    """What is kept so far: hashes against near duplicates, and counts that decide the split."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.known = np.zeros((0, 256), np.uint8)
        self.counts: Counter[str] = Counter()

    def take(self, deb: Path, most: int, sides: tuple[str, ...] = ("fit", "bench")) -> None:
        """Go through one package until it has given ``most``; keep what falls on one of the
        ``sides``.
        """
        package = deb.name.split("_")[0]
        for name, raw in members(deb):
            if self.counts[package] >= most:
                break
            image = to_picture(raw)
            if image is not None and self.is_new(image):
                self.save(image, package, name, sides)
        print(package, self.counts[package], flush=True)

    def is_new(self, image: Image.Image) -> bool:
        turns, quality = pdqhash.compute_dihedral(np.asarray(image))
        if quality < 50 or (
            len(self.known)
            and min(int((self.known != turn[None]).sum(axis=1).min()) for turn in turns) < NEAR_BITS
        ):
            return False
        self.known = np.vstack([self.known, turns[0][None].astype(np.uint8)])
        return True

    def save(self, image: Image.Image, package: str, name: str, sides: tuple[str, ...]) -> None:
        folder = f"{package}/{PurePosixPath(name).parent}"
        # Packages with one flat folder are split by file, the others by folder.
        key = folder if self.counts[folder] < 60 else f"{folder}/{PurePosixPath(name).stem[:4]}"
        side = "fit" if hashlib.sha256(key.encode()).digest()[0] % 2 else "bench"
        self.counts[package] += 1
        self.counts[folder] += 1
        if side not in sides:
            return
        target = self.out / side / f"{package}-{hashlib.sha256(name.encode()).hexdigest()[:12]}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(target, quality=95)


def main(out: Path) -> None:
    debs = download(out / "debs")
    kept = Kept(out)
    for deb in debs:
        kept.take(deb, MAX_PER_PACKAGE)
    for deb in debs:
        if (package := deb.name.split("_")[0]) in MORE_FROM:
            kept.take(deb, MORE_FROM[package], ("bench",))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
