"""What a minute of 720p costs, and what three hours take in memory.

    PYTHONPATH=tests/benchmarks/video:. python tests/benchmarks/video/cost.py minute SET [--times 5]
        [--readings DIR] [--original]
    PYTHONPATH=tests/benchmarks/video:. python tests/benchmarks/video/cost.py hours SET [--hours 3]

minute: CPU seconds of the whole path (read, search, verify against all references of SET) beside
those of bare decoding (every frame, nothing kept) and embedding (one vector a second) of the same
file, in turns. The clip is cut from five of SET's references, all of which are then verified; with
--original from five strangers.
hours: the 720p references repeated without re-encoding for that long, read in a process of its own;
its largest resident memory, and that of the same process before it read anything.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np
from clips import Clip, joined, read_clip, write_clip
from ours import Ours, make_analyzer, make_kind

from embeddings.image.descriptor import CopyDescriptor
from oracle.originality.folder_match import scratch_database

SIZE, FPS, SECONDS, BATCH = (1280, 720), 24.0, 60.0, 16
TURN_S = SECONDS + 1.0  # encoders start early and end late: packets of two turns must not overlap


def make_minute(sources: list[Path], path: Path) -> None:
    """A minute at 720p and 24 frames a second: twelve seconds of each source, with sound."""
    parts: list[Clip] = []
    for source in sources:
        parts.append(read_clip(source).part(0, 12))
        if sum(part.duration_s for part in parts) >= SECONDS:
            break
    write_clip(joined(parts, SIZE, FPS).part(0, SECONDS), path)


def sources(folder: Path, original: bool) -> list[Path]:
    """References, or queries of the family "strangers", which are in none."""
    if not original:
        return sorted((folder / "references").glob("filmed*.mp4"))
    with (folder / "labels.csv").open() as file:
        return [
            folder / "queries" / row["query"]
            for row in csv.DictReader(file)
            if row["family"] == "strangers"
        ]


def bare(path: Path, descriptor: CopyDescriptor) -> tuple[float, float]:
    """CPU seconds of decoding every frame and taking one a second in RGB; of embedding those."""
    start, kept, due = time.process_time(), [], 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= due:
                kept.append(frame.to_ndarray(format="rgb24"))
                due += 1.0
    between = time.process_time()
    small = [
        np.asarray(cv2.resize(frame, (512, 288), interpolation=cv2.INTER_AREA), np.uint8)
        for frame in kept
    ]
    for at in range(0, len(small), BATCH):
        descriptor.embed(small[at : at + BATCH])
    return between - start, time.process_time() - between


def minute(folder: Path, times: int, readings: Path | None, original: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="video-cost-") as work, scratch_database() as db:
        path = Path(work) / "minute.mp4"
        make_minute(sources(folder, original), path)
        ours, descriptor = Ours(db, readings), CopyDescriptor()
        for reference in sorted((folder / "references").iterdir()):
            ours.add(reference, ours.read(reference, search=False))
        ours.readings = None
        rows: list[tuple[float, float, float]] = []
        for _ in range(times):
            decode_s, embed_s = bare(path, descriptor)
            ours.clock.cpu_s.clear()
            start = time.process_time()
            answers = ours.ask(
                ours.read(path, search=True), hashlib.sha256(path.read_bytes()).digest()
            )
            rows.append(
                (decode_s, embed_s, time.process_time() - start + ours.clock.cpu_s["database"])
            )
            print(
                {name: round(s, 2) for name, s in ours.clock.cpu_s.items()},
                f"bare {decode_s:.2f} + {embed_s:.2f}",
                f"whole {rows[-1][2]:.2f}",
                f"{sum(a.verified for a in answers)} proven",
                flush=True,
            )
    ratios = [whole / (decode_s + embed_s) for decode_s, embed_s, whole in rows]
    print(
        f"whole / (bare decode + embed): median {statistics.median(ratios):.2f}, {min(ratios):.2f}"
        f" to {max(ratios):.2f}"
    )


def make_hours(folder: Path, path: Path, hours: float) -> None:
    """Encoded packets of one minute again and again, with rising times."""
    minute_path = path.with_name("minute.mp4")
    make_minute(sources(folder, original=False), minute_path)
    with av.open(str(minute_path)) as source, av.open(str(path), "w") as target:
        both = (source.streams.video[0], source.streams.audio[0])
        streams = {stream.index: target.add_stream_from_template(stream) for stream in both}
        for turn in range(round(hours * 3600 / TURN_S)):
            source.seek(0)
            for packet in source.demux():
                if packet.dts is None or packet.pts is None:
                    continue
                assert packet.time_base is not None
                shift = round(turn * TURN_S / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream.index]
                target.mux(packet)


def peak_mib() -> float:
    """Largest resident memory of this process.

    Not from getrusage: that starts at what the parent held.
    """
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmHWM:")[1].split()[0]) / 1024


def read_alone(path: Path, result: multiprocessing.Queue[tuple[float, float, float, int]]) -> None:
    """In a process of its own: MiB before, MiB at most, CPU seconds, keyframes."""
    kind = make_kind(make_analyzer())
    before = peak_mib()
    start = time.process_time()
    extraction = kind.extract(path)
    result.put(
        (before, peak_mib(), time.process_time() - start, len(extraction.fingerprint.frames))
    )


def long(folder: Path, hours: float) -> None:
    with tempfile.TemporaryDirectory(prefix="video-cost-") as work:
        path = Path(work) / "hours.mp4"
        make_hours(folder, path, hours)
        spawn = multiprocessing.get_context("spawn")
        result = spawn.Queue()
        reader = spawn.Process(target=read_alone, args=(path, result))
        reader.start()
        before, after, cpu_s, count = result.get()
        reader.join()
        print(
            f"{hours:g} h, {path.stat().st_size / 2**20:.0f} MiB: {before:.0f} MiB before,"
            f" {after:.0f} MiB at most, {cpu_s:.0f} CPU s, {count} keyframes"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("minute", "hours"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--readings", type=Path)
    parser.add_argument("--original", action="store_true")
    parser.add_argument("--hours", type=float, default=3.0)
    args = parser.parse_args()
    if args.what == "minute":
        minute(args.folder, args.times, args.readings, args.original)
    else:
        long(args.folder, args.hours)


if __name__ == "__main__":
    main()
