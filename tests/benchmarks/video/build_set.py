"""The benchmark's own set, in the manner of VSC2022 and VCSL; made from a seed.

    PYTHONPATH=tests/benchmarks/video:. python tests/benchmarks/video/build_set.py DATA PICTURES OUT
        [--per-cell 4] [--per-family 6]

DATA is from fetch.py, PICTURES the "bench" folder of tests/benchmarks/image/pictures.py. Writes
OUT/references, OUT/queries, OUT/labels.csv (query,family,strength,reference; the reference is empty
where there is none) and OUT/segments.csv
(query,reference,query_start_s,query_end_s,reference_start_s,reference_end_s).

Every photograph and every tune is used in one reference only. Which picture plays which part is
that of the picture benchmark (bench_split.json): what is shown in a reference is never background
of a copy or of a negative.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from clips import Clip, Sound, film, fitted, read_clip, read_sound, write_clip
from edits import EDITS, Copy, Pool, Segment, quote
from hard_negatives import FAMILIES, Material, Pair
from material import Photos, parts, tunes
from numpy.random import Generator

SEED = 2026
STRENGTHS = ("weak", "medium", "strong")
# made references: of photographs; of program windows, drawings and cut-outs
FILMED, SCREENS = 32, 8
SHAPES = (
    [((426, 240), 15.0)] * 6 + [((640, 360), 15.0)] * 2 + [((240, 426), 15.0), ((480, 480), 12.0)]
)
LENGTHS_S = (14.0, 40.0)
LARGE, LARGE_SHAPE, LARGE_S = 3, ((1280, 720), 12.0), 16.0
POOL_TRACKS, NEGATIVE_TRACKS = 6, 20
SHOT_MEAN_S = 4.0
PHOTOS_OF = {"same_intro": 12, "same_template": 12, "talking_head": 2, "strangers": 12}
TUNES_OF = {"same_scene": 1, "same_intro": 2, "same_template": 1}  # of the reference and for both
# of vtest.avi, seconds: three times of one day
STILL_STRETCH = ((0.0, 25.0), (27.0, 51.0), (53.0, 78.0))
CARPHONE = "real-carphone_pristine.mp4"
REAL = (
    "carphone_pristine.mp4",
    "bikes.mp4",
    "bigbuckbunny.mp4",
    "Megamind.avi",
    "tree.avi",
    "box.mp4",
    "cup.mp4",
)


@dataclass
class Tables:
    """The two label files while they are written."""

    out: Path
    labels: list[tuple[str, str, str, str]] = field(default_factory=list)
    segments: list[tuple[str, str, float, float, float, float]] = field(default_factory=list)

    def add(
        self,
        query: str,
        family: str,
        strength: str,
        reference: str,
        shared: Sequence[Segment],
        of: str,
    ) -> None:
        self.labels.append((query, family, strength, reference))
        self.segments += [(query, of, *(round(s, 3) for s in segment)) for segment in shared]

    def write(self) -> None:
        columns = {
            "labels": ("query", "family", "strength", "reference"),
            "segments": (
                "query",
                "reference",
                "query_start_s",
                "query_end_s",
                "reference_start_s",
                "reference_end_s",
            ),
        }
        for name, rows in (("labels", self.labels), ("segments", self.segments)):
            with (self.out / f"{name}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(columns[name])
                writer.writerows(rows)


def made(photos: Photos, things: Photos, tune: Path | None, number: int, rng: Generator) -> Clip:
    """A reference of photographs and one tune."""
    large = number < LARGE
    size, fps = LARGE_SHAPE if large else SHAPES[number % len(SHAPES)]
    seconds = LARGE_S if large else float(rng.uniform(*LENGTHS_S))
    frames = film(
        photos.take(round(seconds / SHOT_MEAN_S)), things.take(2), size, fps, seconds, rng
    )
    sound = None if tune is None else read_sound(tune, float(rng.uniform(5, 20)), seconds)
    return Clip(frames, fps, sound if sound is None else fitted(sound, len(frames) / fps))


def references(
    data: Path, out: Path, pictures: dict[str, Photos], music: Sequence[Path], rng: Generator
) -> Iterator[tuple[str, Clip]]:
    """Written to `out`: made clips, every eleventh without sound, then the real ones, as they
    came.
    """
    for number in range(FILMED + SCREENS):
        photos = pictures["photos" if number < FILMED else "screens"]
        silent = number % 11 == 10
        clip = made(photos, pictures["screens"], None if silent else music[number], number, rng)
        name = f"{'filmed' if number < FILMED else 'screen'}{number:03d}.mp4"
        write_clip(clip, out / name)
        yield name, clip
    for name in REAL:
        shutil.copy(data / "clips" / name, out / f"real-{name}")
        yield f"real-{name}", read_clip(data / "clips" / name, fps=15.0)
    clip = read_clip(data / "clips" / "vtest.avi").part(*STILL_STRETCH[0])
    write_clip(clip, out / "real-vtest.mp4")
    yield "real-vtest.mp4", clip


def copies(
    kept: dict[str, Clip], pool: Pool, per_cell: int, rng: Generator
) -> Iterator[tuple[str, str, str, Copy]]:
    """(family, strength, reference, copy), every edit at three strengths."""
    for family, edit in EDITS.items():
        heard = family == "only_sound"
        fit = [
            n
            for n, c in kept.items()
            if (c.sound is not None or not heard) and 7 <= c.duration_s <= 30
        ]
        for level, strength in enumerate(STRENGTHS):
            for name in rng.choice(fit, per_cell, replace=False):
                yield family, strength, str(name), edit(kept[str(name)], level, rng, pool)


def negatives(
    data: Path,
    pictures: dict[str, Photos],
    music: Sequence[Path],
    pool: Pool,
    per_family: int,
    rng: Generator,
) -> Iterator[tuple[str, Pair]]:
    """(family, pair). A query's own tune is one that is in no reference, a reference's own is in
    no other clip.
    """
    apart = [sound for sound in (read_sound(path, 8, 30) for path in music) if sound is not None]
    for family, make in FAMILIES.items():
        for _ in range(per_family):
            heard = TUNES_OF.get(family, 0)
            sounds = [pool.track(30, rng), *(apart.pop() for _ in range(heard))] if heard else []
            scenes = pictures["scenes"].take(4) if family == "same_scene" else []
            photos = pictures["screens"].take(PHOTOS_OF.get(family, 0))
            things = pictures["screens"].take(2)
            yield family, make(Material(scenes, photos, things, tuple(sounds)), rng)
    still = read_clip(data / "clips" / "vtest.avi")
    for start_s, end_s in STILL_STRETCH[1:]:
        yield "same_scene", Pair(still.part(start_s, end_s), None)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("data", "pictures", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--per-cell", type=int, default=4)
    parser.add_argument("--per-family", type=int, default=5)
    args = parser.parse_args()
    originals, queries = (args.out / part for part in ("references", "queries"))
    for folder in (originals, queries):
        folder.mkdir(parents=True)
    rng = np.random.default_rng(SEED)
    pictures = parts(args.pictures, rng)
    music = tunes(args.data / "music", rng)
    apart, shown = music[: POOL_TRACKS + NEGATIVE_TRACKS], music[POOL_TRACKS + NEGATIVE_TRACKS :]
    tables = Tables(args.out)
    kept = dict(references(args.data, originals, pictures, shown, rng))
    print(len(kept), "references", flush=True)
    pool = make_pool(pictures["backgrounds"], apart[:POOL_TRACKS], rng)
    for number, (family, strength, reference, copy) in enumerate(
        copies(kept, pool, args.per_cell, rng)
    ):
        query = f"q{number:04d}{copy.suffix}"
        write_clip(copy.clip, queries / query, **copy.encoding)  # type: ignore[arg-type]
        tables.add(query, family, strength, reference, copy.segments, reference)
    shutil.copy(args.data / "clips" / "carphone_distorted.mp4", queries / "q-carphone.mp4")
    seconds = kept[CARPHONE].duration_s
    tables.add(
        "q-carphone.mp4", "reencode", "strong", CARPHONE, [(0, seconds, 0, seconds)], CARPHONE
    )
    print(len(tables.labels), "copies", flush=True)
    quoted = [name for name, clip in kept.items() if clip.duration_s >= 12 and clip.size[0] < 1000]
    for number, name in enumerate(rng.choice(quoted, args.per_family, replace=False)):
        copy = quote(kept[str(name)], rng, pool)
        write_clip(copy.clip, queries / f"p{number:04d}.mp4")
        tables.add(f"p{number:04d}.mp4", "quote", "partial", "", copy.segments, str(name))
    kept.clear()
    pairs = negatives(args.data, pictures, apart[POOL_TRACKS:], pool, args.per_family, rng)
    for number, (family, pair) in enumerate(pairs):
        query, reference = f"n{number:04d}.mp4", f"{family}-n{number:04d}.mp4"
        write_clip(pair.query, queries / query)
        if pair.reference is not None:
            write_clip(pair.reference, originals / reference)
        tables.add(query, family, "hard", "", pair.shared, reference)
    tables.write()
    print({folder.name: len(list(folder.iterdir())) for folder in (originals, queries)})


def make_pool(photos: Photos, music: Sequence[Path], rng: Generator) -> Pool:
    """Other people's videos: two minutes of them."""
    sounds: list[Sound] = [
        sound for sound in (read_sound(path, 10, 90) for path in music) if sound is not None
    ]
    films = []
    for sound in sounds:
        frames = film(photos.take(5), photos.take(1), (426, 240), 15.0, 20.0, rng)
        films.append(Clip(frames, 15.0, fitted(sound, 20.0)))
    return Pool(films, photos.take(4), sounds)


if __name__ == "__main__":
    main()
