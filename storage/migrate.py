"""Migrate a database to the schema of this version (alembic, under a lock)."""

import time
from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError

from storage.database import Connection, check_server, one_connection
from storage.errors import DatabaseUnavailable, NotMigrated

LOCK_TRIES, LOCK_PAUSE_S = 60, 2.0


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
    heads, known = _revisions()
    if current == heads:
        return Schema.CURRENT
    return Schema.OLDER if current <= known else Schema.NEWER


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """Return the newest migrations of this version, and all of them."""
    scripts = ScriptDirectory.from_config(_config())
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return frozenset(scripts.get_heads()), known


def _config(dsn: str = "") -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["dsn"] = dsn
    return config
