"""A process tree for the tests. usage: tree.py ROOT_FOLDER SCENARIO

Each child appends "NAME event" lines to ROOT_FOLDER/events and writes its pid to
ROOT_FOLDER/NAME.pid.
"""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from oracle.supervisor import PROCESSES, ChildSpec, Supervisor, tree, write_down


def child(root: Path, name: str, behaviour: str) -> None:
    def note(event: str) -> None:
        with (root / "events").open("a") as events:
            events.write(f"{name} {event}\n")

    def end(*_arguments: object) -> None:
        note("stopped")
        sys.exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else end)
    (root / f"{name}.pid").write_text(str(os.getpid()))
    note("started")
    print(f"{name} says hello", flush=True)
    if behaviour == "crash":
        sys.exit(3)
    time.sleep(0.5 if behaviour == "slow" else 0)
    while behaviour == "told" and not (root / "go").exists():
        time.sleep(0.02)
    (root / f"{name}.ready").touch()
    note("ready")
    while True:
        time.sleep(0.1)


def spec(root: Path, name: str, behaviour: str = "good", max_failures: int = 5) -> ChildSpec:
    argv = (sys.executable, __file__, str(root), "child", name, behaviour)
    return ChildSpec(
        name=name,
        argv=argv,
        ready=(root / f"{name}.ready").exists,
        grace_s=1.0,
        max_failures=max_failures,
    )


def main(root: Path, scenario: str) -> int:
    scenarios = {
        "good": [spec(root, "base", "slow"), spec(root, "middle"), spec(root, "top")],
        "quick": [spec(root, "base"), spec(root, "middle"), spec(root, "top")],
        "told": [spec(root, "base"), spec(root, "middle"), spec(root, "top", "told")],
        "crash": [spec(root, "base"), spec(root, "hopeless", "crash", max_failures=2)],
        "stubborn": [spec(root, "base"), spec(root, "mule", "stubborn")],
        "once": [
            spec(root, "base"),
            replace(spec(root, "brief", "crash"), ready=None, once=True, max_failures=1),
            spec(root, "top"),
        ],
        "missing": [
            spec(root, "base"),
            ChildSpec(name="absent", argv=(str(root / "no-such-program"),), max_failures=1),
        ],
    }
    if scenario in ("quick", "told"):
        # As often as a real tree in a minute; the pauses themselves are a unit test's.
        tree.backoff_s = lambda _failures: 0.05
    return Supervisor(
        scenarios[scenario], on_down=lambda down: write_down(root / PROCESSES, down)
    ).run()


if __name__ == "__main__":
    if sys.argv[2] == "child":
        child(Path(sys.argv[1]), *sys.argv[3:])
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
