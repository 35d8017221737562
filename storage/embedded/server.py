"""Start, find and stop the embedded server."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from storage.embedded.account import Account, choose_account
from storage.embedded.binaries import Binaries, find_binaries
from storage.embedded.cluster import PORT, Cluster
from storage.embedded.errors import EmbeddedServerError, ServerStartFailed, ServerStartTimeout
from storage.embedded.file_lock import FileLock
from storage.embedded.keeper import STOP_TIMEOUT_S
from storage.embedded.postmaster import answers, find_postmaster, stop_postmaster
from storage.embedded.tuning import default_settings

log = structlog.get_logger(__name__)

POLL_S = 0.05
PROGRESS_EVERY_S = 5.0
KEEPER_LEAVES_WITHIN_S = 30.0


class EmbeddedPostgres:
    """A PostgreSQL server with pgvector in one folder, shared by every process that starts it
    there.

    The first start() creates the cluster and runs the server; later ones join it. The server stops
    with its last user, whether that user called stop(), ended or was killed. After a kill -9 of the
    server itself its keeper restarts it with all that was committed, and so does the next start()
    in any process.

    Args:
        data_dir: Folder for data, log and socket; created if absent. Nothing outside it is changed.
        start_timeout_s: How long start() waits: minutes, since replay of the WAL after a crash is
            slow.
        settings: Postgres settings that override `tuning.default_settings`; without effect when
            this call joins a running server.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        start_timeout_s: float = 900.0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._cluster = Cluster(data_dir)
        self._start_timeout_s = start_timeout_s
        self._settings = dict(settings or {})
        self._use = FileLock(self._cluster.lock_path("users"), shared=True)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._dsn: str | None = None

    @property
    def dsn(self) -> str:
        """Return the superuser's libpq URI. Raises: EmbeddedServerError before start()."""
        if self._dsn is None:
            raise EmbeddedServerError("The embedded server has not been started.")
        return self._dsn

    def start(self) -> str:
        """Run or join the server on this folder, and wait until it accepts connections.

        Returns: the DSN, the same at every start unless the data folder moves.
        Raises: BinariesMissing, ClosedFolder, ForeignDataFolder, ServerStartFailed,
            ServerStartTimeout.
        """
        deadline = time.monotonic() + self._start_timeout_s
        binaries = find_binaries()
        self._cluster.make_folder()
        account = choose_account(self._cluster.data, (binaries.home, self._cluster.folder))
        self._cluster.check_owner(account)
        with FileLock(self._cluster.lock_path("start")) as start:
            try:
                start.acquire(self._start_timeout_s)
                if not self._use.held:
                    self._use.acquire(self._start_timeout_s)
            except TimeoutError as exc:
                raise ServerStartTimeout(str(exc)) from exc
            if not self._cluster.is_initialised:
                log.info("postgres.initialise", folder=str(self._cluster.folder))
                self._cluster.initialise(binaries, account)
            self._run_until_ready(binaries, account, deadline)
            self._dsn = self._cluster.dsn(account)
        return self._dsn

    def stop(self) -> bool:
        """End this use of the server, and stop it unless another process uses it.

        Returns: whether the server is stopped.
        """
        if not self._use.held:
            return not self.is_running()
        with FileLock(self._cluster.lock_path("start")) as start:
            start.acquire(self._start_timeout_s)
            self._use.release()
            with FileLock(self._cluster.lock_path("users")) as users:
                if not users.try_acquire():
                    return False
                stop_postmaster(self._cluster, STOP_TIMEOUT_S)
            # The folder can be removed only when the keeper is gone too.
            with FileLock(self._cluster.lock_path("keeper")) as keeper:
                keeper.acquire(KEEPER_LEAVES_WITHIN_S)
        if self._keeper is not None:
            self._keeper.wait()  # ours to reap
            self._keeper = None
        return True

    def is_running(self) -> bool:
        """Return whether the server accepts connections."""
        postmaster = find_postmaster(self._cluster)
        if postmaster is None or not postmaster.is_ready:
            return False
        return answers(postmaster.socket_folder / f".s.PGSQL.{PORT}")

    def _run_until_ready(self, binaries: Binaries, account: Account, deadline: float) -> None:
        began = logged = time.monotonic()
        if self._keeper is not None and self._keeper.poll() is not None:
            self._keeper = None  # an earlier keeper's end does not concern this start
        self._ensure_keeper(binaries, account)
        while not self.is_running():
            now = time.monotonic()
            if now > deadline:
                raise ServerStartTimeout(
                    f"Postgres is still starting after {now - began:.0f} s (it may be replaying"
                    " its log after a crash); call again to go on waiting. Its last words:"
                    f" {self._cluster.last_log_lines(1)}"
                )
            if now - logged > PROGRESS_EVERY_S:
                logged = now
                log.info(
                    "postgres.starting",
                    waited_s=round(now - began),
                    log=self._cluster.last_log_lines(1),
                )
            time.sleep(POLL_S)
            self._ensure_keeper(binaries, account)

    def _ensure_keeper(self, binaries: Binaries, account: Account) -> None:
        """Start a keeper unless one runs; the caller holds the start lock."""
        if self._keeper is not None:
            if self._keeper.poll() is None:
                return
            if self._keeper.returncode > 0:  # it gave up; a killed one (negative) is replaced
                raise ServerStartFailed(
                    f"Postgres did not start. The end of {self._cluster.log}:\n"
                    + self._cluster.last_log_lines()
                )
        with FileLock(self._cluster.lock_path("keeper")) as keeper:
            if not keeper.try_acquire():
                return
        self._keeper = self._spawn_keeper(binaries, account)

    def _spawn_keeper(self, binaries: Binaries, account: Account) -> "subprocess.Popen[bytes]":
        settings = default_settings(binaries) | self._settings
        server = [str(binaries.postgres), "-D", str(self._cluster.data), "-p", str(PORT)]
        server += ["-k", str(self._cluster.socket_folder(account))]
        server += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        keeper = [sys.executable, "-m", "storage.embedded", str(self._cluster.folder)]
        keeper += [f"--uid={account.uid}", f"--gid={account.gid}"]
        keeper += [] if account.passage is None else [f"--passage={account.passage}"]
        self._cluster.log.touch(mode=0o600)  # failed statements are logged with their data
        with self._cluster.log.open("ab") as output:
            return subprocess.Popen(
                [*keeper, "--", *server],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
