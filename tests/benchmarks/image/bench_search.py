"""What looking a picture up costs by stage, and whether what is posted a thousand times hides what
was posted once.

    python tests/benchmarks/image/bench_search.py PICTURES OUT.json [--library 100000]
        [--queries 40]
        (PICTURES: a folder of photographs as `pictures.py` leaves them; 60 and more)

`cost`: real pictures and edited copies of them, against a library of made-up works: hashes of
random bits, vectors in one cone (two of them have a cosine of 0.5, as CLIP's) and in groups of ten.
Costs are CPU milliseconds of this process and of Postgres, means over the queries, from decoded
pixels on. Before: a search of hashes by HNSW, references whose key points are found again, every
candidate compared in full. Verdicts with and without the first look, and with features kept and
found again, are compared one by one.

`blocks`: 3 001 rows of one picture, or 3 001 that differ from it a little; then REINDEX, as after a
restore; then 30 sources, looked up by the source itself and by an edited copy. Before: one row of
the graph for each. Made-up vectors; exact search finds all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psutil
from edits import HELD_OUT, TRAINED
from numpy.typing import NDArray
from pgvector import HalfVector
from PIL import Image, ImageOps

from embeddings.image.analyzer import ImageAnalyzer, ImageFingerprint
from embeddings.image.decode import Picture
from oracle.media.image import LIKELY
from oracle.media.shortlist import shortlist
from storage.database import Connection, Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.search import nearest
from storage.search.frames import StoredFrame, add_frames, find_references, model_partition
from storage.search.images import View, find_candidates
from storage.works import works
from storage.works.works import NewWork

SEED, CANDIDATES = 2031, 20
SOURCES, BLOCK = 30, 3001
MODEL = "benchmark/made-up"
RNG = np.random.default_rng(SEED)
COMMON = RNG.normal(size=512)
Vectors = NDArray[np.float32]


def unit(vectors: NDArray[Any]) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def made_up(count: int) -> Vectors:
    """Unit vectors in one cone and in groups of ten, (count, 512)."""
    centres = RNG.normal(size=(count // 10 + 1, 512))
    return unit(
        COMMON + np.repeat(centres, 10, axis=0)[:count] + 0.5 * RNG.normal(size=(count, 512))
    )


def accept(conn: Connection, sha256: bytes) -> UUID:
    work_id = uuid4()
    new = NewWork(
        id=work_id,
        creator_id=None,
        post_id=sha256,
        media_type="image",
        sha256=sha256,
        mime="image/jpeg",
        size_bytes=1,
        width=9,
        height=9,
        file_name=None,
        blob_key=sha256.hex(),
    )
    works.add_work(conn, new)
    return work_id


def add(conn: Connection, frame: StoredFrame) -> UUID:
    work_id = accept(conn, RNG.bytes(32))
    assert add_frames(conn, works.get_work(conn, work_id), [frame])
    return work_id


def add_library(
    conn: Connection,
    model: str,
    vectors: Vectors,
    *,
    hashes: Sequence[bytes],
    content: int | None = None,
) -> None:
    """Copy works in, each the only one of its content or all of one; then build the index."""
    number = model_partition(conn, model)
    ids = [uuid4() for _ in vectors]
    first = conn.execute("select coalesce(max(registration), 0) from works").fetchone()[0] + 1
    contents = (
        np.arange(len(ids)) + 10**9 * first if content is None else np.full(len(ids), content)
    )
    index = conn.execute(
        "select indexname, indexdef from pg_indexes where tablename = %s and indexdef like"
        " '%%hnsw%%'",
        (f"embeddings_m{number}",),
    ).fetchone()
    conn.execute(f"drop index {index[0]}")
    with conn.cursor().copy(
        "copy works (id, registration, registered_at, post_id, media_type, sha256, mime,"
        " size_bytes, blob_key, published_at, visible_at) from stdin"
    ) as copy:
        for at, work_id in enumerate(ids):
            digest = RNG.bytes(32)
            moment = "2026-01-01T00:00:00Z"
            row = (
                work_id,
                first + at,
                moment,
                digest,
                "image",
                digest,
                "image/png",
                1,
                digest.hex(),
            )
            copy.write_row((*row, moment, moment))
    with conn.cursor().copy(
        "copy image_fingerprints (work_id, registration, content, lead, phash, phash_quality,"
        " proxy) from stdin"
    ) as copy:
        for at, work_id in enumerate(ids):
            bits = "".join(f"{byte:08b}" for byte in hashes[at])
            lead = content is None
            copy.write_row((work_id, first + at, int(contents[at]), lead, bits, 90, b""))
    with conn.cursor().copy(
        "copy embeddings (model_id, work_id, registration, content, lead, embedding) from stdin"
    ) as copy:
        for at, work_id in enumerate(ids):
            text = HalfVector(vectors[at])
            copy.write_row((number, work_id, first + at, int(contents[at]), content is None, text))
    conn.execute("select setval('work_registration', %s)", (first + len(ids),))
    conn.execute(index[1])


@contextmanager
def database(folder: Path) -> Iterator[Database]:
    with EmbeddedPostgres(folder) as server:
        migrate(server.dsn)
        db = Database(server.dsn, max_size=1)
        db.open()
        yield db
        db.close()


class Clock:
    """CPU milliseconds by stage, of this process and of the server's for this connection."""

    def __init__(self, backend: int) -> None:
        self._backend = psutil.Process(backend)
        self.spent: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        here, there = time.process_time(), self._backend.cpu_times()
        yield
        now = self._backend.cpu_times()
        seconds = time.process_time() - here + now.user - there.user + now.system - there.system
        self.spent[stage].append(1000 * seconds)

    def means(self) -> dict[str, float]:
        return {stage: round(float(np.mean(each)), 1) for stage, each in self.spent.items()}


