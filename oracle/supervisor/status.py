"""Which children are down, told by the supervisor to its children in a small file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

PROCESSES = "processes.json"  # in the data folder


def write_down(path: Path, down: Mapping[str, str]) -> None:
    """Say which children are down, and why, in words."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"supervisor": os.getpid(), "down": dict(down)}))
    temporary.replace(path)


def read_down(path: Path) -> dict[str, str] | None:
    """What the supervisor of this very process said; None where there is none."""
    try:
        said = json.loads(path.read_text())
        if said["supervisor"] != os.getppid():
            return None  # of an earlier run, or of another oracle's
        return {str(name): str(why) for name, why in said["down"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
