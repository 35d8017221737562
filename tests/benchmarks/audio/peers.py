"""The peers on the same files: audfprint (its own program, its published parameters) and
chromaprint's fpcalc.

    python tests/benchmarks/audio/peers.py SOUNDS_DIR --audfprint "PYTHON DIR/audfprint.py" [--only
    METHOD] [--every N]

audfprint is github.com/dpwe/audfprint at cb03ba9, run by an environment of its own (numpy, scipy,
docopt, joblib, psutil, and ffmpeg on the path): by default, and at its densest (70 landmarks a
second, fan-out 8, queries at 4 sub-frame shifts). Its score is the number of aligned landmarks.
fpcalc's words are aligned exhaustively: for every reference the offset with the fewest differing
bits, scored (1/2 - share of bits that differ) x sqrt(words), i.e. by how unlikely so few are by
chance. Both answer with their best five. Answers go to SOUNDS_DIR/answers-METHOD.json.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import time
from pathlib import Path

import numpy as np
from scoring import Answers

ANSWERS = 5
WORD_S = 1365 / 11_025  # chromaprint: one word each hop
AUDFPRINT = {
    "audfprint": ([], []),
    "audfprint-dense": (
        ["--density", "70", "--fanout", "8"],
        ["--density", "70", "--fanout", "8", "--shifts", "4"],
    ),
}
MATCHED = re.compile(
    r"^Matched (\S+) [\d.]+ sec \d+ raw hashes as (\S+) at +(-?[\d.]+) s with +(\d+) of",
    re.MULTILINE,
)


def audfprint(
    program: list[str], folder: Path, queries: list[Path], new: list[str], match: list[str]
) -> tuple[Answers, dict[str, float]]:
    """Register all references, ask the queries. Also the seconds each took, decoding included."""
    lists = {}
    for part, paths in (
        ("references", sorted((folder / "references").iterdir())),
        ("queries", queries),
    ):
        lists[part] = folder / f"{part}.list"
        lists[part].write_text("\n".join(map(str, paths)) + "\n")
    base, out = folder / "audfprint.pklz", folder / "audfprint.txt"
    common = ["--dbase", str(base), "--list", "--continue-on-error"]
    start = time.perf_counter()
    subprocess.run(
        [*program, "new", *common, *new, str(lists["references"])],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    registered = time.perf_counter()
    options = ["--max-matches", str(ANSWERS), "--opfile", str(out)]
    subprocess.run(
        [*program, "match", *common, *match, *options, str(lists["queries"])],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    spent = {"register_s": registered - start, "query_s": time.perf_counter() - registered}
    answers: Answers = {path.name: [] for path in queries}
    for query, reference, start_s, count in MATCHED.findall(out.read_text()):
        answers[Path(query).name].append((Path(reference).name, float(count), float(start_s)))
    return answers, spent


def words_of(path: Path) -> np.ndarray:
    """chromaprint's words of a file, uint32; none if it is too short."""
    run = subprocess.run(
        ["fpcalc", "-raw", "-plain", "-length", "0", path],
        capture_output=True,
        text=True,
        check=False,
    )
    text = run.stdout.strip()
    return (
        np.array(text.split(","), dtype=np.uint64).astype(np.uint32)
        if text
        else np.zeros(0, np.uint32)
    )


def best_offset(query: np.ndarray, reference: np.ndarray) -> tuple[float, int]:
    """(score, offset in words) of the best alignment; the shorter one lies wholly inside the
    longer.
    """
    inner, outer, sign = (
        (query, reference, 1) if len(query) <= len(reference) else (reference, query, -1)
    )
    windows = np.lib.stride_tricks.sliding_window_view(outer, len(inner))
    differing = np.bitwise_count(windows ^ inner[None]).sum(axis=1, dtype=np.int64)
    at = int(differing.argmin())
    return float((0.5 - differing[at] / (32 * len(inner))) * np.sqrt(len(inner))), sign * at


def chromaprint(folder: Path, queries: list[Path]) -> tuple[Answers, dict[str, float]]:
    start = time.perf_counter()
    references = {
        p.name: w for p in sorted((folder / "references").iterdir()) if len(w := words_of(p)) >= 8
    }
    registered = time.perf_counter()
    answers: Answers = {}
    for path in queries:
        words = words_of(path)
        found = []
        # silence and steady tones repeat one word
        if len(words) >= 8 and len(np.unique(words)) > 2:
            found = [(name, *best_offset(words, other)) for name, other in references.items()]
        found.sort(key=lambda one: -one[1])
        answers[path.name] = [(name, score, at * WORD_S) for name, score, at in found[:ANSWERS]]
    return answers, {"register_s": registered - start, "query_s": time.perf_counter() - registered}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--audfprint", required=True)
    parser.add_argument("--only", choices=[*AUDFPRINT, "chromaprint"])
    parser.add_argument("--every", type=int, default=1, help="ask every n-th query")
    args = parser.parse_args()
    queries = sorted((args.folder / "set" / "queries").iterdir())[:: args.every]
    for method in (*AUDFPRINT, "chromaprint"):
        if args.only not in (None, method):
            continue
        if method == "chromaprint":
            answers, spent = chromaprint(args.folder / "set", queries)
        else:
            answers, spent = audfprint(
                args.audfprint.split(), args.folder / "set", queries, *AUDFPRINT[method]
            )
        (args.folder / f"answers-{method}.json").write_text(json.dumps(answers))
        print(method, {key: round(value) for key, value in spent.items()}, flush=True)


if __name__ == "__main__":
    main()
