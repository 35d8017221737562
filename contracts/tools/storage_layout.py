#!/usr/bin/env python3
"""Write, or compare, where every field of every namespace lies: contracts/storage-layout.json.

An upgrade may append fields, or fill bytes that no field had. One that moves, retypes or removes a
field would read another's bytes as its own; the check names it.

Usage: contracts/tools/storage_layout.py           build and write
       contracts/tools/storage_layout.py --check   build and compare; exit status 1 on a difference
Needs Python 3.11 and `npm ci` in contracts/. Standard library only.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

CONTRACTS_DIR = Path(__file__).resolve().parents[1]
SNAPSHOT = CONTRACTS_DIR / "storage-layout.json"

Layout = dict[str, list[str]]


def read_layout() -> Layout:
    """Each struct reachable from a namespace: its fields as `slot+offset type name`, in order."""
    # Compiles what changed since the last build or test, by content.
    subprocess.run(
        [CONTRACTS_DIR / "tools" / "forge", "build"],
        cwd=CONTRACTS_DIR,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    artifact = CONTRACTS_DIR / "out" / "Layouts.sol" / "Layouts.json"
    document: dict[str, Any] = json.loads(artifact.read_text())["storageLayout"]
    structs = {}
    for type_id, kind in document["types"].items():
        if "members" in kind:
            name = _named(type_id)
            structs[name] = [
                f"{field['slot']}+{field['offset']} {_named(field['type'])} {field['label']}"
                for field in kind["members"]
            ]
    return dict(sorted(structs.items()))


def moved(before: Layout, after: Layout) -> list[str]:
    """Fields of `before` that `after` does not have in the same place; new ones may fill bytes
    that were unused.
    """
    return [
        f"{struct}: {field}"
        for struct, fields in before.items()
        for field in fields
        if field not in after.get(struct, [])
    ]


def _named(type_id: str) -> str:
    """The type without the compiler's running numbers, which change with every new file."""
    return re.sub(r"\)\d+", ")", type_id)


def main() -> int:
    layout = read_layout()
    text = json.dumps(layout, indent=1) + "\n"
    if "--check" not in sys.argv[1:]:
        SNAPSHOT.write_text(text)
        print(f"wrote {SNAPSHOT}")
        return 0
    if SNAPSHOT.read_text() == text:
        return 0
    faults = moved(json.loads(SNAPSHOT.read_text()), layout)
    if faults:
        print("an upgrade would misread:\n  " + "\n  ".join(faults), file=sys.stderr)
    else:
        print("fields were added; run contracts/tools/storage_layout.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