def picture_of(image: Image.Image) -> Picture:
    pixels = np.ascontiguousarray(np.asarray(image.convert("RGB")))
    height, width = pixels.shape[:2]
    return Picture(pixels=pixels, width=width, height=height, format="", mime="", mode="", notes=())


def load(path: Path) -> Image.Image:
    return ImageOps.contain(Image.open(path).convert("RGB"), (800, 800))


def stored(fingerprint: ImageFingerprint) -> StoredFrame:
    return StoredFrame(
        phash=fingerprint.phash,
        phash_quality=fingerprint.phash_quality,
        proxy=fingerprint.proxy,
        features=fingerprint.features,
        embeddings=fingerprint.embeddings,
    )


def cost(db: Database, paths: Sequence[Path], library: int, count: int) -> dict[str, Any]:
    analyzer = ImageAnalyzer.load(clip=None)
    model = analyzer.channels["copy"].model_id
    pictures = [load(path) for path in paths[: count + 20]]
    edits = list({**TRAINED, **HELD_OUT}.values())
    with db.transaction() as conn:
        backend = conn.info.backend_pid
        clock = Clock(backend)
        hashes = [RNG.bytes(32) for _ in range(library)]
        add_library(conn, model, made_up(library), hashes=hashes)
        conn.execute(
            "create index by_hnsw on image_fingerprints using hnsw (phash bit_hamming_ops)"
        )
        conn.execute("analyze image_fingerprints")
        conn.execute("analyze embeddings")
    sources: dict[UUID, int] = {}
    for at, picture in enumerate(pictures[:count]):
        made = analyzer.fingerprint(picture_of(picture))
        with db.transaction() as conn, clock("insert"):
            sources[add(conn, stored(made))] = at
    found, equal = 0, 0
    verdicts: dict[str, int] = defaultdict(int)
    for at, picture in enumerate(pictures[:count]):
        edited = edits[at % len(edits)](picture, 0.5, RNG, pictures[count:])
        with clock("fingerprint"):
            query = analyzer.fingerprint(picture_of(edited))
        views = [View(view.name, view.phash, view.embeddings) for view in query.query_views]
        with db.transaction() as conn:
            with clock("search of hashes, before"):
                for view in views:
                    conn.execute(
                        "select work_id from image_fingerprints order by phash <~> %s limit 20",
                        (nearest.hash_bits(view.phash),),
                    ).fetchall()
            with clock("search of hashes"):
                hashed = [nearest.Lookup(view.phash, {}) for view in views]
                nearest.find_nearest(
                    conn, hashed, before=10**15, creator_id=None, others=20, own=5, ef_search=200
                )
            with clock("search"):
                candidates = shortlist(
                    find_candidates(conn, views, sha256=b"", before=10**15, creator_id=None),
                    CANDIDATES,
                )
            with clock("references"):
                # Made-up works have no pictures: real ones stand in their place.
                real = [c.work_id for c in candidates if c.work_id in sources]
                fill = [work_id for work_id in sources if work_id not in real]
                chosen = (real + fill)[:CANDIDATES]
                references = find_references(conn, chosen)
        found += any(sources.get(c.work_id) == at for c in candidates)
        for stage, keep, look in (
            ("verification", True, True),
            ("verification without a first look", True, False),
            ("verification, before", False, False),
        ):
            fresh = ImageAnalyzer.load(clip=None, copy=False)
            fresh.features_of(query.proxy)
            with clock(stage):
                matches = [
                    fresh.verify(
                        query,
                        each.proxy,
                        each.features if keep else None,
                        first_look=look and rank >= LIKELY,
                    )
                    for rank, work_id in enumerate(chosen)
                    for each in references[work_id]
                ]
            verdicts[stage] += sum(match.verified for match in matches)
            if stage == "verification":
                ours = [match.verified for match in matches]
            else:
                equal += ours == [match.verified for match in matches]
    return {
        "library": library,
        "queries": count,
        "candidates": CANDIDATES,
        "source_among_candidates": found,
        "proven": dict(verdicts),
        "comparisons_with_equal_verdicts": equal,
        "of": 2 * count,
        "cpu_ms": clock.means(),
    }


