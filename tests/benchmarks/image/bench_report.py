"""What a run of the benchmark says: which answers are in doubt, and the numbers over those that
are not.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench_set import SPLIT
from hard_negatives import FULL, structured_share
from PIL import Image

from embeddings.image.calibration import load_calibration
from embeddings.image.decode import decode_image
from embeddings.image.detail import insufficient_detail
from embeddings.image.evidence import weigh

SAME_CONTENT = Path(__file__).with_name("bench_same_content.json")
# edits that bring in another picture
WITH_BACKGROUND = {"covered", "picture_in_picture", "collage", "see_through"}
# What is printed as it is.
ALONE = (
    "n",
    "model_digest",
    "weak_only",
    "too_plain_copies",
    "recall_at_095_where_not_too_plain",
    "nominated",
    "hard_negatives_at_095",
    "false_at_095",
    "recall_at_095",
    "seconds_per_query",
)
Answer = tuple[str, float]


@dataclass(frozen=True)
class Item:
    """One line of labels.csv; source is "" for negatives."""

    query: str
    family: str
    strength: str
    source: str


def measure(rows: list[tuple[Item, dict[str, list[Answer]]]], method: str) -> dict[str, float]:
    """micro-AP over all queries at once; recall at precision 0.9; recall above the highest false
    score.
    """
    listed = sorted(
        ((score, name == item.source) for item, found in rows for name, score in found[method]),
        reverse=True,
    )
    right = np.array([r for _, r in listed])
    total = sum(bool(item.source) for item, _ in rows)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    recall = np.cumsum(right) / total
    worst = max((score for score, r in listed if not r), default=-np.inf)
    return {
        "micro_ap": float((precision * right).sum() / total),
        "recall_at_p90": float(recall[precision >= 0.9].max(initial=0.0)),
        "recall_at_zero_false": sum(r and score > worst for score, r in listed) / total,
        "highest_false": float(worst),
    }


def per_edit(
    rows: list[tuple[Item, dict[str, list[Answer]]]], line: float
) -> dict[str, dict[str, list[float]]]:
    """family -> strength -> [share nominated, share at or above the line, n, mean similarity]."""
    cells: dict[tuple[str, str], list[tuple[bool, float]]] = defaultdict(list)
    for item, found in rows:
        if bool(item.source):
            nominated = item.source in [name for name, _ in found["nominated"]]
            cells[item.family, item.strength].append(
                (nominated, dict(found["ours"]).get(item.source, 0.0))
            )
    table: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for (family, strength), values in cells.items():
        scores = [score for _, score in values]
        table[family][strength] = [
            float(np.mean([n for n, _ in values])),
            float(np.mean([s >= line for s in scores])),
            len(values),
            float(np.mean(scores)),
        ]
    return dict(table)


def by_structure(rows: list[Any], folder: Path, methods: list[str]) -> dict[str, Any]:
    """The same numbers for copies of pictures that are full, and of those that are mostly empty;
    negatives in both.
    """
    full = {
        path.name
        for path in (folder / "references").glob("*.jpg")
        if structured_share(Image.open(path)) >= FULL
    }
    strata: dict[str, Any] = {}
    for label, inside in (("full", True), ("mostly empty", False)):
        own = [row for row in rows if not row[0].source or (row[0].source in full) == inside]
        copies = [(item, dict(found["ours"])) for item, found in own if item.source]
        strata[label] = {name: measure(own, name) for name in methods} | {
            strength: [
                float(
                    np.mean(
                        [
                            found.get(item.source, 0.0) >= 0.95
                            for item, found in copies
                            if item.strength in of
                        ]
                    )
                ),
                sum(item.strength in of for item, _ in copies),
            ]
            for strength, of in (
                ("weak", ("weak",)),
                ("medium", ("medium",)),
                ("strong", ("strong",)),
                ("any", ("weak", "medium", "strong")),
            )
        }
    return strata


def judged(found: dict[str, Any]) -> dict[str, Any]:
    """The stored raw scores under the table that ships now: a changed table needs no second run."""
    table = load_calibration()
    aligned = [(name, scores) for name, scores in found["scores"] if len(scores) > 1]
    evidence = {name: weigh(scores, table) for name, scores in aligned}
    ours = {name: table.similarity(evidence[name], scores["strength"]) for name, scores in aligned}
    listed = [name for name, _ in found["scores"]]
    return {
        **found,
        "ours": [(name, ours.get(name, 0.0)) for name in listed],
        "evidence": [(name, evidence.get(name, table.knots[0][0])) for name in listed],
    }


def in_doubt_left_out(rows: list[Any], folder: Path) -> list[Any]:
    """Drop what is neither right nor wrong, for every method: a reference that shows the query's
    own source or shares material with what the query shows.

    And answer as the service does for pictures that are too low in detail to decide: nothing, for
    ours alone.
    """
    with (folder / "contents.csv").open() as file:
        shows = {line["reference"]: line["content"] for line in csv.DictReader(file)}
    plain, shared = plain_names(folder), SharedContent.load()
    kept = []
    for item, found in rows:
        if item.query in shared.left_out:
            continue
        lists = {
            m: [
                a
                for a in answers
                if a[0] == item.source or not shared.in_doubt(item, shows.get(a[0], a[0]))
            ]
            for m, answers in found.items()
        }
        for method in ("ours", "evidence"):
            floor = 0.0 if method == "ours" else -30.0
            lists[method] = [
                (n, floor if {n, item.query} & plain else score) for n, score in lists[method]
            ]
        kept.append((item, lists))
    return kept


@dataclass(frozen=True)
class SharedContent:
    """group: which pictures share material; apart: the groups of pictures that are never references
    by themselves; left_out: queries that are no negatives after all.
    """

    left_out: frozenset[str]
    group: dict[str, str]
    apart: frozenset[str]

    @classmethod
    def load(cls) -> SharedContent:
        labels = json.loads(SAME_CONTENT.read_text())
        group: dict[str, str] = {}
        for a, b in labels["pairs"]:
            first, second = group.get(a, a), group.get(b, b)
            group |= dict.fromkeys((a, b, *(n for n, of in group.items() if of == second)), first)
        split = json.loads(SPLIT.read_text())
        away = {
            name
            for part in ("backgrounds", "halves", "scenes", "strangers")
            for name in split[part]
        }
        return cls(
            frozenset(labels["left_out"]),
            group,
            frozenset(group[name] for name in away if name in group),
        )

    def in_doubt(self, item: Item, content: str) -> bool:
        """Whether a reference that shows ``content`` may rightly be found in the query."""
        of = self.group.get(content, content)
        shows_another = not item.source or item.family in WITH_BACKGROUND
        return of == self.group.get(item.source, item.source) or (
            shows_another and of in self.apart
        )


def plain_names(folder: Path) -> set[str]:
    kept = folder / "plain.json"
    if not kept.is_file():
        paths = [*(folder / "references").glob("*.jpg"), *(folder / "queries").glob("*.jpg")]
        kept.write_text(
            json.dumps([path.name for path in paths if insufficient_detail(decode_image(path))])
        )
    return set(json.loads(kept.read_text()))


def report(
    rows: list[Any],
    folder: Path,
    references: int,
    digest: str,
    seconds: dict[str, float],
    out: Path,
) -> None:
    methods = [name for name in rows[0][1] if name not in ("nominated", "scores")]
    copies = [(item, found) for item, found in rows if item.source]
    hard = [(item, dict(found["ours"])) for item, found in rows if not item.source]
    weak = [row for row in rows if row[0].strength in ("weak", "hard")]
    plain = plain_names(folder)
    false = [
        (s, item.family, item.query, name)
        for item, f in rows
        for name, s in f["ours"]
        if name != item.source
    ]
    result: dict[str, Any] = {
        "n": {"references": references, "copies": len(copies), "hard_negatives": len(hard)},
        "model_digest": digest,
        "all": {name: measure(rows, name) for name in methods},
        "weak_only": measure(weak, "ours"),
        "too_plain_copies": sum(item.query in plain or item.source in plain for item, _ in copies),
        "recall_at_095_where_not_too_plain": float(
            np.mean(
                [
                    dict(f["ours"]).get(i.source, 0.0) >= 0.95
                    for i, f in copies
                    if not {i.query, i.source} & plain
                ]
            )
        ),
        "nominated": float(np.mean([item.source in dict(f["nominated"]) for item, f in copies])),
        "hard_negatives_at_095": sum(max(found.values(), default=0.0) >= 0.95 for _, found in hard),
        "false_at_095": sum(score >= 0.95 for score, *_ in false),
        "recall_at_095": float(
            np.mean([dict(f["ours"]).get(item.source, 0.0) >= 0.95 for item, f in copies])
        ),
        "worst_false": sorted(false, reverse=True)[:25],
        "by_structure": by_structure(rows, folder, methods),
        "per_edit": per_edit(copies, 0.95),
        "seconds_per_query": seconds,
    }
    out.write_text(json.dumps(result, indent=1))
    for name, numbers in result["all"].items():
        print(f"{name:20s}", " ".join(f"{key} {value:.3f}" for key, value in numbers.items()))
    for label, numbers in result["by_structure"].items():
        print(
            label,
            {
                key: value
                for key, value in numbers.items()
                if key in ("weak", "medium", "strong", "any")
            },
        )
        print(label, {name: {k: round(v, 3) for k, v in numbers[name].items()} for name in methods})
    print({key: value for key, value in result.items() if key in ALONE})
    for family, cells in result["per_edit"].items():
        print(
            f"{family:20s}",
            {label: [round(v, 3) for v in values] for label, values in cells.items()},
        )
