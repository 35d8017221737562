"""Fresh databases in a second: clones of one migrated template (as procrastinate's tests do)."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from storage.migrate import migrate

TEMPLATE = "oracle_template"
# Tests kill processes, not machines: what the kernel has is safe, and fsync would only cost time.
FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "256MB",
    "max_connections": "100",
}

MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2 * 1024**3

_numbers = itertools.count(1)


@contextmanager
def server_folder(otherwise: Path) -> Iterator[Path]:
    """A folder for a server's data: in memory if there is room, since every test copies a
    database.
    """
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < MEMORY_NEEDED:
        yield otherwise
        return
    for left in MEMORY.glob("oracle-tests-*"):  # by a run that was killed
        if not psutil.pid_exists(int(left.name.split("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"oracle-tests-{os.getpid()}-", dir=MEMORY))
    yield folder
    shutil.rmtree(folder)


def make_template(server_dsn: str) -> str:
    """Create the migrated template database. Returns: its name."""
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    migrate(_dsn_of(server_dsn, TEMPLATE))
    return TEMPLATE


@contextmanager
def cloned_database(server_dsn: str, template: str) -> Iterator[str]:
    """The DSN of a new database, dropped afterwards together with whatever is still connected to
    it.
    """
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        # Copied as files: ten times faster than through the log, which is Postgres' own choice.
        clone = sql.SQL("create database {} template {} strategy file_copy")
        conn.execute(clone.format(sql.Identifier(name), sql.Identifier(template)))
        yield _dsn_of(server_dsn, name)
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@contextmanager
def empty_database(server_dsn: str) -> Iterator[str]:
    """The DSN of a new database without any schema, dropped afterwards."""
    with cloned_database(server_dsn, "template1") as dsn:
        yield dsn


def _dsn_of(server_dsn: str, database: str) -> str:
    return make_conninfo(**{**conninfo_to_dict(server_dsn), "dbname": database})
