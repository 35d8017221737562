"""The keeper: parent of one server, which it runs while any process shares the users' lock.

Run as `python -m storage.embedded`, in its own session, so that a Ctrl-C in the terminal does not
reach the server before its users have finished. It reaps the server and restarts it after a crash.
It stops the server when the last user stopped or died, so a kill -9 of every user leaves nothing
running.
"""

import argparse
import signal
import subprocess
import time
from pathlib import Path
from types import FrameType

from storage.embedded.account import Account
from storage.embedded.cluster import PLAIN_ENVIRONMENT, Cluster
from storage.embedded.file_lock import FileLock
from storage.embedded.postmaster import clear_remains, find_postmaster, stop_postmaster

POLL_S = 0.2
STOP_TIMEOUT_S = 120.0
# A restart after which the server lives shorter than this has not helped.
SHORT_LIFE_S = 10.0
MAX_SHORT_LIVES = 3
MAX_LOG_BYTES = 10 * 1024**2


class Keeper:
    """Run the server; watch it and its users."""

    def __init__(self, cluster: Cluster, account: Account, argv: list[str]) -> None:
        self._cluster = cluster
        self._account = account
        self._argv = account.command(argv)
        self._server: subprocess.Popen[bytes] | None = None
        self._stop_requested = False

    def run(self) -> int:
        """Run until stopped. Returns: exit status, 0 after an orderly stop, 1 if the server keeps
        failing.
        """
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        with FileLock(self._cluster.lock_path("keeper")) as lock:
            if not lock.try_acquire():
                return 0  # another keeper was faster
            return self._keep()

    def _keep(self) -> int:
        short_lives = 0
        while short_lives < MAX_SHORT_LIVES:
            if find_postmaster(self._cluster) is None:
                clear_remains(self._cluster, self._account)
                self._server = self._spawn()
            started_at = time.monotonic()
            if self._watch():
                return 0
            short_lives = short_lives + 1 if time.monotonic() - started_at < SHORT_LIFE_S else 0
            time.sleep(min(0.2 * 2**short_lives, 2.0))
        return 1

    def _watch(self) -> bool:
        """Wait for the end. Returns: True if it was stopped on purpose, False if it died."""
        while self._is_alive():
            if self._stop_requested:
                stop_postmaster(self._cluster, STOP_TIMEOUT_S)
                return True
            with (
                FileLock(self._cluster.lock_path("start")) as start,
                FileLock(self._cluster.lock_path("users")) as users,
            ):
                # Under the start lock no process is between "is it running" and "I use it".
                if start.try_acquire() and users.try_acquire():
                    stop_postmaster(self._cluster, STOP_TIMEOUT_S)
                    return True
            time.sleep(POLL_S)
        return self._stop_requested or self._stopped_in_order()

    def _stopped_in_order(self) -> bool:
        if self._server is not None:
            return self._server.returncode == 0
        return not self._cluster.pid_file.exists()  # a crash leaves it behind

    def _is_alive(self) -> bool:
        if self._server is not None:
            return self._server.poll() is None
        # started by a keeper that was killed
        return find_postmaster(self._cluster) is not None

    def _spawn(self) -> "subprocess.Popen[bytes]":
        if self._cluster.log.exists() and self._cluster.log.stat().st_size > MAX_LOG_BYTES:
            self._cluster.log.replace(self._cluster.log.with_suffix(".log.1"))
            self._cluster.log.touch(mode=0o600)
        with self._cluster.log.open("ab") as log:
            return subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=PLAIN_ENVIRONMENT,
                cwd="/",
            )

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requested = True


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="storage.embedded", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--uid", type=int, required=True)
    parser.add_argument("--gid", type=int, required=True)
    parser.add_argument("--passage")
    parser.add_argument("argv", nargs="+", help="the server's command line, after --")
    options = parser.parse_args(arguments)
    account = Account(options.uid, options.gid, options.passage)
    return Keeper(Cluster(options.folder), account, options.argv).run()
