"""Choose the system account of the server, since Postgres refuses to run as root.

An ordinary user runs it itself. Root runs it as the owner of the data folder, else as `postgres`,
else as `nobody`. Where a parent folder is closed to that account (a clone below /root, a temporary
folder of mode 0700), no permission outside the data folder is changed. The server keeps one
capability instead, which lets it pass through folders.
"""

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from storage.embedded.errors import ClosedFolder

# (name, bit in /proc/self/status). Reading suffices; most containers grant the second only.
PASSAGE_CAPABILITIES = (("dac_read_search", 2), ("dac_override", 1))
ACCOUNT_NAMES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An unprivileged account, and the capability it keeps where parent folders are closed."""

    uid: int
    gid: int
    passage: str | None = None

    def command(self, argv: list[str]) -> list[str]:
        """Return the command line that runs argv as this account.

        It execs argv, so the pid stays the same.
        """
        if self.uid == os.geteuid():
            return argv
        drop = [
            "setpriv",
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            "--no-new-privs",
        ]
        if self.passage is None:
            drop += ["--inh-caps=-all"]
        else:
            # Without no_setuid_fixup access(2), which Postgres calls, ignores capabilities.
            drop += [
                f"--{kind}=-all,+{self.passage}"
                for kind in ("bounding-set", "inh-caps", "ambient-caps")
            ]
            drop += ["--securebits=+no_setuid_fixup"]
        return drop + argv


def choose_account(data_folder: Path, must_reach: tuple[Path, ...]) -> Account:
    """Return the account for a data folder.

    Raises: ClosedFolder if root cannot change accounts, or the account cannot reach `must_reach`.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if shutil.which("setpriv") is None:
        raise ClosedFolder(
            "Postgres refuses to run as root, and setpriv (package util-linux) is not installed to"
            " leave root. Install it, or run as an ordinary user."
        )
    uid, gid = _account_ids(data_folder)
    closed = next(
        (f for path in must_reach for f in _with_parents(path) if not _may_pass(f, uid, gid)), None
    )
    return (
        Account(uid, gid) if closed is None else Account(uid, gid, _passage_capability(closed, uid))
    )


def _account_ids(data_folder: Path) -> tuple[int, int]:
    if data_folder.exists() and (status := data_folder.stat()).st_uid != 0:
        return status.st_uid, status.st_gid
    for name in ACCOUNT_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ClosedFolder(
        "Postgres refuses to run as root, and there is no account `postgres` or `nobody` to run it"
        " as. Run as an ordinary user, or add one: useradd --system postgres"
    )


def _with_parents(path: Path) -> list[Path]:
    return [folder for folder in (path, *path.parents) if folder.is_dir()]


def _may_pass(folder: Path, uid: int, gid: int) -> bool:
    status = folder.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _passage_capability(closed: Path, uid: int) -> str:
    held = _effective_capabilities()
    for name, bit in PASSAGE_CAPABILITIES:
        if held >> bit & 1:
            return name
    raise ClosedFolder(
        f"Postgres refuses to run as root and runs as {pwd.getpwuid(uid).pw_name}, which cannot"
        f" pass {closed}. Put the data folder and the installation where that account may pass"
        " (for example below /srv or /var/lib), run as an ordinary user, or open the folder: chmod"
        f" o+x {closed}"
    )


def _effective_capabilities() -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not Linux: no capabilities to keep
        return 0
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
