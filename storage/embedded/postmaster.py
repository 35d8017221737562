"""The server process: find it, check it, stop it."""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from storage.embedded.account import Account
from storage.embedded.cluster import PORT, Cluster

# Lines of postmaster.pid (src/include/utils/pidfile.h), counted from 0.
PID_LINE, SOCKET_FOLDER_LINE, STATUS_LINE = 0, 4, 7
# Length 8 and code 80877103 ("SSLRequest"): the shortest request answered before authentication.
SSL_REQUEST = struct.pack("!ii", 8, 80_877_103)
# Its lines end in "/proc/123/cwd -> /folder"; a zombie has no working directory.
LIST_FOLDERS = "ls -l /proc/[0-9]*/cwd"
WORKING_IN = re.compile(r"/proc/(\d+)/cwd -> (.*)")


@dataclass(frozen=True)
class Postmaster:
    """A server process that was alive when it was checked."""

    pid: int
    is_ready: bool  # it states so itself: recovery is over
    socket_folder: Path


def find_postmaster(cluster: Cluster) -> Postmaster | None:
    """Return the living server of this data folder, or None.

    The pid alone proves nothing: after a kill -9 it is a zombie until its parent reaps it, and
    after a restart of the machine or container it may be another program's. A living server's
    working directory is its data folder.
    """
    try:
        lines = cluster.pid_file.read_text().splitlines()
        pid = int(lines[PID_LINE])
        socket_folder = Path(lines[SOCKET_FOLDER_LINE])
    except (OSError, ValueError, IndexError):
        return None
    if not _works_in(pid, cluster.data):
        return None
    is_ready = len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready"
    return Postmaster(pid, is_ready, socket_folder)


def answers(socket_path: Path, timeout_s: float = 5.0) -> bool:
    """Return whether the server on this socket reacts to a client; one just killed does not."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(str(socket_path))
            client.sendall(SSL_REQUEST)
            return client.recv(1) != b""  # "N": not over this socket
        except OSError:
            return False


def clear_remains(cluster: Cluster, account: Account, wait_s: float = 5.0) -> None:
    """After a crash, end orphaned server processes and delete a pid file of no living server.

    The caller holds the start lock. Ended backends do no damage: the next start replays the WAL. An
    orphan in a long index build would block that start for minutes.
    """
    for signal_ in (signal.SIGQUIT, signal.SIGKILL):
        remains = _all_working_in(cluster.data, account)
        for pid in remains:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_)
        deadline = time.monotonic() + wait_s
        while remains and time.monotonic() < deadline:
            time.sleep(0.02)
            remains = _all_working_in(cluster.data, account)
    # By the pid file and the lock beside its socket, Postgres takes a zombie or another program of
    # the same pid for a living server, and refuses to start.
    with contextlib.suppress(OSError, IndexError):
        socket_folder = Path(cluster.pid_file.read_text().splitlines()[SOCKET_FOLDER_LINE])
        (socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    cluster.pid_file.unlink(missing_ok=True)


def stop_postmaster(cluster: Cluster, timeout_s: float) -> None:
    """Stop the server: fast (clients are cut, a checkpoint is written), then hard."""
    for signal_, wait_s in (
        (signal.SIGINT, timeout_s),
        (signal.SIGQUIT, 10.0),
        (signal.SIGKILL, 10.0),
    ):
        postmaster = find_postmaster(cluster)
        if postmaster is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster.pid, signal_)
        deadline = time.monotonic() + wait_s
        while find_postmaster(cluster) is not None and time.monotonic() < deadline:
            time.sleep(0.02)


def _works_in(pid: int, folder: Path) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        try:
            return Path(process.cwd()) == folder.resolve()
        except psutil.AccessDenied:
            # Root in a container may not inspect other accounts' processes, only command lines.
            return ["-D", str(folder)] == process.cmdline()[1:3]
    except psutil.Error:
        return False


def _all_working_in(folder: Path, account: Account) -> list[int]:
    """Return every server process of a data folder, with children, which no command line tells."""
    if account.uid == os.geteuid():
        return [pid for pid in psutil.pids() if _works_in(pid, folder)]
    # Listed as that account, which may inspect its own processes.
    listing = subprocess.run(
        account.command(["/bin/sh", "-c", LIST_FOLDERS]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        check=False,
    )
    matches = (WORKING_IN.search(line) for line in listing.stdout.splitlines())
    return [int(match[1]) for match in matches if match and match[2] == str(folder.resolve())]
