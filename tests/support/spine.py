"""Which files of the product an upload passes through, from a profile of the running code."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("oracle", "storage", "embeddings")


@dataclass
class Profile:
    """Files by their path in the repository.

    touched: every file of which a function ran. on_the_way: those of `oracle/` that were on the
    stack when `storage/` read or wrote, so that they pass the upload on; what only computes (rules,
    documents, decoders) returns before.
    """

    touched: set[str] = field(default_factory=set)
    on_the_way: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """Forget what ran so far."""
        self.touched.clear()
        self.on_the_way.clear()

    @property
    def spine(self) -> list[str]:
        """The files that pass an upload on. A route does, though it awaits other threads."""
        routes = {path for path in self.touched if path.startswith("oracle/api/routes/")}
        return sorted(self.on_the_way | routes)


@contextmanager
def profiled() -> Iterator[Profile]:
    """Profile this thread and those that are started meanwhile."""
    profile = Profile()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or (path := _own(frame)) is None:
            return
        profile.touched.add(path)
        if _is_door(frame, path):
            profile.on_the_way |= {
                each for each in _stack(frame.f_back) if each.startswith("oracle/")
            }

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        yield profile
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def _is_door(frame: FrameType, path: str) -> bool:
    """Whether this is a call of a function of `storage/` that reads or writes rows or blobs."""
    arguments = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    return path.startswith("storage/blobs/") or (
        path.startswith("storage/") and "conn" in arguments
    )


def _stack(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if path := _own(frame):
            yield path
        frame = frame.f_back


def _own(frame: FrameType) -> str | None:
    file = frame.f_code.co_filename
    if not file.startswith(str(ROOT)) or frame.f_code.co_name == "<module>":
        return None
    path = Path(file).relative_to(ROOT).as_posix()
    return path if path.startswith(PACKAGES) and "/." not in path else None
