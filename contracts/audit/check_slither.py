#!/usr/bin/env python3
"""Compare slither's results with the answers in SLITHER.md: each result is named there, under its detector.

Usage: check_slither.py RESULTS.json      exit status 1, and the results without an answer, if any
Standard library only.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ANSWERS = Path(__file__).resolve().parents[1] / "SLITHER.md"


def place(element: dict[str, Any]) -> str:
    """`Contract.function`, and `.variable` where the result is about one."""
    names = [element["name"]]
    parent = element["type_specific_fields"].get("parent")
    while parent and parent["type"] in ("function", "contract", "event"):
        names.append(parent["name"])
        parent = (
            parent["type_specific_fields"].get("parent") if parent["type"] != "contract" else None
        )
    return ".".join(reversed(names))


def results(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Detector and place of each result."""
    return {
        (result["check"], place(result["elements"][0]))
        for result in document["results"].get("detectors", [])
    }


def answered(text: str) -> set[tuple[str, str]]:
    """Detector and place of each answer: rows of the table, places between backticks."""
    rows = re.findall(r"^\| ([a-z-]+) \| (.*?) \|", text, re.MULTILINE)
    return {(check, name) for check, places in rows for name in re.findall(r"`([^`]+)`", places)}


def main() -> int:
    found = results(json.loads(Path(sys.argv[1]).read_text()))
    known = answered(ANSWERS.read_text())
    for check, name in sorted(found - known):
        print(f"without an answer in SLITHER.md: {check} {name}", file=sys.stderr)
    for check, name in sorted(known - found):
        print(f"answered and no longer found: {check} {name}", file=sys.stderr)
    print(f"slither: {len(found)} places, {len(found & known)} answered")
    return 0 if found == known else 1


if __name__ == "__main__":
    raise SystemExit(main())
