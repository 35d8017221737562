"""The server process: is it alive, is it ready, stop it."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from storage.embedded.cluster import Cluster

# Lines of postmaster.pid (src/include/utils/pidfile.h), counted from 0.
PID_LINE, STATUS_LINE = 0, 7


@dataclass(frozen=True)
class Postmaster:
    """A server process that was alive when it was looked at."""

    pid: int
    is_ready: bool


def find_postmaster(cluster: Cluster) -> Postmaster | None:
    """The living server of this data folder, or none.

    The pid alone proves nothing: after a kill -9 it is a zombie until its parent reaps it, and after a
    restart of the machine or container it may be someone else's. A living server works inside its data
    folder.
    """
    try:
        lines = cluster.pid_file.read_text().splitlines()
        pid = int(lines[PID_LINE])
    except (OSError, ValueError, IndexError):
        return None
    if not _works_in(pid, cluster.data):
        return None
    return Postmaster(pid, len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready")


def clear_remains(cluster: Cluster, patience_s: float = 5.0) -> None:
    """After a crash: end server processes without a parent, and drop a pid file that names no living server.

    The caller holds the lock that lets only one process start the server. Ended backends leave no damage: the
    next start replays the WAL. Left alone, one in a long index build would block that start for minutes.
    """
    remains = [p for p in psutil.process_iter() if _works_in(p.pid, cluster.data)]
    for how in (signal.SIGQUIT, signal.SIGKILL):
        for process in remains:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(how)
        _, remains = psutil.wait_procs(remains, timeout=patience_s)
    # Postgres takes a zombie, or a stranger with the same pid, for a living server and refuses to start.
    cluster.pid_file.unlink(missing_ok=True)


def stop_postmaster(cluster: Cluster, timeout_s: float) -> None:
    """Stop the server: fast (clients are cut, a checkpoint is written), then hard if that takes too long."""
    for how, patience_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        postmaster = find_postmaster(cluster)
        if postmaster is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster.pid, how)
        deadline = time.monotonic() + patience_s
        while find_postmaster(cluster) is not None and time.monotonic() < deadline:
            time.sleep(0.02)


def _works_in(pid: int, folder: Path) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return bool(process.cwd()) and Path(process.cwd()) == folder.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
