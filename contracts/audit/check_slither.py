#!/usr/bin/env python3
"""Compare slither's results with the answers in SLITHER.md: each is named there, by detector.

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
    names: list[str] = []
    at: dict[str, Any] | None = element
    while at and (at is element or at["type"] in ("function", "contract", "event")):
        names.append(at["name"])
        at = at.get("type_specific_fields", {}).get("parent")
    return ".".join(reversed(names))


def results(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Detector and place of each result."""
    return {
        (result["check"], place(result["elements"][0]))
        for result in document["results"].get("detectors", [])
    }


def answered(text: str) -> set[tuple[str, str]]:
    """Detector and place of each answer: rows of slither's table, places between backticks."""
    table = text.split("\n## slither\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-z-]+) \| (.*?) \|", table, re.MULTILINE)
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