def near(phash: bytes, flips: int) -> bytes:
    bits = np.unpackbits(np.frombuffer(phash, np.uint8))
    bits[RNG.choice(256, flips, replace=False)] ^= 1
    return np.packbits(bits).tobytes()


def blocks(db: Database, *, equal: bool, share: bool, others: int) -> dict[str, Any]:
    """Found of SOURCES that are posted behind a block; share: whether its rows are one content."""
    phash, vector = RNG.bytes(32), made_up(1)[0]
    noise = 0.0 if equal else 0.1
    copies = unit(vector + noise * unit(RNG.normal(size=(BLOCK - 1, 512))))
    hashes = [near(phash, 0 if equal else 4) for _ in copies]
    with db.transaction() as conn:
        add_library(conn, MODEL, made_up(others), hashes=[RNG.bytes(32) for _ in range(others)])
        first = add(
            conn, StoredFrame(phash=phash, phash_quality=90, proxy=b"", embeddings={MODEL: vector})
        )
        content = conn.execute(
            "select content from image_fingerprints where work_id = %s", (first,)
        ).fetchone()[0]
        add_library(conn, MODEL, copies, hashes=hashes, content=content if share else None)
        conn.execute(f"reindex table embeddings_m{model_partition(conn, MODEL)}")
    found = {"itself": 0, "an edited copy": 0}
    with db.transaction() as conn:
        conn.execute("set local enable_seqscan = off")
        for source in made_up(SOURCES * 10)[::10]:
            frame = StoredFrame(
                phash=RNG.bytes(32), phash_quality=90, proxy=b"", embeddings={MODEL: source}
            )
            work_id = add(conn, frame)
            for kind, by in (("itself", 0.0), ("an edited copy", 0.4)):
                looked = unit(source + by * unit(RNG.normal(size=512)))
                hits = nearest.find_nearest(
                    conn,
                    [nearest.Lookup(None, {MODEL: looked})],
                    before=10**15,
                    creator_id=None,
                    others=20,
                    own=5,
                    ef_search=200,
                )
                found[kind] += work_id in {hit.work_id for hit in hits}
    return {"equal": equal, "one_content": share, "other_rows": others, "of": SOURCES, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--library", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=40)
    args = parser.parse_args()
    paths = sorted(args.pictures.glob("*.jpg"))
    np.random.default_rng(SEED).shuffle(paths)  # type: ignore[arg-type]
    report: dict[str, Any] = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg(),
        "seed": SEED,
        "blocks": [],
    }
    for equal in (True, False):
        for share in (False, True):
            with tempfile.TemporaryDirectory() as folder, database(Path(folder) / "pg") as db:
                report["blocks"].append(blocks(db, equal=equal, share=share, others=3000))
                print(report["blocks"][-1], flush=True)
    with tempfile.TemporaryDirectory() as folder, database(Path(folder) / "pg") as db:
        report["cost"] = cost(db, paths, args.library, args.queries)
    args.out.write_text(json.dumps(report, indent=1))
    print(json.dumps(report["cost"], indent=1))


if __name__ == "__main__":
    main()
