"""The tables of the README from what bench.py and peers.py left behind.

python tests/benchmarks/audio/report.py SOUNDS_DIR [METHOD ...]
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from edits import ROWS
from scoring import Answers, Judge, Judged, Summary, read_answers, summarise

METHODS = ("ours", "audfprint-dense", "audfprint", "chromaprint")
LENGTHS = (5, 10, 30)
THRESHOLD = 0.95


def share(found: tuple[int, int]) -> str:
    return f"{found[0] / found[1]:.2f}" if found[1] else "–"


def table(summaries: dict[str, Summary]) -> None:
    """Recall at zero false matches by edit and length; all methods side by side."""
    print("| edit | " + " | ".join(f"{method} {length} s" for method in summaries for length in LENGTHS) + " |")
    print("|---" * (1 + len(summaries) * len(LENGTHS)) + "|")
    for edit in ROWS:
        cells = [share(s.recall_by_row.get((edit, length), (0, 0))) for s in summaries.values() for length in LENGTHS]
        print(f"| {edit} | " + " | ".join(cells) + " |")
    for kind in ("music", "speech", "effect"):
        cells = []
        for s in summaries.values():
            of_kind = [found for (_, k), found in s.recall_by_kind.items() if k == kind]
            cells.append(share((sum(f for f, _ in of_kind), sum(n for _, n in of_kind))))
        print(f"all {kind}:", ", ".join(f"{method} {cell}" for method, cell in zip(summaries, cells, strict=True)))


def both_works(judge: Judge, answers: Answers, judged: list[Judged], line: float) -> None:
    """Files that hold two registered works: in how many are both found."""
    found = defaultdict(set)
    for answer in judged:
        if answer.right and answer.score > line:
            found[answer.query].add(answer.reference)
    for edit in ("two registered songs mixed", "two registered songs spliced"):
        queries = [q for q, label in judge.labels.items() if label.edit == edit and q in answers]
        counts = [len(found[q]) for q in queries]
        both, one = (np.mean([count >= wanted for count in counts]) for wanted in (2, 1))
        print(f"{edit} (n = {len(queries)}): both {both:.2f}, one {one:.2f}")


def at_threshold(judge: Judge, folder: Path) -> None:
    """What the service's similarity says at the threshold of 0.95."""
    stored = json.loads((folder / "similarities-ours.json").read_text())
    counts: defaultdict[str, list[bool]] = defaultdict(list)
    named: list[str] = []
    for query, listed in stored.items():
        label = judge.labels[query]
        group = label.edit if label.expected == "part" else {"copy": "copies", "nothing": "strangers"}[label.expected]
        above = [name for name, similarity, _ in listed if similarity >= THRESHOLD]
        sources = {label.source, label.second} - {""}
        if label.expected == "copy":
            counts[group].append(bool(sources & set(above)))
        else:
            counts[group].append(bool(above))
            named += [f"{query} {label.edit} -> {name}" for name in above]
    for group, hits in counts.items():
        print(f"similarity >= {THRESHOLD}: {group}: {sum(hits)} of {len(hits)}")
    print("\n".join(named))


def main(folder: Path, methods: list[str]) -> None:
    judge = Judge(folder / "set")
    summaries = {}
    for method in methods:
        answers = read_answers(folder / f"answers-{method}.json")
        judged = judge.all(answers)
        summary = summaries[method] = summarise(judge, judged, answers)
        count = sum(n for _, n in summary.recall_by_kind.values())
        errors = np.array(summary.errors_s or [np.nan])
        quantiles = ", ".join(f"p{q} {np.percentile(errors, q):.3f}" for q in (50, 95, 99))
        print(f"{method}: {count} copies, recall at zero false {summary.recall:.3f}, line {summary.line:.4g},")
        print(f"  micro-AP {summary.micro_ap:.3f}, offset error s {quantiles}; highest false:")
        for one in summary.highest_false[:8]:
            label = judge.labels[one.query]
            print(f"    {one.score:.4g} {one.query} ({label.edit}, {label.kind}, {label.source}) -> {one.reference}")
        both_works(judge, answers, judged, summary.line)
    table(summaries)
    if "ours" in methods:
        at_threshold(judge, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(METHODS))
