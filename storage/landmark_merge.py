"""Merging: fresh tracks into a segment, small segments into larger ones (a log-structured merge tree).

A posting is rewritten once per level, each four times as large as the last; what belongs to a forgotten track is
left behind on the way.
"""

from __future__ import annotations

import numpy as np
import psycopg
from psycopg import sql

from storage.database import Connection
from storage.landmark_postings import Postings, join, pack_buckets, read_buckets, read_fresh, shift_for

MERGE_LOCK = 0x0_50BD5
FRESH_MOST = 131_072  # postings, 1 MB: every look-up reads all fresh tracks
FAN_IN = 4
SMALL_SEGMENT = 1 << 20  # postings; merged on the spot, a fraction of a second
LARGEST_SEGMENT = 1 << 25  # postings, 0.6 GB of memory to merge


def merge_fresh(conn: Connection, *, most: int = FRESH_MOST) -> bool:
    """Turn the fresh tracks into a segment once they hold ``most`` postings; small segments follow.

    Called by whoever adds a track, in his transaction. Returns: whether anything was merged; never waits for
    another merge.
    """
    row = conn.execute("select coalesce(sum(landmarks), 0) from sound_fresh").fetchone()
    if row is None or row[0] < most or not _only_merger(conn):
        return False
    rows = conn.execute("delete from sound_fresh returning track, postings", binary=True).fetchall()
    heads = np.array([(track, len(data)) for track, data in rows], ">i4").tobytes()
    _write_segment(conn, read_fresh(heads, b"".join(data for _, data in rows)))
    while _merge_level(conn, SMALL_SEGMENT):
        pass
    return True


def merge_segments(conn: Connection) -> bool:
    """Merge one level that has enough segments, whatever its size; seconds for millions of postings.

    For a maintenance task, in a transaction of its own, until it returns False.
    """
    return _only_merger(conn) and _merge_level(conn, LARGEST_SEGMENT)


def merge_all(conn: Connection) -> None:
    """One segment out of everything, dead postings left out: after a bulk load or many erasures."""
    conn.execute("select pg_advisory_xact_lock(%s)", (MERGE_LOCK,))
    rows = conn.execute("delete from sound_fresh returning track, postings", binary=True).fetchall()
    heads = np.array([(track, len(data)) for track, data in rows], ">i4").tobytes()
    fresh = read_fresh(heads, b"".join(data for _, data in rows))
    ids = [row[0] for row in conn.execute("select id from sound_segments")]
    _write_segment(conn, join([fresh, _take_segments(conn, ids)]))


def reclaim(dsn: str) -> None:
    """Give the disk space of merged-away segments back to the system; what VACUUM alone keeps for later merges.

    Rewrites one range of hashes at a time; look-ups wait for that range, about a second for each 100 MB of it. For a
    maintenance task after `merge_segments`, on a connection of its own since VACUUM runs in no transaction.
    """
    with psycopg.connect(dsn, autocommit=True) as conn:
        ranges = conn.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'sound_buckets'::regclass"
        ).fetchall()
        for (name,) in [*ranges, ("sound_fresh",)]:
            conn.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.Identifier(name)))


def _only_merger(conn: Connection) -> bool:
    row = conn.execute("select pg_try_advisory_xact_lock(%s)", (MERGE_LOCK,)).fetchone()
    return bool(row and row[0])


def _merge_level(conn: Connection, largest: int) -> bool:
    """Merge the smallest segments of one size class, if there are enough of them and the result is not too large."""
    rows = conn.execute("select id, landmarks from sound_segments order by landmarks, id").fetchall()
    for at in range(len(rows) - FAN_IN + 1):
        group = rows[at : at + FAN_IN]
        if group[-1][1] <= FAN_IN * group[0][1] and sum(row[1] for row in group) <= largest:
            _write_segment(conn, _take_segments(conn, [row[0] for row in group]))
            return True
    return False


def _take_segments(conn: Connection, ids: list[int]) -> Postings:
    conn.execute("delete from sound_segments where id = any(%s)", (ids,))
    rows = conn.execute(
        "delete from sound_buckets where segment = any(%s) returning hash_from, postings", (ids,), binary=True
    ).fetchall()
    heads = np.array([(start, len(data)) for start, data in rows], ">i4").tobytes()
    return read_buckets(heads, b"".join(data for _, data in rows))


def _write_segment(conn: Connection, postings: Postings) -> None:
    alive = np.array([row[0] for row in conn.execute("select track from sounds where track = any(%s)",
                                                     (np.unique(postings.track).tolist(),))], np.int32)  # fmt: skip
    postings = postings.where(np.isin(postings.track, alive))
    if not len(postings):
        return
    shift = shift_for(len(postings))
    row = conn.execute(
        "insert into sound_segments (shift, landmarks) values (%s, %s) returning id", (shift, len(postings))
    ).fetchone()
    assert row is not None
    with (
        conn.cursor() as cursor,
        cursor.copy("copy sound_buckets (hash_from, segment, postings) from stdin (format binary)") as copy,
    ):
        copy.set_types(["int4", "int4", "bytea"])
        for hash_from, data in pack_buckets(postings, shift):
            copy.write_row((hash_from, row[0], data))
