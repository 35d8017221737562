"""One data folder: its paths, and its creation."""

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from storage.embedded.account import Account
from storage.embedded.binaries import Binaries
from storage.embedded.errors import ForeignDataFolder, ServerStartFailed

SUPERUSER = "oracle"
DATABASE = "oracle"
PORT = 5432  # part of the socket's name; nothing listens on TCP
# sun_path holds 108 bytes on Linux and 104 on macOS, with the name of the socket and a final zero.
MAX_SOCKET_FOLDER = 103 - len(f"/.s.PGSQL.{PORT}")

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--auth-local=trust",  # any client that may enter the 0700 socket folder
    "--auth-host=reject",
    "--no-instructions",
)
# The caller's locale, if not installed, would stop initdb; PG* variables would redirect it.
PLAIN_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


class Cluster:
    """The paths of one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "pgdata"
        self.log = self.folder / "postgres.log"
        self.pid_file = self.data / "postmaster.pid"
        self._socket_folder_record = self.folder / "socket_folder"

    def lock_path(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    def make_folder(self) -> None:
        """Create the folder.

        Raises: ForeignDataFolder if it belongs to another account or is a server's data directory.
        """
        root = os.geteuid() == 0
        # Under root the server's account must pass through here to pgdata, which itself is 0700.
        self.folder.mkdir(mode=0o711 if root else 0o700, parents=True, exist_ok=True)
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise ForeignDataFolder(
                f"{self.folder} belongs to another account and cannot be written."
            )
        if (self.folder / "PG_VERSION").exists():
            raise ForeignDataFolder(
                f"{self.folder} is itself the data directory of a Postgres server; choose another"
                " folder."
            )

    def socket_folder(self, account: Account) -> Path:
        """Return a folder of mode 0700, the same at every start, with a path short enough for a
        socket.
        """
        folder = self.folder / "run"
        if len(os.fsencode(folder)) > MAX_SOCKET_FOLDER:
            folder = self._short_socket_folder(account)
        folder.mkdir(mode=0o700, exist_ok=True)
        _own(folder, account)
        return folder

    def _short_socket_folder(self, account: Account) -> Path:
        record = self._socket_folder_record
        if record.exists():
            folder = Path(record.read_text())
            # The temporary folder may be gone, and one of its name may belong to another user.
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == account.uid:
                return folder
        folder = Path(tempfile.mkdtemp(prefix="oracle-pg-", dir="/tmp"))
        record.write_text(str(folder))
        return folder

    def dsn(self, account: Account) -> str:
        """Return the superuser's libpq URI, over the socket."""
        host = quote(str(self.socket_folder(account)), safe="")
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={host}&port={PORT}"

    @property
    def is_initialised(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def initialise(self, binaries: Binaries, account: Account) -> None:
        """Create the cluster and its database. A crash in the middle leaves no finished cluster."""
        draft = self.folder / "pgdata.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        _own(draft, account)
        self._run(account, [str(binaries.initdb), f"--pgdata={draft}", *INITDB_OPTIONS])
        single = [str(binaries.postgres), "--single", "-D", str(draft), "postgres"]
        self._run(account, single, stdin=f"create database {DATABASE};\n")
        draft.rename(self.data)

    def _run(self, account: Account, argv: list[str], stdin: str = "") -> None:
        process = subprocess.run(
            account.command(argv),
            input=stdin,
            capture_output=True,
            text=True,
            env=PLAIN_ENVIRONMENT,
            cwd="/",
            check=False,
        )
        if process.returncode != 0:
            raise ServerStartFailed(
                f"{Path(argv[0]).name} failed: {(process.stderr or process.stdout).strip()[-2000:]}"
            )

    def check_owner(self, account: Account) -> None:
        """Raise ForeignDataFolder unless the account owns the data, as Postgres requires."""
        if self.is_initialised and self.data.stat().st_uid != account.uid:
            raise ForeignDataFolder(
                f"{self.data} belongs to uid {self.data.stat().st_uid}, and the server would run as"
                f" uid {account.uid}. Run as that account, or choose another folder."
            )

    def last_log_lines(self, count: int = 15) -> str:
        """Return the end of the server's log."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 8192))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])


def _own(folder: Path, account: Account) -> None:
    status = folder.stat()
    if status.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)
