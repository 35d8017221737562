"""Hash every video of the set with vPDQ and videohash, for bench.py to compare with.

    PEERS/bin/python tests/benchmarks/video/peers.py SET OUT.json

Needs a Python with the packages vpdq (which builds against libavcodec-dev, libavformat-dev,
libavutil-dev, libswscale-dev, libavdevice-dev and libavfilter-dev), videohash (installed with
--no-deps), ImageHash, imagedominantcolor and imageio-ffmpeg (for the ffmpeg that videohash calls).
Both as published: one frame a second.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import vpdq


def spent_s() -> float:
    """CPU seconds of this process and of what it waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def frames(path: Path) -> list[tuple[float, int, str]]:
    """(time in s, quality 0..100, 256-bit hash in hex) of one frame a second."""
    return [(f.timestamp, f.quality, f.hex) for f in vpdq.computeHash(str(path), thread_count=1)]


def one_hash(path: Path, work: str) -> str | None:
    """64 bits in hex for the whole video; None where videohash gives up."""
    from videohash import VideoHash  # reads PATH when imported

    folder = tempfile.mkdtemp(dir=work)  # it deletes the folder that it is given
    try:
        return str(VideoHash(path=str(path), storage_path=f"{folder}/").hash_hex)
    # whatever it raises, the set goes on and the file counts as not found
    except Exception as error:
        print(path.name, type(error).__name__, error, file=sys.stderr)
        return None


def main(folder: Path, out: Path) -> None:
    made: dict[str, dict[str, Any]] = json.loads(out.read_text()) if out.is_file() else {}
    cpu_s = made.setdefault("cpu_s", {"vpdq": 0.0, "videohash": 0.0})
    with tempfile.TemporaryDirectory(prefix="peers-") as work:
        (Path(work) / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        os.environ["PATH"] = f"{work}:{os.environ['PATH']}"
        hashers: dict[str, Callable[[Path], Any]] = {
            "vpdq": frames,
            "videohash": lambda path: one_hash(path, work),
        }
        for peer, hashed in hashers.items():
            known = made.setdefault(peer, {})
            for path in sorted(
                [*(folder / "references").iterdir(), *(folder / "queries").iterdir()]
            ):
                name = f"{path.parent.name}/{path.name}"
                if name not in known:
                    start = spent_s()
                    known[name] = hashed(path)
                    cpu_s[peer] += spent_s() - start
                    # so that a run that was stopped goes on where it was
                    out.write_text(json.dumps(made))
    print({name: round(seconds) for name, seconds in cpu_s.items()}, "CPU s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
