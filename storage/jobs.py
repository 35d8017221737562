"""What the queue's tables say about its workers."""

from datetime import datetime

from storage.database import Connection


def find_last_heartbeat(conn: Connection) -> datetime | None:
    """When any worker last said that it lives."""
    row = conn.execute("select max(last_heartbeat) from procrastinate_workers").fetchone()
    return row[0] if row else None
