"""The index of sounds: landmarks of registered tracks, looked up for a query in one round trip.

The SQL of the look-up is the function `sound_look_up` (`v0004_sound.sql` of the migrations).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format

from storage.database import Connection
from storage.errors import StorageError
from storage.search.sounds import merge
from storage.search.sounds.postings import pack_track, read_fresh, read_timeline
from storage.search.sounds.spans import Part, Spans, mask_of, merge_parts, read_part, sort_part
from storage.search.sounds.votes import Vote, rank, without_stop_hashes
from storage.works.works import Work

MAX_TRACK = (1 << 31) - 1
RESOLVED_AT_ONCE = 200
HASHES_AT_ONCE = 200_000
MIN_CANDIDATES = 10  # the best tracks, whatever their score
STRONG = 30.0  # nats; the least score of all further tracks, as copies of one sound reach it


class TooManyTracks(StorageError):
    """The sound index numbers tracks with 31 bits, and this work's place is beyond them."""

    code = "sound_index_full"


@dataclass(frozen=True, eq=False)
class StoredSound:
    """The stored fingerprint of a sound.

    hashes, frames: (n,) int32, its landmarks (21 bits) and their frames; reference: the bytes that
    verification reads.
    """

    hashes: NDArray[np.int32]
    frames: NDArray[np.int32]
    reference: bytes
    duration_ms: int


@dataclass(frozen=True, eq=False)
class SoundQuery:
    """The keys to look up.

    hashes: (n,) int32; positions: (n,) float32, frame in the reference if both began together;
    groups: (n,) int16, votes are counted per group.
    """

    hashes: NDArray[np.int32]
    positions: NDArray[np.float32]
    groups: NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class SoundCandidate:
    """An earlier track that agrees with the query on an offset: not yet evidence.

    group, offset_frames, votes: its best cell; score: nats above chance.
    """

    work_id: UUID
    sequence: int
    creator_id: int | None
    group: int
    offset_frames: int
    votes: int
    score: float


