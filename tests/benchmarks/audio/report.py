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

from embeddings.audio.calibration import load_calibration

METHODS = ("ours", "ours-unbound", "audfprint-dense", "audfprint", "chromaprint")
LENGTHS = (5, 10, 30)
THRESHOLD = 0.95


# Groups of edits with what we want of them at 10 s.
GROUPS: dict[str, tuple[float, tuple[str, ...]]] = {
    "codecs, phone, EQ, clipping, volume": (
        0.99,
        (
            "mp3 128 kbit/s",
            "mp3 64 kbit/s",
            "mp3 32 kbit/s",
            "aac 64 kbit/s",
            "opus 24 kbit/s",
            "vorbis q0",
            "phone band",
            "gsm",
            "bass +12 dB",
            "treble +12 dB",
            "clipped 12 dB",
            "clipped 20 dB",
            "volume -30 dB",
            "compressed 20:1",
        ),
    ),
    "pink noise 0 dB": (0.95, ("pink noise 0 dB",)),
    "pink noise -5 dB": (0.75, ("pink noise -5 dB",)),
    "other song 6 dB below": (0.97, ("other song 6 dB below",)),
    "other song equal": (0.90, ("other song equal",)),
    "speech 6 dB louder": (0.50, ("speech 6 dB louder",)),
    "speed +-2 %": (0.97, ("speed +2 %", "speed -2 %")),
    "speed +-5 %": (0.85, ("speed +5 %", "speed -5 %")),
    "tempo +-10 %": (0.80, ("tempo +10 %", "tempo -10 %")),
    "pitch +-1 semitone": (0.80, ("pitch +1 semitone", "pitch -1 semitone")),
}


def answers_of(judge: Judge, folder: Path, method: str) -> Answers:
    """What a method says. "ours" is what the service says: what its calibration does not prove is
    not a match.

    "ours-unbound" ranks by evidence alone, as the peers do by their counts.
    """
    answers = read_answers(
        folder / f"answers-{method.split('-')[0] if method.startswith('ours') else method}.json"
    )
    if method != "ours":
        return answers
    return {
        query: [a for a in listed if proven(judge, query, a[1])]
        for query, listed in answers.items()
    }


def proven(judge: Judge, query: str, evidence: float) -> bool:
    """Whether the shipped calibration calls that evidence a match, for a query of that length."""
    calibration = load_calibration()
    return (
        calibration.p_false(evidence, float(judge.labels[query].length_s)) <= calibration.proven_p
    )


def targets(summaries: dict[str, Summary]) -> None:
    """The groups at 10 s, against their targets."""
    print("| at 10 s | target | n | " + " | ".join(summaries) + " |")
    print("|---" * (3 + len(summaries)) + "|")
    for name, (target, edits) in GROUPS.items():
        sums = [
            np.sum([s.recall_by_row.get((edit, 10), (0, 0)) for edit in edits], axis=0)
            for s in summaries.values()
        ]
        cells = " | ".join(share((int(found), int(n))) for found, n in sums)
        print(f"| {name} | {target} | {sums[0][1]} | {cells} |")


def share(found: tuple[int, int]) -> str:
    return f"{found[0] / found[1]:.2f}" if found[1] else "–"


def table(summaries: dict[str, Summary]) -> None:
    """Recall at zero false matches by edit and length; all methods side by side."""
    print(
        "| edit | "
        + " | ".join(f"{method} {length} s" for method in summaries for length in LENGTHS)
        + " |"
    )
    print("|---" * (1 + len(summaries) * len(LENGTHS)) + "|")
    for edit in ROWS:
        cells = [
            share(s.recall_by_row.get((edit, length), (0, 0)))
            for s in summaries.values()
            for length in LENGTHS
        ]
        print(f"| {edit} | " + " | ".join(cells) + " |")
    for kind in ("music", "speech", "effect"):
        cells = []
        for s in summaries.values():
            of_kind = [found for (_, k), found in s.recall_by_kind.items() if k == kind]
            cells.append(share((sum(f for f, _ in of_kind), sum(n for _, n in of_kind))))
        print(
            f"all {kind}:",
            ", ".join(f"{method} {cell}" for method, cell in zip(summaries, cells, strict=True)),
        )


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
    evidence = {
        query: {name: score for name, score, _ in a}
        for query, a in answers_of(judge, folder, "ours").items()
    }
    counts: defaultdict[str, list[bool]] = defaultdict(list)
    named: list[str] = []
    for query, listed in stored.items():
        label = judge.labels[query]
        group = (
            label.edit
            if label.expected == "part"
            else {"copy": "copies", "nothing": "strangers"}[label.expected]
        )
        above = [
            name
            for name, similarity, _ in listed
            if similarity >= THRESHOLD and name in evidence[query]
        ]
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
        answers = answers_of(judge, folder, method)
        judged = judge.all(answers)
        summary = summaries[method] = summarise(judge, judged, answers)
        count = sum(n for _, n in summary.recall_by_kind.values())
        errors = np.array(summary.errors_s or [np.nan])
        quantiles = ", ".join(f"p{q} {np.percentile(errors, q):.3f}" for q in (50, 95, 99))
        print(
            f"{method}: {count} copies, recall at zero false {summary.recall:.3f}, line"
            f" {summary.line:.4g},"
        )
        print(f"  micro-AP {summary.micro_ap:.3f}, offset error s {quantiles}; highest false:")
        for one in summary.highest_false[:8]:
            label = judge.labels[one.query]
            print(
                f"    {one.score:.4g} {one.query} ({label.edit}, {label.kind}, {label.source}) ->"
                f" {one.reference}"
            )
        both_works(judge, answers, judged, summary.line)
    targets(summaries)
    table(summaries)
    if "ours" in methods:
        at_threshold(judge, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(METHODS))
