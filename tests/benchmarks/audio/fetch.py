"""Fetch the real sound that fitting and benchmark use.

    python tests/benchmarks/audio/fetch.py [OUT_DIR]
        (needs apt-get and dpkg-deb, i.e. Debian; 2.7 GB)

Source: the Debian packages below, free for use with Debian. Of each only sound is unpacked, also
    out of the archives inside them, and of 0 A.D. its translations too: they are the prose that
    espeak-ng reads. `neverball-data` holds no sound (its music is in another package, left for sets
    that judge the result). The programs that make and judge the set are installed apart: `apt-get
    install espeak-ng ffmpeg libchromaprint-tools`.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

PACKAGES = (
    "extremetuxracer-data",
    "openarena-data",
    "supertux-data",
    "supertuxkart-data",
    "torcs-data",
    "trigger-rally-data",
    "0ad-data",
)
SOUND = (".ogg", ".oga", ".wav", ".mp3", ".flac")
ARCHIVES = (".zip", ".pk3")
LANGUAGES = ("en_GB", "de", "fr", "es", "it", "nl", "pl", "cs", "pt_BR", "hu")
DEFAULT_FOLDER = Path(tempfile.gettempdir()) / "oracle-audio-benchmark"


def download(folder: Path) -> list[Path]:
    """Every package's file, fetched where it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not list(folder.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True)
    return [next(folder.glob(f"{package}_*.deb")) for package in PACKAGES]


def wanted(name: str) -> bool:
    path = PurePosixPath(name)
    if path.suffix.lower() in SOUND:
        return True
    return path.suffix == ".po" and "l10n" in path.parts and path.name.split(".")[0] in LANGUAGES


def members(deb: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of what is wanted of a package, archives inside it included."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: SIM117 - one needs the other
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is None:
                    continue
                if member.name.lower().endswith(ARCHIVES):
                    yield from inside(file, deb.parent)
                elif wanted(member.name):
                    yield member.name, file.read()


def inside(file: IO[bytes], scratch: Path) -> Iterator[tuple[str, bytes]]:
    """What is wanted of an archive that can only be read forwards: it goes through the disk (3.3
    GB for 0 A.D.).
    """
    with tempfile.TemporaryFile(dir=scratch) as copy:
        while block := file.read(1 << 22):
            copy.write(block)
        with zipfile.ZipFile(copy) as archive:
            for name in archive.namelist():
                if wanted(name):
                    yield name, archive.read(name)


def main(out: Path) -> None:
    for deb in download(out / "debs"):
        package = deb.name.split("_")[0]
        count = 0
        for name, content in members(deb):
            target = (
                out / "sources" / package / name.removeprefix("./").removeprefix("usr/share/games/")
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            count += 1
        print(package, count, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER)
