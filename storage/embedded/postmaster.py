"""The server process: is it alive, is it ready, stop it."""

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
# Length 8 and code 80877103: the shortest request that a server answers before it knows who asks
# (protocol documentation, "SSLRequest").
SSL_REQUEST = struct.pack("!ii", 8, 80_877_103)
# Lines that end in "/proc/123/cwd -> /folder"; a zombie has no working directory.
LIST_FOLDERS = "ls -l /proc/[0-9]*/cwd"
WORKING_IN = re.compile(r"/proc/(\d+)/cwd -> (.*)")


@dataclass(frozen=True)
class Postmaster:
    """A server process that was alive when it was looked at."""

    pid: int
    is_ready: bool  # by its own account: recovery is over
    socket_folder: Path


def find_postmaster(cluster: Cluster) -> Postmaster | None:
    """The living server of this data folder, or none.

    The pid alone proves nothing: after a kill -9 it is a zombie until its parent reaps it, and
    after a restart of the machine or container it may be someone else's. A living server works
    inside its data folder.
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
    """Whether the server on this socket reacts to a client, which one that was just killed no
    longer does.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(str(socket_path))
            client.sendall(SSL_REQUEST)
            return client.recv(1) != b""  # "N": not over this socket
        except OSError:
            return False


def clear_remains(cluster: Cluster, account: Account, patience_s: float = 5.0) -> None:
    """After a crash: end server processes without a parent, and drop a pid file that names no
    living server.

    The caller holds the lock that lets only one process start the server. Ended backends leave no
    damage: the next start replays the WAL. Left alone, one in a long index build would block that
    start for minutes.
    """
    for how in (signal.SIGQUIT, signal.SIGKILL):
        remains = _all_working_in(cluster.data, account)
        for pid in remains:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        deadline = time.monotonic() + patience_s
        while remains and time.monotonic() < deadline:
            time.sleep(0.02)
            remains = _all_working_in(cluster.data, account)
    # Postgres takes a zombie, or a stranger with the same pid, for a living server and refuses to
    # start: by the pid file, and by the lock beside its socket.
    with contextlib.suppress(OSError, IndexError):
        socket_folder = Path(cluster.pid_file.read_text().splitlines()[SOCKET_FOLDER_LINE])
        (socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    cluster.pid_file.unlink(missing_ok=True)


def stop_postmaster(cluster: Cluster, timeout_s: float) -> None:
    """Stop the server: fast (clients are cut, a checkpoint is written), then hard if that takes
    too long.
    """
    for how, patience_s in (
        (signal.SIGINT, timeout_s),
        (signal.SIGQUIT, 10.0),
        (signal.SIGKILL, 10.0),
    ):
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
        try:
            return Path(process.cwd()) == folder.resolve()
        except psutil.AccessDenied:
            # Root of a container may not look into processes of other accounts; command lines are
            # for all to see.
            return ["-D", str(folder)] == process.cmdline()[1:3]
    except psutil.Error:
        return False


def _all_working_in(folder: Path, account: Account) -> list[int]:
    """Every server process of a data folder, children included; their command lines say nothing
    of it.
    """
    if account.uid == os.geteuid():
        return [pid for pid in psutil.pids() if _works_in(pid, folder)]
    # Asked as that account, which may look into its own processes.
    asked = subprocess.run(
        account.command(["/bin/sh", "-c", LIST_FOLDERS]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        check=False,
    )
    found = (WORKING_IN.search(line) for line in asked.stdout.splitlines())
    return [int(match[1]) for match in found if match and match[2] == str(folder.resolve())]
