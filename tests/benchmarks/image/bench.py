"""Copy detection measured end to end, with peers in the same run.

    python tests/benchmarks/image/bench.py SET_DIR OUT.json [--shard I/N]
        (SET_DIR from bench_set.py)
    python tests/benchmarks/image/bench.py SET_DIR OUT.json --earlier EARLIER.json
    python tests/benchmarks/image/bench.py SET_DIR OUT.json --merge N

Ours is the production path in memory: fingerprint, exact search over the stored vectors and hashes
with every view, the service's own rank fusion, verification of the best 20. Peers: PDQ (8 turns,
quality >= 50), imagehash pHash, the untouched network's features, the same whitened by PCA, and
SIFT inliers on our candidates. Shards split the queries. ``--earlier`` takes what does not depend
on verification (nomination and the peers' answers) from an earlier run's rows, and judges all
candidates anew by the code as it is.
"""

from __future__ import annotations

import argparse
import csv
import json
import pickle
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import imagehash
import numpy as np
from bench_report import Answer, Item, in_doubt_left_out, judged, report
from PIL import Image
from plain_features import PlainFeatures

from embeddings.image.analyzer import ImageAnalyzer, ImageFingerprint
from embeddings.image.decode import decode_image
from embeddings.image.geometry import align
from embeddings.image.match import ImageMatch
from oracle.media.shortlist import shortlist
from storage.search.images import ImageCandidate

VERIFIED_AT_MOST, PER_VIEW, LISTED = 20, 20, 5
NAMESPACE = UUID("6a7b1c52-0000-4000-8000-000000000000")


@dataclass(eq=False)
class Index:
    """Exact search over everything stored."""

    names: list[str] = field(default_factory=list)
    prints: list[ImageFingerprint] = field(default_factory=list)
    phash64: list[np.ndarray] = field(default_factory=list)
    plain: list[dict[str, np.ndarray]] = field(default_factory=list)

    def freeze(self) -> None:
        self.hashes = np.stack(
            [np.unpackbits(np.frombuffer(p.phash, np.uint8)) for p in self.prints]
        )
        self.quality = np.array([p.phash_quality for p in self.prints])
        self.vectors = {
            m: np.stack([p.embeddings[m] for p in self.prints]) for m in self.prints[0].embeddings
        }
        self.ids = [uuid5(NAMESPACE, str(i)) for i in range(len(self.names))]

    def distances(self, phash: bytes) -> np.ndarray:
        return (self.hashes != np.unpackbits(np.frombuffer(phash, np.uint8))[None]).sum(axis=1)

    def candidates(self, query: ImageFingerprint) -> list[ImageCandidate]:
        hashed: dict[int, int] = {}
        cosines: dict[int, dict[str, float]] = defaultdict(dict)
        for view in query.query_views:
            distance = self.distances(view.phash)
            for i in np.argsort(distance)[:PER_VIEW]:
                hashed[int(i)] = min(hashed.get(int(i), 999), int(distance[i]))
            for model, vector in view.embeddings.items():
                cosine = self.vectors[model] @ vector
                for i in np.argsort(-cosine)[:PER_VIEW]:
                    cosines[int(i)][model] = max(cosines[int(i)].get(model, -1.0), float(cosine[i]))
        both = set(hashed) | set(cosines)
        return [
            ImageCandidate(
                work_id=self.ids[i],
                phash_distance=hashed.get(i),
                phash_view=None,
                cosines=cosines.get(i, {}),
            )
            for i in sorted(both)
        ]


def index_of(folder: Path, analyzer: ImageAnalyzer, plain: PlainFeatures) -> Index:
    # What is stored depends on the descriptor alone, not on the calibration.
    kept = folder / f"index-{analyzer.channels['copy'].model_id.replace('/', '-')}.pickle"
    if kept.is_file():
        return pickle.loads(kept.read_bytes())
    index = Index()
    for path in sorted((folder / "references").glob("*.jpg")):
        index.names.append(path.name)
        made = analyzer.fingerprint(decode_image(path), search=False)
        index.prints.append(replace(made, embeddings=dict(made.embeddings), query_views=()))
        image = Image.open(path)
        index.phash64.append(imagehash.phash(image).hash.reshape(-1))
        index.plain.append(plain.describe(image))
    index.freeze()
    kept.write_bytes(pickle.dumps(index))
    return index


