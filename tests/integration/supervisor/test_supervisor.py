"""The process tree: order, restarts, one Ctrl-C, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support.waiting import wait_for

from oracle.supervisor import PROCESSES, read_down

TREE = str(Path(__file__).with_name("tree.py"))
Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    trees = []

    def start(scenario: str) -> "subprocess.Popen[str]":
        tree = subprocess.Popen(
            [sys.executable, TREE, str(tmp_path), scenario],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        trees.append(tree)
        return tree

    yield start
    for tree in trees:
        with tree:  # closes the pipe and reaps
            tree.kill()


def events(root: Path) -> list[str]:
    path = root / "events"
    return path.read_text().splitlines() if path.exists() else []


def pid_of(root: Path, name: str) -> int:
    return int((root / f"{name}.pid").read_text())


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_children_start_in_order_each_when_the_one_before_is_ready(
    start: Start, tmp_path: Path
) -> None:
    start("good")
    wait_for(lambda: "top ready" in events(tmp_path))
    expected = [
        "base started",
        "base ready",
        "middle started",
        "middle ready",
        "top started",
        "top ready",
    ]
    assert events(tmp_path) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_all_in_reverse_order(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    tree = start("good")
    wait_for(lambda: "top ready" in events(tmp_path))
    os.killpg(tree.pid, number)  # as a terminal does it: to the whole foreground group
    output, _ = tree.communicate(timeout=30)
    assert tree.returncode == 0
    assert events(tmp_path)[-3:] == ["top stopped", "middle stopped", "base stopped"]
    assert "base   | base says hello" in output.splitlines()


def test_a_signal_during_the_start_stops_what_runs_and_starts_no_more(
    start: Start, tmp_path: Path
) -> None:
    tree = start("good")
    wait_for(lambda: "base started" in events(tmp_path))
    tree.send_signal(signal.SIGINT)
    tree.communicate(timeout=30)
    assert tree.returncode == 0
    assert events(tmp_path) == ["base started", "base stopped"]


def test_a_child_that_dies_is_started_again_and_the_others_go_on(
    start: Start, tmp_path: Path
) -> None:
    tree = start("good")
    wait_for(lambda: "top ready" in events(tmp_path))
    middle, others = pid_of(tmp_path, "middle"), [pid_of(tmp_path, "base"), pid_of(tmp_path, "top")]
    os.kill(middle, signal.SIGKILL)
    wait_for(lambda: events(tmp_path).count("middle ready") == 2)
    assert all(is_alive(pid) for pid in others)
    tree.send_signal(signal.SIGTERM)
    output, _ = tree.communicate(timeout=30)
    assert "middle | was killed by SIGKILL; starting it again in 0.5 s" in output.splitlines()
    assert events(tmp_path)[-3:] == ["top stopped", "middle stopped", "base stopped"]


def test_a_child_that_never_works_ends_the_tree_with_an_error(start: Start, tmp_path: Path) -> None:
    tree = start("crash")
    output, _ = tree.communicate(timeout=30)
    assert tree.returncode == 1
    assert "hopeless | ended with status 3 before it was ready; given up after 2 failures" in output
    assert events(tmp_path)[-1] == "base stopped"


def test_a_child_killed_ten_times_brings_nothing_down_and_comes_back(
    start: Start, tmp_path: Path
) -> None:
    tree = start("quick")
    wait_for(lambda: "top ready" in events(tmp_path))
    others = [pid_of(tmp_path, "base"), pid_of(tmp_path, "top")]
    for kill in range(10):
        wait_for(lambda kill=kill: events(tmp_path).count("middle ready") == kill + 1)
        os.kill(pid_of(tmp_path, "middle"), signal.SIGKILL)
        wait_for(lambda: down(tmp_path) != {})
        assert "was killed by SIGKILL" in down(tmp_path)["middle"]
    wait_for(lambda: events(tmp_path).count("middle ready") == 11)
    wait_for(lambda: down(tmp_path) == {})
    assert all(is_alive(pid) for pid in others)
    tree.send_signal(signal.SIGTERM)
    output, _ = tree.communicate(timeout=30)
    assert tree.returncode == 0
    assert "middle | was killed by SIGKILL, 10 times in a row; starting it again in" in output


def test_a_child_killed_during_the_start_is_not_given_up(start: Start, tmp_path: Path) -> None:
    tree = start("told")
    wait_for(lambda: "top started" in events(tmp_path))
    for kill in range(6):
        wait_for(lambda kill=kill: events(tmp_path).count("middle ready") == kill + 1)
        os.kill(pid_of(tmp_path, "middle"), signal.SIGKILL)
    (tmp_path / "go").touch()
    wait_for(lambda: "top ready" in events(tmp_path))
    wait_for(lambda: events(tmp_path).count("middle ready") == 7)
    tree.send_signal(signal.SIGTERM)
    output, _ = tree.communicate(timeout=30)
    assert tree.returncode == 0, output


def down(root: Path) -> dict[str, str]:
    said: dict[str, str] = json.loads((root / PROCESSES).read_text())["down"]
    return said


def test_what_the_supervisor_of_another_process_says_is_not_taken_for_ours(tmp_path: Path) -> None:
    assert read_down(tmp_path / PROCESSES) is None
    for text in ("", "[]", '{"down": {"worker": "gone"}, "supervisor": 1}'):
        (tmp_path / PROCESSES).write_text(text)
        assert read_down(tmp_path / PROCESSES) is None
    (tmp_path / PROCESSES).write_text(
        json.dumps({"down": {"worker": "gone"}, "supervisor": os.getppid()})
    )
    assert read_down(tmp_path / PROCESSES) == {"worker": "gone"}


def test_what_runs_once_may_end_as_it_likes(start: Start, tmp_path: Path) -> None:
    tree = start("once")
    wait_for(lambda: "top ready" in events(tmp_path))
    assert tree.stdout is not None
    # until it is said: a tree that is stopping no longer asks how anything ended
    while tree.stdout.readline() != "brief  | ended with status 3\n":
        assert tree.poll() is None
    tree.send_signal(signal.SIGTERM)
    tree.communicate(timeout=30)
    assert tree.returncode == 0
    assert events(tmp_path).count("brief started") == 1
    assert events(tmp_path)[-2:] == ["top stopped", "base stopped"]


def test_a_program_that_does_not_exist_ends_the_tree_with_an_error(start: Start) -> None:
    tree = start("missing")
    output, _ = tree.communicate(timeout=30)
    assert tree.returncode == 1
    assert "absent | cannot be started" in output and "no-such-program" in output


def test_a_child_that_will_not_stop_is_killed_when_its_grace_is_over(
    start: Start, tmp_path: Path
) -> None:
    tree = start("stubborn")
    wait_for(lambda: "mule ready" in events(tmp_path))
    mule = pid_of(tmp_path, "mule")
    tree.send_signal(signal.SIGTERM)
    output, _ = tree.communicate(timeout=30)
    assert tree.returncode == 0
    assert "mule   | still running after 1 s of grace: killed" in output.splitlines()
    assert not is_alive(mule)
    assert events(tmp_path)[-1] == "base stopped"


def test_a_kill_of_the_supervisor_leaves_nothing_running(start: Start, tmp_path: Path) -> None:
    tree = start("good")
    wait_for(lambda: "top ready" in events(tmp_path))
    pids = [pid_of(tmp_path, name) for name in ("base", "middle", "top")]
    assert all(is_alive(pid) for pid in pids)
    tree.kill()
    wait_for(lambda: not any(is_alive(pid) for pid in pids))


def test_output_that_nobody_reads_does_not_stop_the_children(start: Start, tmp_path: Path) -> None:
    tree = start("good")
    assert tree.stdout is not None
    tree.stdout.close()  # as `| head` does when it has seen enough
    wait_for(lambda: "top ready" in events(tmp_path))
    tree.send_signal(signal.SIGTERM)
    assert tree.wait(timeout=30) == 0
    assert events(tmp_path)[-1] == "base stopped"
