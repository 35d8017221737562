"""What each poster uses: works and bytes of a day, work that waits, requests of a minute."""

from dataclasses import dataclass
from datetime import date

from psycopg.rows import dict_row

from storage.database import Connection


@dataclass(frozen=True)
class Usage:
    """What a poster posted on a day (UTC)."""

    works: int = 0
    size_bytes: int = 0
    media_ms: int = 0


@dataclass(frozen=True)
class Waiting:
    """Works whose first decision is still to come: all of them, and those of one poster."""

    everybody: int
    own: int


def quotas(conn: Connection, key_id: int) -> dict[str, int]:
    """Return what a key's own quotas of a day are, by the names of their columns."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "select works_a_day, bytes_a_day, media_s_a_day from api_keys where id = %s", (key_id,)
        ).fetchone()
    return {name: value for name, value in (row or {}).items() if value is not None}


def used(conn: Connection, whose: str, day: date) -> Usage:
    """Return what a poster posted on a day so far."""
    row = conn.execute(
        "select works, size_bytes, media_ms from usage where whose = %s and day = %s", (whose, day)
    ).fetchone()
    return Usage(*row) if row else Usage()


def add(conn: Connection, whose: str, day: date, size_bytes: int, media_ms: int) -> Usage:
    """Count one more work of a poster. Returns: what was posted on that day with it."""
    row = conn.execute(
        "insert into usage as u (whose, day, works, size_bytes, media_ms) values (%s, %s, 1, %s,"
        " %s) on conflict (whose, day) do update set works = u.works + 1, size_bytes ="
        " u.size_bytes + excluded.size_bytes, media_ms = u.media_ms + excluded.media_ms returning"
        " works, size_bytes, media_ms",
        (whose, day, size_bytes, media_ms),
    ).fetchone()
    assert row is not None
    return Usage(*row)


def waiting(conn: Connection, whose: str) -> Waiting:
    """Count the works that wait for a decision."""
    row = conn.execute(
        "select count(*), count(*) filter (where w.posted_by = %s) from analyses a join works w on"
        " w.id = a.work_id where a.status in ('queued', 'running') and a.source = 'upload'",
        (whose,),
    ).fetchone()
    assert row is not None
    return Waiting(*row)


_HIT = """
insert into request_rates as r (whose, minute, hits, before)
values (%s, date_trunc('minute', clock_timestamp()), 1, 0)
on conflict (whose) do update set
    before = case when r.minute = excluded.minute then r.before
        when r.minute = excluded.minute - interval '1 minute' then r.hits else 0 end,
    hits = case when r.minute = excluded.minute then r.hits + 1 else 1 end,
    minute = excluded.minute
returning hits + before * (1 - extract(epoch from clock_timestamp() - minute)::float8 / 60),
    60 - extract(epoch from clock_timestamp() - minute)::float8
"""


def hit(conn: Connection, whose: str) -> tuple[float, float]:
    """Count a request. Returns: those of the last minute about, and when this minute ends, in
    seconds: of the minute before, as large a share counts as is left of this one.
    """
    row = conn.execute(_HIT, (whose,)).fetchone()
    assert row is not None
    return row[0], row[1]


def forget(conn: Connection, before: date) -> None:
    """Forget the usage of days before, and who has not called for an hour."""
    conn.execute("delete from usage where day < %s", (before,))
    conn.execute("delete from request_rates where minute < now() - interval '1 hour'")