def answers(
    analyzer: ImageAnalyzer, index: Index, plain: PlainFeatures, path: Path, spent: dict[str, float]
) -> dict[str, list[Answer]]:
    """For each method its best few (reference, score), higher is surer."""
    start = time.perf_counter()
    query = analyzer.fingerprint(decode_image(path))
    spent["fingerprint"] += time.perf_counter() - start
    start = time.perf_counter()
    by_id = {identity: i for i, identity in enumerate(index.ids)}
    chosen = [by_id[c.work_id] for c in shortlist(index.candidates(query), VERIFIED_AT_MOST)]
    spent["search"] += time.perf_counter() - start
    start = time.perf_counter()
    found = {index.names[i]: analyzer.verify(query, index.prints[i].proxy) for i in chosen}
    spent["verify"] += time.perf_counter() - start
    sift = []
    prepared = analyzer._prepare(query.proxy)
    for i in chosen:
        reference = analyzer._prepare(index.prints[i].proxy).features
        both = (
            align(prepared.features, reference)[:1]
            + align(prepared.features.mirrored(), reference)[:1]
        )
        sift.append((index.names[i], float(max((a.inliers for a in both), default=0))))
    image = Image.open(path)
    pdq = np.min([index.distances(view.phash) for view in query.query_views[:8]], axis=0).astype(
        float
    )
    pdq[(index.quality < 50) | (query.phash_quality < 50)] = 256
    phash = (np.stack(index.phash64) != imagehash.phash(image).hash.reshape(-1)).sum(axis=1)
    result: dict[str, Any] = {
        **of_ours(found),
        "sift inliers": sift,
        "pdq": top(index, -pdq),
        "imagehash pHash": top(index, -phash.astype(float)),
        "nominated": [(index.names[i], 0.0) for i in chosen],
    }
    for model in index.vectors:
        result["descriptor alone"] = top(index, index.vectors[model] @ query.embeddings[model])
    for name, vector in plain.describe(image).items():
        result[name] = top(index, np.stack([p[name] for p in index.plain]) @ vector)
    return result


def judged_again(
    analyzer: ImageAnalyzer, index: Index, found: dict[str, Any], path: Path, spent: Any
) -> dict[str, Any]:
    """An earlier run's row with the candidates verified anew."""
    query = analyzer.fingerprint(decode_image(path), search=False)
    at = {name: i for i, name in enumerate(index.names)}
    start = time.perf_counter()
    matches = {
        name: analyzer.verify(query, index.prints[at[name]].proxy) for name, _ in found["nominated"]
    }
    spent["verify"] += time.perf_counter() - start
    return {**found, **of_ours(matches)}


def of_ours(found: dict[str, ImageMatch]) -> dict[str, Any]:
    return {
        "ours": [(name, match.similarity) for name, match in found.items()],
        "evidence": [(name, match.scores["evidence"]) for name, match in found.items()],
        "scores": [(name, dict(match.scores)) for name, match in found.items()],
    }


def top(index: Index, score: np.ndarray) -> list[Answer]:
    return [(index.names[i], float(score[i])) for i in np.argsort(-score)[:LISTED]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--earlier", type=Path)
    parser.add_argument("--merge", type=int, default=0)
    args = parser.parse_args()
    if args.merge:
        parts = [
            json.loads(args.out.with_suffix(f".{i}.json").read_text()) for i in range(args.merge)
        ]
        rows = [(Item(*item), judged(found)) for part in parts for item, found in part["rows"]]
        rows = in_doubt_left_out(rows, args.folder)
        seconds = {
            stage: sum(p["spent"][stage] for p in parts) / len(rows) for stage in parts[0]["spent"]
        }
        report(rows, args.folder, parts[0]["references"], parts[0]["digest"], seconds, args.out)
        return
    shard, of = (int(value) for value in args.shard.split("/"))
    analyzer, plain = ImageAnalyzer.load(clip=None), PlainFeatures()
    analyzer.max_cached_prepared = 10_000
    start = time.perf_counter()
    index = index_of(args.folder, analyzer, plain)
    print(f"{len(index.names)} references in {time.perf_counter() - start:.0f} s", flush=True)
    spent: dict[str, float] = defaultdict(float)
    with (args.folder / "labels.csv").open() as file:
        items = [Item(**line) for line in csv.DictReader(file)][shard::of]
    rows = []
    if not items:
        return
    earlier = (
        {item[0]: found for item, found in json.loads(args.earlier.read_text())["rows"]}
        if args.earlier
        else {}
    )
    for item in items:
        path = args.folder / "queries" / item.query
        if item.query in earlier:
            rows.append((item, judged_again(analyzer, index, earlier[item.query], path, spent)))
        else:
            rows.append((item, answers(analyzer, index, plain, path, spent)))
        if len(rows) % 50 == 0 or len(rows) == len(items):
            print(
                len(rows),
                {stage: round(s / len(rows) * 1e3) for stage, s in spent.items()},
                "ms each",
                flush=True,
            )
            content = {
                "references": len(index.names),
                "digest": analyzer.model_digest.hex(),
                "spent": spent,
                "rows": [((i.query, i.family, i.strength, i.source), found) for i, found in rows],
            }
            args.out.with_suffix(f".{shard}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
