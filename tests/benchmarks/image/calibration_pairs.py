"""Step 1 of calibration: the raw scores of labelled pairs made from the "fit" pictures.

    python tests/benchmarks/image/calibration_pairs.py FIT_DIR OUT.json [NULL_PICTURES] [HARD]
    [COPIES] [SEED]

Null: every pair of NULL_PICTURES different pictures (790 give 311 655). Hard: HARD pairs of each
family of hard negatives, twice as many of the four that come closest. Copies: COPIES of every
trained edit at three strengths. What is
written: one row of scores for each pair, of the alignment that the present table likes best; the
null keeps a row only where anything aligned, and counts the rest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from edits import TRAINED
from hard_negatives import FAMILIES, FULL, repeats_itself, structured_share
from PIL import Image, ImageOps

from embeddings.image.calibration import load_calibration
from embeddings.image.decode import Picture
from embeddings.image.detail import low_information
from embeddings.image.prepared import Prepared, prepare
from embeddings.image.raster import decode_proxy, encode_proxy
from embeddings.image.verify import verify_pair

TABLE = load_calibration()
CLOSEST = ("same_program", "same_watermark", "other_viewpoint", "text_cards")
STRENGTHS = (0.1, 0.5, 0.9)
BACKGROUNDS = 40


def load(path: Path) -> Image.Image:
    return ImageOps.contain(Image.open(path).convert("RGB"), (640, 640))


def prepared(image: Image.Image) -> Prepared:
    pixels = np.ascontiguousarray(np.asarray(image.convert("RGB")))
    picture = Picture(
        pixels=pixels, width=image.width, height=image.height, format="", mime="", mode="", notes=()
    )
    return prepare(decode_proxy(encode_proxy(picture)))


def row(
    kind: str, family: str, names: tuple[str, str], query: Prepared, reference: Prepared
) -> dict[str, Any]:
    match = verify_pair(query, reference, TABLE)
    scores = {name: round(float(value), 5) for name, value in match.scores.items()}
    return {
        "kind": kind,
        "family": family,
        "names": names,
        "scores": scores,
        "plain": bool(low_information(query.grey) or low_information(reference.grey)),
        "query_coverage": match.query_coverage,
        "reference_coverage": match.reference_coverage,
    }


def labelled(
    paths: list[Path], hard: int, copies: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Hard negatives, then copies."""
    backgrounds = [load(path) for path in paths[:BACKGROUNDS]]
    scenes = [i for i, path in enumerate(paths) if structured_share(load(path)) >= FULL]
    for family, make_pair in FAMILIES.items():
        for _ in range(hard * (2 if family in CLOSEST else 1)):
            a, b = rng.choice(len(paths), 2, replace=False)
            if family == "other_viewpoint":
                a = rng.choice(scenes)
            query, reference = make_pair(load(paths[a]), load(paths[b]), rng)
            if family == "other_half" and repeats_itself(query, reference):
                continue
            yield row(
                "hard", family, (paths[a].name, paths[b].name), prepared(query), prepared(reference)
            )
        print(family, flush=True)
    for name, edit in TRAINED.items():
        for strength in STRENGTHS:
            for i in rng.choice(len(paths) - BACKGROUNDS, copies, replace=False) + BACKGROUNDS:
                image = load(paths[i])
                copy, names = (
                    edit(image, strength, rng, backgrounds),
                    (paths[i].name, paths[i].name),
                )
                yield row("copy", f"{name}@{strength}", names, prepared(copy), prepared(image))
        print(name, flush=True)


def main(
    folder: Path,
    out: Path,
    null_pictures: int = 790,
    hard: int = 160,
    copies: int = 20,
    seed: int = 7,
) -> None:
    cv2.setNumThreads(1)
    rng = np.random.default_rng(seed)
    paths = sorted(folder.glob("*.jpg"))
    rng.shuffle(paths)  # type: ignore[arg-type]
    rows = list(labelled(paths, hard, copies, rng))
    print("labelled", len(rows), flush=True)
    null = [
        (path.name, prepared(load(path)))
        for path in paths[BACKGROUNDS : BACKGROUNDS + null_pictures]
    ]
    silent = 0
    for (a, query), (b, reference) in combinations(null, 2):
        found = row("null", "", (a, b), query, reference)
        if len(found["scores"]) > 1:
            rows.append(found)
        else:
            silent += 1
    out.write_text(json.dumps({"silent": silent, "rows": rows}))
    print("null", silent + sum(r["kind"] == "null" for r in rows), "of which silent", silent)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *(int(value) for value in sys.argv[3:]))
