"""Merge fresh tracks into a segment, and small segments into larger ones (a log-structured merge
tree).

A segment is always more than GROWTH times as large as all smaller ones together, so that a look-up
reads few of them. A posting is rewritten about twice for each threefold growth of the index;
postings of forgotten tracks are dropped on the way. A merge writes a new table and retires the old
ones. The next `merge_segments` drops these, so that no look-up waits and nothing needs vacuuming.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby

import numpy as np
import psycopg
from psycopg import sql

from storage.database import Connection
from storage.search.sounds.postings import (
    MAX_HASH,
    MAX_PLACES,
    STEP_FRAMES,
    Postings,
    join,
    pack_segment,
    read_fresh,
    read_segment,
    read_timeline,
)

MERGE_LOCK = 0x0_50BD5
MAX_FRESH = 131_072  # postings, 1 MB: every look-up reads all fresh tracks
GROWTH = 2
SMALL_SEGMENT = 1 << 20  # postings; merged at once, in a fraction of a second
SPLIT_SEGMENT = 1 << 24  # postings; larger ones are split into RANGES
RANGES = 8  # of the hash
MAX_SEGMENT = 1 << 25  # postings, 0.6 GB of memory to merge
# The longest that freeing space may hold up look-ups, while it waits for those before them.
LOCK_TIMEOUT_MS, RECLAIM_TIMEOUT_MS = 250, 2000
BLOAT_BYTES = 1 << 18  # less dead space of the fresh tracks is not worth a lock

_Range = tuple[int, int]  # the first hash and the last
_EVERYTHING = (0, MAX_HASH)


def merge_fresh(conn: Connection, *, max_fresh: int = MAX_FRESH) -> bool:
    """Merge the fresh tracks into a segment once they hold ``max_fresh`` postings, then small
    segments.

    Runs in the transaction that adds a track. Never waits for another merge.
    Returns: whether anything was merged.
    """
    row = conn.execute("select coalesce(sum(landmarks), 0) from sound_fresh").fetchone()
    if row is None or row[0] < max_fresh or not _only_merger(conn):
        return False
    _write_segments(conn, _take_fresh(conn), _EVERYTHING)
    while _merge_level(conn, SMALL_SEGMENT):
        pass
    return True


def merge_segments(conn: Connection) -> bool:
    """Drop retired tables, or merge one level that has enough segments: seconds for millions of
    postings.

    A maintenance task calls it, in a transaction of its own, until it returns False.
    """
    if not _only_merger(conn):
        return False
    # Not both: dropping holds up look-ups until the transaction ends.
    return _tidy(conn) or _merge_level(conn, MAX_SEGMENT)


def merge_all(conn: Connection) -> None:
    """Merge into as few segments as possible, without dead postings: after bulk loads, erasures."""
    conn.execute("select pg_advisory_xact_lock(%s)", (MERGE_LOCK,))
    fresh = _take_fresh(conn)
    rows = conn.execute(
        "select id, first_hash, last_hash from sound_segments order by first_hash, id"
    ).fetchall()
    whole = [row[0] for row in rows if (row[1], row[2]) == _EVERYTHING]
    fresh = join([fresh, _take_segments(conn, whole)])
    ranges = sorted({(row[1], row[2]) for row in rows} - {_EVERYTHING}) or [_EVERYTHING]
    for part in ranges:
        own = _take_segments(
            conn, [row[0] for row in rows if (row[1], row[2]) == part and part != _EVERYTHING]
        )
        _write_segments(
            conn, join([own, fresh.where((fresh.hash >= part[0]) & (fresh.hash <= part[1]))]), part
        )


def reclaim(dsn: str) -> None:
    """Return the disk space of retired tables and dead fresh tracks to the system.

    Waits a moment for running look-ups; where something long reads, such as a dump, it leaves the
    rest for another day: everybody else would wait behind it. Opens its own connection, since
    VACUUM runs outside of transactions.
    """
    with psycopg.connect(dsn, autocommit=True) as conn, suppress(psycopg.errors.LockNotAvailable):
        conn.execute(
            sql.SQL("set lock_timeout = {}").format(sql.Literal(f"{RECLAIM_TIMEOUT_MS}ms"))
        )
        with conn.transaction():
            conn.execute("select pg_advisory_xact_lock(%s)", (MERGE_LOCK,))
            conn.execute("lock table sound_fresh in access exclusive mode")
            _drop_retired(conn)
        conn.execute("vacuum (full, analyze) sound_fresh")
        conn.execute("vacuum (full, analyze) sound_segments")


def _only_merger(conn: Connection) -> bool:
    row = conn.execute("select pg_try_advisory_xact_lock(%s)", (MERGE_LOCK,)).fetchone()
    return bool(row and row[0])


def _tidy(conn: Connection) -> bool:
    """Free the space of retired tables, unless a reader or writer holds the lock for long.

    Returns: whether it did.
    """
    row = conn.execute(
        "select exists (select from sound_retired), pg_total_relation_size('sound_fresh'),"
        " (select coalesce(sum(octet_length(postings)), 0) from sound_fresh)"
    ).fetchone()
    assert row is not None
    retired, taken, needed = row
    bloated = taken > 2 * needed + BLOAT_BYTES
    if not retired and not bloated:
        return False
    try:
        with conn.transaction():
            conn.execute(
                sql.SQL("set local lock_timeout = {}").format(sql.Literal(f"{LOCK_TIMEOUT_MS}ms"))
            )
            conn.execute("lock table sound_fresh in access exclusive mode")
            _drop_retired(conn)
            if bloated:
                rows = conn.execute(
                    "select track, landmarks, postings from sound_fresh", binary=True
                ).fetchall()
                conn.execute("truncate sound_fresh")
                with conn.cursor() as cursor:
                    cursor.executemany(
                        "insert into sound_fresh (track, landmarks, postings) values (%s, %s, %s)",
                        rows,
                    )
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _drop_retired(conn: Connection) -> None:
    for (segment,) in conn.execute("delete from sound_retired returning segment").fetchall():
        conn.execute(sql.SQL("drop table {}").format(_table(segment)))


def _merge_level(conn: Connection, max_landmarks: int) -> bool:
    """Merge the small segments of one range of hashes if there are enough and the result fits."""
    rows = conn.execute(
        "select id, landmarks, places, first_hash, last_hash from sound_segments"
        " order by first_hash, last_hash, landmarks, id"
    ).fetchall()
    for hashes, group in groupby(rows, lambda row: row[3:]):
        ids: list[int] = []
        landmarks = places = merged = 0
        for number, (segment, own_landmarks, own_places, *_) in enumerate(group):
            ids.append(segment)
            if landmarks + own_landmarks > max_landmarks or places + own_places > MAX_PLACES:
                break
            if number and own_landmarks <= GROWTH * landmarks:
                merged = number + 1
            landmarks, places = landmarks + own_landmarks, places + own_places
        if merged:
            _write_segments(conn, _take_segments(conn, ids[:merged]), hashes)
            return True
    return False


def _take_fresh(conn: Connection) -> Postings:
    rows = conn.execute("delete from sound_fresh returning track, postings", binary=True).fetchall()
    heads = np.array([(track, len(data)) for track, data in rows], ">i4").tobytes()
    return read_fresh(heads, b"".join(data for _, data in rows))


def _take_segments(conn: Connection, ids: list[int]) -> Postings:
    parts = []
    for segment, shift, timeline in conn.execute(
        "delete from sound_segments where id = any(%s) returning id, shift, timeline",
        (ids,),
        binary=True,
    ).fetchall():
        rows = conn.execute(
            sql.SQL("select hash_from, postings from {}").format(_table(segment)), binary=True
        ).fetchall()
        heads = np.array([(start, len(data)) for start, data in rows], ">i4").tobytes()
        parts.append(
            read_segment(shift, read_timeline(timeline), heads, b"".join(data for _, data in rows))
        )
        conn.execute("insert into sound_retired (segment) values (%s)", (segment,))
    return join(parts)


def _write_segments(conn: Connection, postings: Postings, hashes: _Range) -> None:
    """Write the postings of living tracks. hashes: the range that these are all postings of."""
    tracks = np.unique(postings.track).tolist()
    alive = conn.execute("select track from sounds where track = any(%s)", (tracks,)).fetchall()
    postings = postings.where(
        np.isin(postings.track, np.array([row[0] for row in alive], np.int32))
    )
    width = (MAX_HASH + 1) // RANGES
    split = hashes == _EVERYTHING and len(postings) > SPLIT_SEGMENT
    for low, high in (
        [(at, at + width - 1) for at in range(0, MAX_HASH, width)] if split else [hashes]
    ):
        for part in _split_by_length(
            postings.where((postings.hash >= low) & (postings.hash <= high))
        ):
            _write_segment(conn, part, (low, high))


def _split_by_length(postings: Postings) -> Iterator[Postings]:
    """Yield postings in parts that fit one timeline: one, unless thousands of tracks are hours
    long.
    """
    if not len(postings):
        return
    tracks, at = np.unique(postings.track, return_inverse=True)
    last = np.zeros(len(tracks), np.int64)
    np.maximum.at(last, at, postings.frame)
    part = (np.cumsum(last + STEP_FRAMES) * 2 // MAX_PLACES)[at]
    for number in np.unique(part):
        yield postings.where(part == number)


def _write_segment(conn: Connection, postings: Postings, hashes: _Range) -> None:
    segment = pack_segment(postings)
    row = conn.execute(
        "insert into sound_segments (first_hash, last_hash, shift, landmarks, places, timeline)"
        " values (%s, %s, %s, %s, %s, %s) returning id",
        (
            *hashes,
            segment.shift,
            len(postings),
            int(segment.timeline.starts[-1]),
            segment.timeline.pack(),
        ),
    ).fetchone()
    assert row is not None
    # Written once: nothing to vacuum. Rows of up to half a page stay whole.
    for statement in (
        "create table {} (hash_from int4 not null, postings bytea not null)"
        " with (autovacuum_enabled = off, toast_tuple_target = 4080)",
        "alter table {} alter postings set storage external",
    ):
        conn.execute(sql.SQL(statement).format(_table(row[0])))
    copying = sql.SQL("copy {} (hash_from, postings) from stdin (format binary)").format(
        _table(row[0])
    )
    with conn.cursor() as cursor, cursor.copy(copying) as copy:
        copy.set_types(["int4", "bytea"])
        for bucket in segment.buckets:
            copy.write_row(bucket)
    conn.execute(sql.SQL("alter table {} add primary key (hash_from)").format(_table(row[0])))


def _table(segment: int) -> sql.Identifier:
    return sql.Identifier(f"sound_postings_{segment}")
