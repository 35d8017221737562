"""Migrate a database to the schema of this version (alembic, under a lock).

Every process looks at the schema, and one migrates: alembic is imported by that one alone.
"""

from __future__ import annotations

import time
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.errors import LockNotAvailable

from storage.database import Connection, check_server, one_connection
from storage.errors import DatabaseUnavailable, NotMigrated

if TYPE_CHECKING:
    from alembic.config import Config

LOCK_TRIES, LOCK_PAUSE_S = 60, 2.0
MIGRATIONS = Path(__file__).parent / "migrations"


class Schema(StrEnum):
    """How the schema of a database compares to this version's."""

    NONE = "none"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"  # or another's


SAID = {
    Schema.NONE: "not migrated: run `oracle migrate`",
    Schema.OLDER: "older than this version: run `oracle migrate`",
    Schema.CURRENT: "at the newest migration",
    Schema.NEWER: "migrated by a newer version",
}


def migrate(dsn: str) -> None:
    """Apply every missing migration, all or none; processes that start together take turns.

    Where others hold locks on what is changed, it lets those behind it pass and tries again.

    Raises: UnsupportedDatabase, DatabaseUnavailable.
    """
    from alembic import command
    from sqlalchemy.exc import OperationalError

    with one_connection(dsn) as conn:
        check_server(conn)
        if schema_of(conn) in (Schema.CURRENT, Schema.NEWER):
            return
    for _ in range(LOCK_TRIES):
        try:
            command.upgrade(_config(dsn), "head")
            return
        except OperationalError as exc:
            if not isinstance(exc.orig, LockNotAvailable):
                raise DatabaseUnavailable(f"The database cannot be migrated: {exc.orig}") from exc
        time.sleep(LOCK_PAUSE_S)
    raise DatabaseUnavailable(
        "Others hold locks on what a migration changes, such as a dump; nothing was changed. Run it"
        " again when they are done."
    )


def check_schema(conn: Connection) -> Schema:
    """Return how the schema compares, if this version can work on it: it is current, or newer.

    A newer one is what a rolling upgrade leaves to the version before: migrations of a release only
    add what that version need not know.
    Raises: UnsupportedDatabase, NotMigrated.
    """
    check_server(conn)
    schema = schema_of(conn)
    if schema in (Schema.NONE, Schema.OLDER):
        raise NotMigrated(f"The database is {SAID[schema]}.")
    return schema


def schema_of(conn: Connection) -> Schema:
    """Compare the schema of a database to this version's."""
    row = conn.execute("select to_regclass('alembic_version') is not null").fetchone()
    if not row or not row[0]:
        return Schema.NONE
    current = {row[0] for row in conn.execute("select version_num from alembic_version")}
    if not current:
        return Schema.NONE
    known = _revisions()
    if current == {max(known)}:
        return Schema.CURRENT
    return Schema.OLDER if current <= known else Schema.NEWER


@cache
def _revisions() -> frozenset[str]:
    """Return the migrations of this version, by the numbers in their files' names."""
    return frozenset(file.name[1:5] for file in (MIGRATIONS / "versions").glob("v*.py"))


def _config(dsn: str = "") -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["dsn"] = dsn
    return config
