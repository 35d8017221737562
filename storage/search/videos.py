"""Keyframes of videos in the same indexes as pictures: stored, and searched for a whole video at
once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from storage.database import Connection
from storage.search.frames import Reference, StoredFrame, add_frames
from storage.search.nearest import Lookup, find_nearest
from storage.works.works import Work

# A frame has company: what one frame's scan misses its neighbours find, so it may be a shallower
# one than a picture's.
EF_SEARCH = 64


@dataclass(frozen=True, eq=False)
class FrameQuery:
    """One way to look one frame of the query up. `frame` is the caller's own number of it."""

    frame: int
    view: str
    phash: bytes | None
    embeddings: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class FrameHit:
    """A stored frame near a frame of the query.

    channel: "phash" with a Hamming distance 0..256, or a model id with a cosine distance 0..2.
    """

    query_frame: int
    view: str
    work_id: UUID
    frame_ms: int
    channel: str
    distance: float


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameTable:
    """All frames of one work in the order of time, for alignment. A picture has one, at 0, and no
    duration.

    times_ms, spans_ms: (n,) int64; phashes: (n, 32) uint8; qualities: (n,) int64; embeddings: model
    id -> (n, 512) float32, of the models that describe every frame.
    """

    work_id: UUID
    duration_ms: int
    interval_ms: int
    plain_ms: int
    times_ms: NDArray[np.int64]
    spans_ms: NDArray[np.int64]
    phashes: NDArray[np.uint8]
    qualities: NDArray[np.int64]
    embeddings: Mapping[str, NDArray[np.float32]]


def add_video(
    conn: Connection,
    work: Work,
    frames: Sequence[StoredFrame],
    *,
    duration_ms: int,
    interval_ms: int,
    plain_ms: int,
) -> bool:
    """Make a video's fingerprint visible to searches; once, however often it is called.

    Args:
        interval_ms: the spacing at which frames were looked at; plain_ms: how much was too low
            in detail to
            be kept.
    Returns: whether this call made it visible, so that what belongs to it (its sound) is added once
        as well.
    """
    if not add_frames(conn, work, frames):
        return False
    conn.execute(
        "insert into videos (work_id, duration_ms, interval_ms, plain_ms) values (%s, %s, %s, %s)",
        (work.id, duration_ms, interval_ms, plain_ms),
    )
    return True


def find_frame_candidates(
    conn: Connection,
    queries: Sequence[FrameQuery],
    *,
    before: int,
    creator_id: int | None,
    per_frame: int = 10,
    own: int = 3,
) -> list[FrameHit]:
    """The stored frames and pictures nearest to every frame of a video, of works registered before
    `before`.

    One statement a channel for the whole video, whatever the number of frames and views.

    Args:
        per_frame: how many contents with works of others each query and channel may bring.
        own: how many of the creator's own; searched apart, as for pictures.
    """
    hits = find_nearest(
        conn,
        [Lookup(query.phash, query.embeddings) for query in queries],
        before=before,
        creator_id=creator_id,
        others=per_frame,
        own=own,
        ef_search=EF_SEARCH,
    )
    return [
        FrameHit(
            query_frame=queries[hit.lookup].frame,
            view=queries[hit.lookup].view,
            work_id=hit.work_id,
            frame_ms=hit.frame_ms,
            channel=hit.channel,
            distance=hit.distance,
        )
        for hit in hits
    ]


def find_frame_references(
    conn: Connection, frames: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], Reference]:
    """What verification needs of each frame, by (work, frame_ms); frames that are gone are left
    out.
    """
    rows = conn.execute(
        "select work_id, frame_ms, proxy, packed from image_fingerprints join"
        " unnest(%s::uuid[], %s::int[]) as wanted(work_id, frame_ms) using (work_id, frame_ms)"
        " left join image_features using (work_id, frame_ms)",
        ([work_id for work_id, _ in frames], [frame_ms for _, frame_ms in frames]),
    ).fetchall()
    return {(row[0], row[1]): Reference(*row) for row in rows}


def frames_of(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, FrameTable]:
    """Times and descriptors of all frames of these works (videos and pictures); works without
    any are left out.
    """
    facts = conn.execute(
        "select work_id, duration_ms, interval_ms, plain_ms from videos where work_id = any(%s)",
        (list(ids),),
    ).fetchall()
    known = {row[0]: row[1:] for row in facts}
    hashes: dict[UUID, list[tuple[int, int, bytes, int]]] = {}
    for row in conn.execute(
        "select work_id, frame_ms, span_ms, phash::text, phash_quality from image_fingerprints"
        " where work_id = any(%s) order by work_id, frame_ms",
        (list(ids),),
    ):
        hashes.setdefault(row[0], []).append(
            (row[1], row[2], int(row[3], 2).to_bytes(32, "big"), row[4])
        )
    vectors: dict[UUID, dict[str, dict[int, NDArray[np.float32]]]] = {}
    for row in conn.execute(
        "select e.work_id, m.name, e.frame_ms, e.embedding from embeddings e"
        " join embedding_models m on m.id = e.model_id where e.work_id = any(%s)",
        (list(ids),),
    ):
        vectors.setdefault(row[0], {}).setdefault(row[1], {})[row[2]] = (
            row[3].to_numpy().astype(np.float32)
        )
    return {
        work_id: _table(work_id, known.get(work_id, (0, 1000, 0)), rows, vectors.get(work_id, {}))
        for work_id, rows in hashes.items()
    }


def _table(
    work_id: UUID,
    facts: tuple[int, int, int],
    rows: list[tuple[int, int, bytes, int]],
    vectors: Mapping[str, Mapping[int, NDArray[np.float32]]],
) -> FrameTable:
    times = [row[0] for row in rows]
    duration_ms, interval_ms, plain_ms = facts
    return FrameTable(
        work_id=work_id,
        duration_ms=duration_ms,
        interval_ms=interval_ms,
        plain_ms=plain_ms,
        times_ms=np.array(times, np.int64),
        spans_ms=np.array([row[1] for row in rows], np.int64),
        phashes=np.frombuffer(b"".join(row[2] for row in rows), np.uint8).reshape(len(rows), 32),
        qualities=np.array([row[3] for row in rows], np.int64),
        embeddings={
            name: np.stack([by_time[time] for time in times])
            for name, by_time in vectors.items()
            if all(time in by_time for time in times)
        },
    )