def add_sound(conn: Connection, work: Work, sound: StoredSound) -> bool:
    """Add a work's sound to the index; idempotent. Returns: whether this call added it.

    Raises: TooManyTracks; ValueError for landmarks out of range.
    """
    if work.sequence > MAX_TRACK:
        raise TooManyTracks
    packed = pack_track(sound.hashes, sound.frames)
    cursor = conn.execute(
        "insert into sounds (track, work_id, creator_id, duration_ms, landmarks, reference)"
        " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        (
            work.sequence,
            work.id,
            work.creator_id,
            sound.duration_ms,
            len(packed) // 8,
            sound.reference,
        ),
    )
    if cursor.rowcount == 0:
        return False
    conn.execute(
        "insert into sound_fresh (track, landmarks, postings) values (%s, %s, %s)",
        (work.sequence, len(packed) // 8, packed),
    )
    merge.merge_fresh(conn)
    return True


def publish_sound(conn: Connection, work: Work, sound: StoredSound | None) -> bool:
    """Make a sound recording visible to searches; idempotent.

    Args:
        sound: None where it has too little detail to be recognised; no search finds it then.
    Returns: whether this call made it visible.
    """
    cursor = conn.execute(
        "update works set visible_at = clock_timestamp() where id = %s and visible_at is null and"
        " erased_at is null",
        (work.id,),
    )
    if cursor.rowcount == 1 and sound is not None:
        add_sound(conn, work, sound)
    return cursor.rowcount == 1


def look_up(
    conn: Connection,
    query: SoundQuery,
    *,
    before: int,
    creator_id: int | None = None,
    max_candidates: int = 30,
    max_own: int = 5,
) -> list[SoundCandidate]:
    """Return tracks registered earlier than ``before`` that agree with the query, best score first.

    The index is read in one round trip (per ``HASHES_AT_ONCE`` hashes, which a sound of half an
    hour exceeds); a second small one maps the best tracks to works.

    Args:
        creator_id: the creator of the query, None if unnamed.
        max_candidates: the most tracks of others.
        max_own: the most tracks of the creator, a quota apart, so that a flood of own copies does
            not push the original out.
    """
    if not len(query.hashes):
        return []
    before = min(before, MAX_TRACK)
    spans, indexed = _fetch(conn, np.unique(query.hashes), before)
    spans = without_stop_hashes(spans, query.hashes, indexed)
    votes = rank(
        query.hashes, query.positions, query.groups, spans, 50 * RESOLVED_AT_ONCE, before=before
    )
    return _resolve(conn, votes, creator_id, max_candidates, max_own)


def find_references(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """Return the bytes for verification of each sound; works without sound are left out."""
    rows = conn.execute(
        "select work_id, reference from sounds where work_id = any(%s)", (list(ids),)
    ).fetchall()
    return {row[0]: bytes(row[1]) for row in rows}


def forget(conn: Connection, work_id: UUID) -> bool:
    """Remove a sound from all searches at once; its postings stay until the next merge.

    Returns: whether there was one.
    """
    return conn.execute("delete from sounds where work_id = %s", (work_id,)).rowcount > 0


class _Int4ArrayDumper(Dumper):
    """Dump a one-dimensional int32 array as int4[] in binary: thousands of keys in one copy."""

    format = Format.BINARY
    oid = 1007  # _int4

    def dump(self, obj: NDArray[np.int32]) -> bytes:
        values = np.empty((len(obj), 2), ">i4")
        values[:, 0] = 4  # bytes of the element
        values[:, 1] = obj
        # dimensions, no nulls, oid of int4, length, lower bound
        return struct.pack(">iiIii", 1, 0, 23, len(obj), 1) + values.tobytes()


def _fetch(conn: Connection, hashes: NDArray[np.int32], before: int) -> tuple[Spans, int]:
    parts: list[Part] = []
    indexed = 0
    with conn.cursor(binary=True) as cursor:
        cursor.adapters.register_dumper(np.ndarray, _Int4ArrayDumper)
        for at in range(0, len(hashes), HASHES_AT_ONCE):
            keys = hashes[at : at + HASHES_AT_ONCE]
            wanted = mask_of(keys)
            rows = cursor.execute(
                "select segment, landmarks, shift, timeline, heads, postings from"
                " sound_look_up(%b::int4[], %s)",
                (keys, before),
            ).fetchall()
            indexed = sum(row[1] for row in rows)
            parts += [
                read_part(shift, read_timeline(timeline), heads, data, wanted)
                if segment
                else sort_part(read_fresh(heads, data), wanted)
                for segment, _, shift, timeline, heads, data in rows
                if heads is not None
            ]
    return merge_parts(parts), indexed


def _resolve(
    conn: Connection, votes: list[Vote], creator_id: int | None, max_candidates: int, max_own: int
) -> list[SoundCandidate]:
    candidates: list[SoundCandidate] = []
    room = {True: max_own, False: max_candidates}
    # In batches, as dead tracks and the creator's own may fill any of them.
    for at in range(0, len(votes), RESOLVED_AT_ONCE):
        if room[False] <= 0:
            break
        batch = votes[at : at + RESOLVED_AT_ONCE]
        works = {
            row[0]: (row[1], row[2])
            for row in conn.execute(
                "select track, work_id, creator_id from sounds where track = any(%s)",
                ([v.track for v in batch],),
            )
        }
        for vote in batch:
            if len(candidates) >= MIN_CANDIDATES and vote.score < STRONG:
                return candidates  # all that follow score less
            if vote.track not in works:
                continue
            work_id, owner = works[vote.track]
            is_own = creator_id is not None and owner == creator_id
            if room[is_own] <= 0:
                continue
            room[is_own] -= 1
            candidates.append(
                SoundCandidate(
                    work_id=work_id,
                    sequence=vote.track,
                    creator_id=owner,
                    group=vote.group,
                    offset_frames=vote.offset,
                    votes=vote.votes,
                    score=vote.score,
                )
            )
    return candidates
