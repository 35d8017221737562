"""The benchmark's own set, in the manner of DISC21: references, edited queries, hard negatives;
made from a seed.

    python tests/benchmarks/image/bench_set.py BENCH_DIR OUT_DIR [--references 1000] [--per-cell 12]
    [--per-family 82]

Also writes OUT_DIR/contents.csv: which picture an extra reference shows; a copy found there is
neither right nor wrong. Writes OUT_DIR/references, OUT_DIR/queries and OUT_DIR/labels.csv
(query,family,strength,source; source is empty for the negatives), so that `oracle match` and any
other program can be run on the same set.

Pictures come from the "bench" half alone. 222 of them are never references: they are the
backgrounds of pasted and covered copies and the contents of the negatives, so that no negative has
a right answer. A picture that shares 25 or more SIFT inliers with another one is left out first:
the packages hold repainted variants of one texture, and whether those are copies nobody can say.
That filter is plain inlier counting, not the verification that is measured here.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from edits import HELD_OUT, TRAINED
from hard_negatives import FAMILIES, FULL, repeats_itself, structured_share
from PIL import Image, ImageOps

from embeddings.image.descriptor import CopyDescriptor
from embeddings.image.features import extract
from embeddings.image.geometry import align
from embeddings.image.raster import reduce_to, to_grey

STRENGTHS = {"weak": 0.1, "medium": 0.5, "strong": 0.9}
BACKGROUNDS, HALVES, SCENES = 40, 60, 60
STRANGERS = 222
SEED = 2027
SPLIT = Path(__file__).with_name("bench_split.json")
SAME_CONTENT_INLIERS = 25


@dataclass(frozen=True, eq=False)
class Item:
    """One query before it is written. source: the reference it was made from, "" for negatives."""

    image: Image.Image
    family: str
    strength: str
    source: str


def load(path: Path) -> Image.Image:
    return ImageOps.contain(Image.open(path).convert("RGB"), (800, 800))


def distinct(paths: list[Path]) -> list[Path]:
    """Leave out what shares content with a picture before it in the list."""
    descriptor = CopyDescriptor()
    pixels = [reduce_to(np.ascontiguousarray(np.asarray(load(path))), 512) for path in paths]
    vectors = np.concatenate(
        [descriptor.embed(pixels[i : i + 16]) for i in range(0, len(pixels), 16)]
    )
    features = [extract(to_grey(p)) for p in pixels]
    cosine = vectors @ vectors.T
    dropped: set[int] = set()
    for i in range(len(paths)):
        for j in np.argsort(-cosine[i])[1:11]:
            if j < i and j not in dropped and i not in dropped:
                found = align(features[i], features[int(j)])
                if found and found[0].inliers >= SAME_CONTENT_INLIERS:
                    dropped.add(i)
    return [path for i, path in enumerate(paths) if i not in dropped]


@dataclass(frozen=True)
class Plan:
    """Which picture plays which part."""

    references: list[Path]
    backgrounds: list[Path]
    halves: list[Path]
    scenes: list[Path]
    strangers: list[Path]


def plan(folder: Path, references: int, seed: int) -> Plan:
    """The parts as they were dealt once (bench_split.json), so that a new descriptor does not
    change the set; dealt anew where that file is absent.
    """
    if SPLIT.is_file():
        return Plan(
            **{
                part: [folder / name for name in names]
                for part, names in json.loads(SPLIT.read_text()).items()
            }
        )
    paths = sorted(folder.glob("*.jpg"))
    np.random.default_rng(seed).shuffle(paths)  # type: ignore[arg-type]
    kept = distinct(paths)
    apart, rest = kept[:STRANGERS], kept[STRANGERS:]
    a, b, c = BACKGROUNDS, BACKGROUNDS + HALVES, BACKGROUNDS + HALVES + SCENES
    return Plan(rest[:references], apart[:a], apart[a:b], apart[b:c], apart[c:])


def queries(parts: Plan, per_cell: int, seed: int) -> Iterator[Item]:
    """Edited copies: every edit at three strengths, ``per_cell`` each."""
    rng = np.random.default_rng(seed + 1)
    backgrounds = [load(path) for path in parts.backgrounds]
    for family, edit in {**TRAINED, **HELD_OUT}.items():
        for label, strength in STRENGTHS.items():
            for i in rng.choice(len(parts.references), per_cell, replace=False):
                path = parts.references[i]
                yield Item(edit(load(path), strength, rng, backgrounds), family, label, path.name)


def negatives(parts: Plan, per_family: int, seed: int) -> Iterator[tuple[Item, Image.Image, str]]:
    """(query, extra reference, reference picture that the extra one shows) of pictures that look
    like copies.
    """
    rng = np.random.default_rng(seed + 2)
    scenes = [path for path in parts.scenes if structured_share(load(path)) >= FULL]
    for family, make in FAMILIES.items():
        own = {"other_half": parts.halves, "other_viewpoint": scenes}.get(family, parts.strangers)
        for i in range(per_family):
            if family == "other_half" and i >= len(own):
                break
            content = parts.references[int(rng.integers(len(parts.references)))]
            a, b = load(own[i % len(own)]), load(content)
            query, reference = make(a, b, rng)
            if family == "other_half" and repeats_itself(query, reference):
                continue
            yield Item(query, family, "hard", ""), reference, content.name


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--references", type=int, default=1000)
    parser.add_argument("--per-cell", type=int, default=12)
    parser.add_argument("--per-family", type=int, default=82)
    args = parser.parse_args()
    (args.out / "references").mkdir(parents=True)
    (args.out / "queries").mkdir()
    parts = plan(args.folder, args.references, SEED)
    for path in parts.references:
        load(path).save(args.out / "references" / path.name, quality=95)
    with (args.out / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("query", "family", "strength", "source"))
        for number, item in enumerate(queries(parts, args.per_cell, SEED)):
            name = f"q{number:05d}.jpg"
            item.image.convert("RGB").save(args.out / "queries" / name, quality=97)
            table.writerow((name, item.family, item.strength, item.source))
        shown = [("reference", "content")]
        for number, (item, reference, content) in enumerate(
            negatives(parts, args.per_family, SEED)
        ):
            name = f"n{number:05d}.jpg"
            item.image.convert("RGB").save(args.out / "queries" / name, quality=97)
            reference.convert("RGB").save(
                args.out / "references" / f"{item.family}-{name}", quality=97
            )
            table.writerow((name, item.family, item.strength, ""))
            shown.append((f"{item.family}-{name}", content))
    with (args.out / "contents.csv").open("w", newline="") as file:
        csv.writer(file).writerows(shown)
    print(
        {
            folder.name: len(list(folder.glob("*")))
            for folder in (args.out / "references", args.out / "queries")
        }
    )


if __name__ == "__main__":
    main()
