"""Locks between processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.embedded.file_lock import FileLock

HOLD = "import sys; from pathlib import Path; from storage.embedded.file_lock import FileLock\n"
HOLD += "FileLock(Path(sys.argv[1])).acquire(5); print('held', flush=True); sys.stdin.read()"


def test_one_exclusive_holder_or_many_shared_ones(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        FileLock(path) as alone,
        FileLock(path, shared=True) as first,
        FileLock(path, shared=True) as second,
    ):
        assert alone.try_acquire()
        assert not first.try_acquire()
        alone.release()
        assert first.try_acquire() and second.try_acquire()
        assert not alone.try_acquire()


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError, match="locked by another process"):
            FileLock(path).acquire(0.1)
        holder.kill()
        holder.wait()
        with FileLock(path) as lock:
            lock.acquire(5)
            assert lock.held
