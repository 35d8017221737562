"""A lock that a process holds as long as its own connection to Postgres lives."""

from contextlib import suppress

import psycopg

from storage.errors import DatabaseUnavailable


class SessionLock:
    """An advisory lock on its own connection; a crash of the holder frees it."""

    def __init__(self, dsn: str, key: int) -> None:
        """`key` is any 64-bit signed number that nothing else locks."""
        self._dsn = dsn
        self._key = key
        self._conn: psycopg.Connection | None = None

    def acquire(self) -> bool:
        """Try to take the lock, or check that it is still held; do not wait.

        Returns: whether this process holds the lock.
        Raises: DatabaseUnavailable; the lock is then lost, as the server frees it with the
            connection.
        """
        try:
            if self._conn is not None:
                self._conn.execute("select 1")
                return True
            conn = psycopg.connect(
                self._dsn, autocommit=True, application_name="creativity-oracle-node"
            )
            row = conn.execute("select pg_try_advisory_lock(%s)", (self._key,)).fetchone()
        except psycopg.Error as exc:
            self.release()
            raise DatabaseUnavailable(f"The database cannot be reached: {exc}") from exc
        if row is None or not row[0]:
            conn.close()
            return False
        self._conn = conn
        return True

    def release(self) -> None:
        """Release the lock; safe to call twice."""
        conn, self._conn = self._conn, None
        if conn is None:
            return
        # Closing frees it too, but only when the server notices.
        with suppress(psycopg.Error):
            conn.execute("select pg_advisory_unlock(%s)", (self._key,))
        conn.close()
