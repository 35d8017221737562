"""State of the workers, read from the job queue's tables."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

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


@dataclass(frozen=True)
class QueueState:
    """A queue of jobs.

    Attributes:
        waiting, running: how many jobs.
        oldest_s: how long the oldest of those that wait has been there; None where none waits.
        attempts: the most tries that one of them has behind it.
    """

    queue: str
    waiting: int
    running: int
    oldest_s: float | None
    attempts: int


def queues(conn: Connection) -> list[QueueState]:
    """Return every queue that holds a job."""
    with conn.cursor(row_factory=class_row(QueueState)) as cursor:
        return cursor.execute(
            "select j.queue_name as queue, count(*) filter (where j.status = 'todo') as waiting,"
            " count(*) filter (where j.status = 'doing') as running, (extract(epoch from"
            " clock_timestamp() - min(e.at) filter (where j.status = 'todo')))::float as oldest_s,"
            " max(j.attempts) as attempts from procrastinate_jobs j left join"
            " procrastinate_events e on e.job_id = j.id and e.type = 'deferred' where j.status in"
            " ('todo', 'doing') group by 1 order by 1"
        ).fetchall()


def count_waiting_decisions(conn: Connection) -> int:
    """Return how many decisions wait for earlier works, without a job."""
    (count,) = conn.execute("select count(*) from waiting_decisions").fetchone() or (0,)
    return int(count)
