"""Fetch the real pictures that fitting and benchmark use, and split them once and for all.

    python tests/benchmarks/image/pictures.py OUT_DIR        (needs apt-get and dpkg-deb, i.e. Debian; about
    4.2 GB)

Source: the Debian packages below, free for use with Debian. Kept: pictures of at least 256 pixels on the
short side with structure; dropped: normal maps and other non-pictures, and whatever is within PDQ distance 70
of a kept one (in any of its 8 turns), so that two kept pictures are different pictures. Packages that other
judges use (desktop wallpapers, tuxpaint, gcompris, openclipart, gimp-help, stellarium, wesnoth, scikit-image,
scikit-learn, opencv-doc, @stdlib) are not among the sources.

The split is by the SHA-256 of the name inside the package's folder, so that neighbours in one folder (frames
of one animation, variants of one texture) fall on one side: half "fit", half "bench". Nothing is ever fitted
on "bench".
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pdqhash
from PIL import Image

PACKAGES = ("supertuxkart-data", "torcs-data", "trigger-rally-data", "extremetuxracer-data", "0ad-data",
            "flightgear-data-base", "megaglest-data", "kstars-data", "marble-data", "libreoffice-help-en-us",
            "debian-edu-doc-en", "hugin-data", "krita-data", "darktable")  # fmt: skip
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tga", ".tif", ".tiff")
MIN_BYTES, MAX_BYTES, MIN_SIDE, SAVED_SIDE = 12_000, 60_000_000, 256, 1024
MAX_PER_PACKAGE = 900
NEAR_BITS = 70
NOT_PICTURES = ("normal", "_nrm", "_nm.", "_norm", "specular", "_spec", "gloss", "heightmap", "lightmap", "_ao.",
                "bump", "mask", "alpha", "_ks.", "displace")  # fmt: skip


def download(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not list(folder.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True)
    return sorted(folder.glob("*.deb"))


def members(deb: Path):  # type: ignore[no-untyped-def]
    """Yield (name, bytes) of every file in the package that may be a picture."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: SIM117 - one needs the other
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                name = member.name.lower()
                if not (member.isfile() and name.endswith(SUFFIXES) and MIN_BYTES <= member.size <= MAX_BYTES):
                    continue
                if any(word in PurePosixPath(name).name for word in NOT_PICTURES):
                    continue
                file = archive.extractfile(member)
                if file is not None:
                    yield member.name, file.read()


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


def main(out: Path) -> None:
    debs = download(out / "debs")
    known = np.zeros((0, 256), np.uint8)
    counts: Counter[str] = Counter()
    for deb in debs:
        package = deb.name.split("_")[0]
        for name, raw in members(deb):
            if counts[package] >= MAX_PER_PACKAGE:
                break
            image = to_picture(raw)
            if image is None:
                continue
            turns, quality = pdqhash.compute_dihedral(np.asarray(image))
            if quality < 50 or (
                len(known) and min(int((known != turn[None]).sum(axis=1).min()) for turn in turns) < NEAR_BITS
            ):
                continue
            known = np.vstack([known, turns[0][None].astype(np.uint8)])
            folder = f"{package}/{PurePosixPath(name).parent}"
            # Packages with one flat folder are split by file, the others by folder.
            key = folder if counts[folder] < 60 else f"{folder}/{PurePosixPath(name).stem[:4]}"
            side = "fit" if hashlib.sha256(key.encode()).digest()[0] % 2 else "bench"
            target = out / side / f"{package}-{hashlib.sha256(name.encode()).hexdigest()[:12]}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target, quality=95)
            counts[package] += 1
            counts[folder] += 1
        print(package, counts[package], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
