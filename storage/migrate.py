"""Migrate a database to the schema of this version (alembic, under a lock)."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from storage.database import check_server


def migrate(dsn: str) -> None:
    """Apply every missing migration; processes that start together take turns.

    Raises: UnsupportedDatabase, DatabaseUnavailable.
    """
    check_server(dsn)
    command.upgrade(_config(dsn), "head")


def is_at_head(dsn: str) -> bool:
    """Return whether the database has every migration of this version and no later one."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    with engine.connect() as conn:
        current = MigrationContext.configure(conn).get_current_heads()
    return set(current) == set(ScriptDirectory.from_config(_config(dsn)).get_heads())


def _config(dsn: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["dsn"] = dsn
    return config
