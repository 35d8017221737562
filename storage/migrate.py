"""Migrate a database to the schema of this version (alembic, under a lock)."""

from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from storage.database import Connection, check_server


def migrate(dsn: str) -> None:
    """Apply every missing migration; processes that start together take turns.

    Raises: UnsupportedDatabase, DatabaseUnavailable.
    """
    check_server(dsn)
    command.upgrade(_config(dsn), "head")


class Schema(StrEnum):
    """How the schema of a database compares to this version's."""

    NONE = "none"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"  # or another's


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
