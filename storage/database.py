"""Connections to Postgres: a pool with pgvector's types registered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from pgvector.psycopg import register_vector
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from storage.errors import DatabaseUnavailable, UnsupportedDatabase

Connection = psycopg.Connection[TupleRow]
# What a statement raises when the server is away: no fault of what was asked.
OUTAGES = (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnavailable)

MIN_SERVER_VERSION = 150_000
MIN_PGVECTOR = (0, 8)
# A server that replays its log says so, and is ready in a while.
STARTING, STARTING_S = "the database system is", 60.0


class Database:
    """A pool of connections to one migrated database.

    Each connection is checked before use and replaced if it broke, so a restart of the server costs
    a retry and never the process.
    """

    def __init__(self, dsn: str, *, max_size: int = 10, timeout_s: float = 30.0) -> None:
        self.dsn = dsn
        self._pool = ConnectionPool(
            dsn,
            min_size=1,
            max_size=max_size,
            timeout=timeout_s,
            open=False,
            configure=_configure,
            check=ConnectionPool.check_connection,
            kwargs={"application_name": "creativity-oracle"},
        )

    def open(self) -> None:
        """Open the pool. Raises: DatabaseUnavailable if no connection comes in time."""
        try:
            self._pool.open(wait=True, timeout=self._pool.timeout)
        except PoolTimeout as exc:
            raise DatabaseUnavailable from exc

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def transaction(self, *, wait_s: float | None = None) -> Iterator[Connection]:
        """Yield a connection in one transaction: committed at the end, rolled back on an error.

        Args: wait_s: how long to wait for a connection; None for as long as usual.
        Raises: DatabaseUnavailable if the server cannot be reached or the connection breaks.
        """
        try:
            with self._pool.connection(wait_s) as conn:
                yield conn
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as exc:
            raise DatabaseUnavailable(f"The database cannot be reached: {exc}") from exc

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction whose statements all see the same moment. Raises: as `transaction`."""
        with self.transaction() as conn:
            conn.execute("set transaction isolation level repeatable read")
            yield conn


def _configure(conn: Connection) -> None:
    register_vector(conn)
    # A plan that suits every creator suits none: of ten thousand posts, or of none.
    conn.execute("set plan_cache_mode = force_custom_plan")
    conn.commit()


@contextmanager
def one_connection(dsn: str) -> Iterator[Connection]:
    """Yield a connection of its own to a server that may still be starting.

    Raises: DatabaseUnavailable, at once where nothing answers there.
    """
    try:
        with _connect(dsn) as conn:
            yield conn
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailable(f"The database cannot be reached: {exc}") from exc


def password_of(dsn: str) -> str | None:
    """The password in a DSN; None where there is none, or that is no DSN."""
    try:
        password = conninfo_to_dict(dsn).get("password")
    except psycopg.ProgrammingError:  # whoever connects says that it is wrong
        return None
    return str(password) if password else None


def _connect(dsn: str) -> Connection:
    until = time.monotonic() + STARTING_S
    while True:
        try:
            return psycopg.connect(dsn, connect_timeout=10)
        except psycopg.OperationalError as exc:
            if STARTING not in str(exc) or time.monotonic() > until:
                raise
            time.sleep(0.5)


def check_server(conn: Connection) -> None:
    """Raise UnsupportedDatabase unless this is PostgreSQL >= 15 with pgvector >= 0.8 available."""
    if conn.info.server_version < MIN_SERVER_VERSION:
        raise UnsupportedDatabase(
            "PostgreSQL 15 or newer is needed; this server is"
            f" {conn.info.server_version // 10_000}."
        )
    row = conn.execute(
        "select coalesce((select extversion from pg_extension where extname = 'vector'),"
        " default_version) from pg_available_extensions where name = 'vector'"
    ).fetchone()
    if row is None:
        raise UnsupportedDatabase("The extension pgvector is not installed on this server.")
    if tuple(int(part) for part in row[0].split(".")[:2]) < MIN_PGVECTOR:
        raise UnsupportedDatabase(
            f"pgvector 0.8 or newer is needed; this server has {row[0]}."
            " Update the package, then run: alter extension vector update"
        )
