"""Who is credited: the rate of wrong beneficiaries where several works are in one upload.

    PYTHONPATH=.:tests .venv/bin/python tests/benchmarks/image/bench_credit.py [--seed 1] [--n 12]

Each story is told on the production path (fingerprint, search, verify, decide) by people who post
one after the other. Only verdicts that pay somebody count as right or wrong; the others are shown.
"""

import argparse
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import structlog
from PIL import Image, ImageDraw
from support.photos import PHOTOS, photo

from embeddings.sniff import MEDIA_TYPES
from oracle import wiring
from oracle.jobs import run_worker
from oracle.originality.folder_match import scratch_database
from oracle.originality.intake import Upload
from oracle.settings import Settings
from storage.blobs.keys import digest_of
from storage.database import Database
from storage.works import analyses, policies, works
from storage.works.policies import BoundDeployment, Policy

Posted = tuple[str, Image.Image]
Story = Callable[[np.random.Generator, Image.Image, Image.Image], Iterator[Posted]]
AUTHOR = "author"


def edit(rng: np.random.Generator, picture: Image.Image, strength: float = 1.0) -> Image.Image:
    """A crop, new size, grain and contrast, by the seed."""
    width, height = picture.size
    cut = rng.uniform(0.02, 0.12 * strength, 4)
    box = (cut[0] * width, cut[1] * height, (1 - cut[2]) * width, (1 - cut[3]) * height)
    size = [round(side * rng.uniform(0.75, 1.1)) for side in (width, height)]
    pixels = np.asarray(picture.crop([round(x) for x in box]).resize(size), np.float32)
    pixels = (
        (pixels - 128) * rng.uniform(0.8, 1.2) + 128 + rng.normal(0, 7 * strength, pixels.shape)
    )
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def captioned(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """A crop with a bar and a line of text."""
    framed = edit(rng, picture, 1.5)
    bar = framed.height // 5
    ImageDraw.Draw(framed).rectangle((0, 0, framed.width, bar), fill="white")
    ImageDraw.Draw(framed).text((8, bar // 3), "when you see it " * 3, fill="black")
    return framed


def sticker(rng: np.random.Generator, own: Image.Image, other: Image.Image) -> Iterator[Posted]:
    yield "thief's second account", other
    yield AUTHOR, own
    under = own.copy()
    side = round(own.width * rng.uniform(0.2, 0.3))
    under.paste(other.resize((side, side * other.height // other.width)), (12, 12))
    yield "thief", edit(rng, under, 0.4)


def copy_of_a_copy(rng: np.random.Generator, own: Image.Image, _: Image.Image) -> Iterator[Posted]:
    yield AUTHOR, own
    copy = captioned(rng, own)
    yield "copyist", copy
    for number in range(3):
        yield f"third {number}", edit(rng, copy, 0.8)


def many_copies_by_one(
    rng: np.random.Generator, own: Image.Image, _: Image.Image
) -> Iterator[Posted]:
    yield AUTHOR, own
    for _number in range(6):
        yield "copyist", edit(rng, own)
    yield "third", edit(rng, own)


def milder_variants(rng: np.random.Generator, own: Image.Image, _: Image.Image) -> Iterator[Posted]:
    yield AUTHOR, own
    for number in range(8):
        yield f"copyist {number}", edit(rng, own, 0.5)


STORIES: dict[str, Story] = {
    "sticker over a stolen picture": sticker,
    "copy of a captioned crop": copy_of_a_copy,
    "many copies by one": many_copies_by_one,
    "milder variants by many": milder_variants,
}


def tell(db: Database, settings: Settings, story: Iterator[Posted], folder: Path) -> Counter[str]:
    """Post a story. Returns: how often the author, a copyist or nobody was credited.

    A copyist is known where his own post was found to be a copy, else he was missed before.
    """
    caught: set[str] = set()
    handlers = wiring.make_handlers(settings)
    intake = wiring.make_intake(db, wiring.open_store(settings, db), handlers)
    originality = wiring.make_originality(settings, db, handlers)
    ends: Counter[str] = Counter()
    marker = folder.name
    for number, (creator, picture) in enumerate(story):
        path = folder / f"{number}.jpg"
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        path.write_bytes(buffer.getvalue())
        upload = Upload(
            path=path,
            sha256=digest_of(path),
            size_bytes=path.stat().st_size,
            creator=f"{creator} {marker}",
        )
        analysis_id: UUID = intake.submit(upload)
        run_worker(db.dsn, originality.analyse, settings.worker, wait=False)
        with db.transaction() as conn:
            decided = analyses.get(conn, analysis_id)
            matched = decided.matched_work_id
            credited = works.get_work(conn, matched).creator if matched else None
        if decided.verdict == "derivative":
            caught.add(upload.creator or "")
        if creator in (AUTHOR, "thief's second account"):
            continue
        if decided.verdict != "derivative" or credited is None:
            ends[f"{decided.verdict}: {decided.reason}"] += 1
        elif credited.startswith(AUTHOR):
            ends["author"] += 1
        else:
            ends["known" if credited in caught else "missed"] += 1
    return ends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=12, help="Pictures a story.")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    rng = np.random.default_rng(arguments.seed)
    pictures = [
        Image.open(io.BytesIO(photo(name))).convert("RGB").resize((900, 600)) for name in PHOTOS
    ]
    print("| story | uploads | author | known copyist | copyist missed before | no redirect |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, story in STORIES.items():
        total: Counter[str] = Counter()
        for number in range(arguments.n):
            first, second = rng.permutation(len(pictures))[:2]
            with (
                scratch_database() as db,
                tempfile.TemporaryDirectory(prefix=f"story-{number}-") as scratch,
            ):
                settings = Settings(data_dir=Path(scratch), database_url=db.dsn)
                with db.transaction() as conn:
                    policies.bind(conn, BoundDeployment(31_337, bytes(20), {}))
                    for media_type in MEDIA_TYPES:
                        policies.record(conn, Policy(1, media_type, 9_500, 10_000))
                told = story(rng, pictures[first], pictures[second])
                total += tell(db, settings, told, Path(scratch))
        paid = [total.pop(who, 0) for who in ("author", "known", "missed")]
        rest = ", ".join(f"{count} {end}" for end, count in total.items()) or "–"
        counts = " | ".join(map(str, (sum(paid) + sum(total.values()), *paid)))
        print(f"| {name} | {counts} | {rest} |", flush=True)


if __name__ == "__main__":
    main()
