"""Alembic's entry point: run the migrations in one transaction, one process at a time."""

import psycopg
from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

LOCK = 0x0C0FFEE  # any number that nothing else in this database locks


def run() -> None:
    # psycopg reads the DSN itself: SQLAlchemy's URL form cannot carry every libpq option.
    dsn = context.config.attributes["dsn"]
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    with engine.connect() as conn:
        conn.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
        # Whoever waits for a lock has all who come later wait behind it.
        conn.execute(text("set lock_timeout = '3s'"))
        conn.commit()
        context.configure(connection=conn)
        with context.begin_transaction():
            context.run_migrations()
        conn.commit()


run()
