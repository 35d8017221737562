"""The benchmark's own set, from a seed: what is registered, edited queries, strangers, and what
fitting may use.

    python tests/benchmarks/audio/build_set.py SOUNDS_DIR
        (after fetch.py; needs ffmpeg and espeak-ng; 12 minutes)

Writes SOUNDS_DIR/fit (for calibration), SOUNDS_DIR/never (the negative part: never registered, cut
into windows by false_matches.py), and SOUNDS_DIR/set with references/, queries/, references.csv and
labels.csv. A label with no source is a negative; `expected` says what the right answer is: a copy,
a part (never more than a partial match), or nothing.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from itertools import chain
from pathlib import Path

import numpy as np
from catalogue import PARTS, SEED, pinned, spoken
from edits import ROWS, Edited, Pool, faster, with_pink
from made import SYNTHETIC
from sounds import RATE, Signal, add, level, load, rms, save

PER_LENGTH = {5: 12, 10: 24, 30: 8}
KINDS = {"music": 0.6, "speech": 0.25, "effect": 0.15}
LEADS_S = 0.25  # an excerpt ends at least so long before the reference does
AUDIBLE = 0.004  # -48 dB of full scale
POOL_SONGS, POOL_VOICES = 16, 16


@dataclass(frozen=True)
class Reference:
    """One registered work."""

    name: str
    kind: str
    family: str
    title: str
    duration_s: float


@dataclass(frozen=True)
class Label:
    """One query: what was done to what. Reference time = start_s + speed x query time."""

    query: str
    edit: str
    length_s: int
    kind: str
    expected: str
    source: str = ""
    start_s: float = 0.0
    speed: float = 1.0
    second: str = ""
    second_start_s: float = 0.0


def lay_out(folder: Path) -> list[Reference]:
    """Copy and speak everything to where its part lives. Returns: the registered works."""
    parts, speech = pinned(folder / "sources"), spoken(folder / "sources")
    references = []
    for part in PARTS:
        target = folder / {"fit": "fit", "reference": "set/references", "negative": "never"}[part]
        target.mkdir(parents=True, exist_ok=True)
        letter = part[0]
        for number, sound in enumerate(parts[part]):
            name = f"{letter}{number:03d}-{sound.kind}{sound.path.suffix.lower()}"
            shutil.copyfile(sound.path, target / name)
            references.append(
                Reference(name, sound.kind, sound.family, sound.path.name, sound.duration_s)
            )
        for number, one in enumerate(speech[part]):
            name = f"{letter}{number:03d}-speech.wav"
            if not (target / name).is_file():
                one.speak(target / name)
            seconds = (target / name).stat().st_size / 2 / RATE
            references.append(
                Reference(name, "speech", name, f"{one.language}+{one.variant}", seconds)
            )
    return [r for r in references if r.name.startswith("r")]


class Excerpts:
    """Draws stretches of registered works."""

    def __init__(self, folder: Path, references: list[Reference], rng: np.random.Generator) -> None:
        self.folder, self.references, self.rng = folder, references, rng

    def draw(
        self, kind: str, length_s: float, speed: float = 1.0
    ) -> tuple[Reference, float, Signal]:
        """(work, start, sound) of an audible stretch; shorter where the reference will run
        faster.
        """
        needed = length_s * max(speed, 1.0) + LEADS_S
        fitting = [r for r in self.references if r.kind == kind and r.duration_s > needed]
        while True:
            work = fitting[int(self.rng.integers(len(fitting)))]
            start = round(float(self.rng.uniform(0, work.duration_s - needed)), 3)
            sound = load(self.folder / work.name, start, length_s * speed)
            halves = np.array_split(sound, 4)
            if min(rms(part) for part in halves) > AUDIBLE:
                return work, start, sound


def kinds_of(count: int) -> list[str]:
    """``count`` kinds in the shares of KINDS."""
    bounds = np.round(np.cumsum([0, *KINDS.values()]) * count).astype(int)
    return [
        kind for kind, a, b in zip(KINDS, bounds, bounds[1:], strict=False) for _ in range(b - a)
    ]


def copies(draw: Excerpts, pool: Pool) -> Iterator[tuple[Label, Edited]]:
    """Every edit at every length."""
    for edit, row in ROWS.items():
        for length, count in PER_LENGTH.items():
            for kind in kinds_of(count):
                work, start, sound = draw.draw(kind, length, row.speed)
                yield (
                    Label("", edit, length, kind, "copy", work.name, start, row.speed),
                    row.edit(sound, pool),
                )


def composites(draw: Excerpts, pool: Pool) -> Iterator[tuple[Label, Edited]]:
    """Several works in one file, and works of which only a part is somebody else's."""
    for _ in range(24):
        (a, start, x), (b, other, y) = draw.draw("music", 10), draw.draw("music", 10)
        if a.family != b.family:
            label = Label(
                "",
                "two registered songs mixed",
                10,
                "music",
                "copy",
                a.name,
                start,
                1.0,
                b.name,
                other,
            )
            yield label, Edited(add(x, y, 0))
    for _ in range(24):
        (a, start, x), (b, other, y) = draw.draw("music", 15), draw.draw("music", 15)
        if a.family != b.family:
            # The second one begins 15 s into the query.
            label = Label(
                "",
                "two registered songs spliced",
                30,
                "music",
                "copy",
                a.name,
                start,
                1.0,
                b.name,
                other - 15,
            )
            yield label, Edited(np.concatenate([x, y]))
    for _ in range(24):
        a, _, x = draw.draw("short", 1.6)
        bed = pool.stretch(pool.songs, 30 * RATE).copy()
        effect = load(draw.folder / a.name)
        for at in pool.rng.integers(0, len(bed) - len(effect), 2):
            bed[at : at + len(effect)] += effect * (2 * rms(bed) / rms(x))
        yield (
            Label("", "stock effect in a new song", 30, "short", "part", a.name),
            Edited(level(bed)),
        )
    for _ in range(24):
        a, start, x = draw.draw("music", 4)
        bed = pool.stretch(pool.songs, 30 * RATE).copy()
        for at in (5 * RATE, 17 * RATE):
            bed[at : at + len(x)] = x * (rms(bed) / rms(x))
        yield (
            Label("", "4 s sample in a new song", 30, "music", "part", a.name, start),
            Edited(level(bed)),
        )


