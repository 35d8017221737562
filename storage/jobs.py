"""What the queue's tables say about its workers."""

from datetime import datetime

from storage.database import Connection


def find_last_heartbeat(conn: Connection) -> datetime | None:
    """When any worker last said that it lives."""
    row = conn.execute("select max(last_heartbeat) from procrastinate_workers").fetchone()
    return row[0] if row else None


def worker_is_alive(conn: Connection, *, silent_s: float = 30.0) -> bool:
    """Whether any worker said so lately."""
    row = conn.execute(
        "select max(last_heartbeat) > now() - make_interval(secs => %s) from procrastinate_workers",
        (silent_s,),
    ).fetchone()
    return bool(row and row[0])
