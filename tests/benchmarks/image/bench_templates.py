"""Templates and flat things: no innocent pair proven, copies of the same material found.

    PYTHONPATH=tests/benchmarks/image:tests:. python tests/benchmarks/image/bench_templates.py \\
        PICTURES_DIR OUT.json [--half held|fit] [--pairs 50] [--shop first|second] [--fonts DIR]

PICTURES_DIR is a half that ``pictures.py`` left, or any folder of JPEGs that are different. The
second shop's designs take every other font of a folder (of Debian's fonts-* packages, say). Seeds
of the two halves differ: limits were set on "fit". Each round goes through all kinds, so that a run
that was stopped covers them equally. Every pair is judged once: what would have been proven without
the rules on exchanges and surroundings is known from its scores, which only such a pair has.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import other_templates
from calibration_pairs import load, prepared
from edits import HELD_OUT, TRAINED
from PIL import Image, ImageOps
from support import templates
from support.flat_things import board, photographed

from embeddings.image.calibration import load_calibration
from embeddings.image.verify import verify_pair

EDITS = {**TRAINED, **HELD_OUT}
STRENGTHS = (0.1, 0.5, 0.9)
FIRST_SEED = {"fit": 1000, "held": 5000}
BEFORE = "exchanged_ink"
SHOPS = {"first": templates, "second": other_templates}
Pair = tuple[str, str, Image.Image, Image.Image]


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def pairs(shop: Any, first_seed: int, rounds: int, photos: list[Image.Image]) -> Iterator[Pair]:
    """Yield (kind, edit, query, reference); the edit of an innocent pair is ""."""
    for number in range(rounds):
        for at, kind in enumerate(shop.DESIGNS):
            seed = first_seed + 100 * at + number
            first, second = (shop.filled_in(kind, seed, buyer, photos) for buyer in (1, 2))
            yield kind, "", jpeg(second, 70 + number % 5 * 6), jpeg(first, 90)
            edit = list(EDITS)[(number * 7 + at * 3) % len(EDITS)]
            rng, strength = np.random.default_rng([seed, 7]), STRENGTHS[(number + at) % 3]
            yield kind, edit, jpeg(EDITS[edit](first, strength, rng, photos), 80), first
        rng = np.random.default_rng([first_seed, number])
        room, other = (photos[int(rng.integers(len(photos)))] for _ in range(2))
        flat = board(rng) if number % 2 else ImageOps.fit(photos[number % len(photos)], (480, 360))
        view, again = photographed(flat, room, rng), photographed(flat, other, rng)
        yield "flat thing", "", again, view
        yield "flat thing", "print", photographed(view, other, rng, share=0.85), view


def table(rows: list[dict[str, Any]]) -> str:
    """The rows by kind: innocent pairs, then copies."""
    lines = ["| kind | innocent | proven before | now | highest | copies | before | now |"]
    lines.append("|---|" + "---|" * 7)
    by_kind = defaultdict(list)
    for row in rows:
        by_kind[row["kind"]].append(row)
    for kind, of_kind in [*by_kind.items(), ("all", rows)]:
        innocent = [row for row in of_kind if not row["edit"]]
        copies = [row for row in of_kind if row["edit"]]
        cells = [kind, len(innocent)]
        cells += [sum(row[when] for row in innocent) for when in ("before", "now")]
        cells += [f"{max(row['similarity'] for row in innocent):.3f}", len(copies)]
        cells += [sum(row[when] for row in copies) for when in ("before", "now")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--half", choices=FIRST_SEED, default="held")
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--shop", choices=SHOPS, default="first")
    parser.add_argument("--fonts", type=Path)
    args = parser.parse_args()
    if args.fonts:
        fonts = sorted(args.fonts.rglob("*.ttf"))
        other_templates.FONTS[:] = fonts[args.half == "held" :: 2]
    cv2.setNumThreads(1)
    paths = sorted(args.pictures.glob("*.jpg"))
    np.random.default_rng(3).shuffle(paths)  # type: ignore[arg-type]
    photos = [load(path) for path in paths[:60]]
    calibration, rows = load_calibration(), []
    for kind, edit, query, reference in pairs(
        SHOPS[args.shop], FIRST_SEED[args.half], args.pairs, photos
    ):
        first, second = prepared(query), prepared(reference)
        start = time.process_time()
        match = verify_pair(first, second, calibration)
        rows.append(
            {
                "kind": kind,
                "edit": edit,
                "similarity": match.similarity,
                "now": match.verified and not match.exchanged,
                "before": match.verified or BEFORE in match.scores,
                "cpu_ms": 1e3 * (time.process_time() - start),
            }
        )
        args.out.write_text(json.dumps(rows))
    print(table(rows))
    print("CPU ms a pair:", round(float(np.mean([row["cpu_ms"] for row in rows])), 1))


if __name__ == "__main__":
    main()