def strangers(folder: Path, pool: Pool) -> Iterator[tuple[Label, Edited]]:
    """Never registered: music, speech by registered voices, effects, and what machines make."""
    rng = pool.rng
    never = {
        kind: sorted((folder / "never").glob(f"*-{kind}.*"))
        for kind in ("music", "speech", "effect", "short")
    }
    for number in range(300):
        kind = ("music", "music", "music", "speech", "effect")[number % 5]
        length = (5, 10, 30)[number // 5 % 3]
        path = never[kind][int(rng.integers(len(never[kind])))]
        sound = load(path)
        start = int(rng.integers(max(1, len(sound) - length * RATE)))
        x = sound[start : start + length * RATE]
        edit = number % 4
        edited = (Edited(x), with_pink(x, pool, snr_db=5), faster(x, pool, factor=1.03), Edited(x))[
            edit
        ]
        yield Label("", f"stranger: {kind}", length, kind, "nothing"), edited
    for name, make in SYNTHETIC.items():
        for length in (5, 10, 30):
            for _ in range(2):
                yield (
                    Label("", f"machine: {name}", length, "made", "nothing"),
                    Edited(make(rng, length)),
                )


def main(folder: Path) -> None:
    references = lay_out(folder)
    target = folder / "set"
    with (target / "references.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([f.name for f in fields(Reference)])
        table.writerows(astuple(r) for r in references)
    shutil.rmtree(target / "queries", ignore_errors=True)
    (target / "queries").mkdir()
    rng = np.random.default_rng(SEED)
    songs = [
        s for p in sorted((folder / "never").glob("*-music.*")) if len(s := load(p)) > 40 * RATE
    ][:POOL_SONGS]
    voices = [load(p) for p in sorted((folder / "never").glob("*-speech.*"))[:POOL_VOICES]]
    pool = Pool(rng, songs, voices)
    draw = Excerpts(target / "references", references, rng)
    with (target / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([f.name for f in fields(Label)])
        made = chain(copies(draw, pool), composites(draw, pool), strangers(folder, pool))
        for number, (label, edited) in enumerate(made):
            name = f"q{number:05d}{edited.suffix}"
            if edited.signal is None:
                (target / "queries" / name).write_bytes(edited.content)
            else:
                save(target / "queries" / name, edited.signal)
            table.writerow((name, *astuple(label)[1:]))
    print(len(references), "references", number + 1, "queries")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
