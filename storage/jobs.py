"""State of the workers, read from the job queue's tables."""

from datetime import datetime

from storage.database import Connection


def find_last_heartbeat(conn: Connection) -> datetime | None:
    """Return the time of the newest heartbeat of any worker."""
    row = conn.execute("select max(last_heartbeat) from procrastinate_workers").fetchone()
    return row[0] if row else None


def worker_is_alive(conn: Connection, *, silent_s: float = 30.0) -> bool:
    """Return whether any worker sent a heartbeat in the last `silent_s` seconds."""
    row = conn.execute(
        "select max(last_heartbeat) > now() - make_interval(secs => %s) from procrastinate_workers",
        (silent_s,),
    ).fetchone()
    return bool(row and row[0])
