"""Keyframes of videos in the same indexes as pictures: stored, searched for a whole video in one
statement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from storage.database import Connection
from storage.search.images import NO_CREATOR, Reference, hash_bits, model_partition
from storage.works.works import Work

# A frame has company: what one frame's scan misses its neighbours find, so it may be a shallower
# one than a picture's.
FRAME_SETTINGS = (
    "select set_config('hnsw.ef_search', '64', true), set_config('hnsw.iterative_scan',"
    " 'relaxed_order', true), set_config('plan_cache_mode', 'force_custom_plan', true)"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredFrame:
    """One keyframe: shown from `frame_ms` on for `span_ms`.

    Embeddings: model id -> (512,) float32 unit vector.
    """

    frame_ms: int
    span_ms: int
    phash: bytes
    phash_quality: int
    proxy: bytes
    embeddings: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


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
    models = {
        name: model_partition(conn, name)
        for name in sorted({m for f in frames for m in f.embeddings})
    }
    cursor = conn.execute(
        "update works set visible_at = clock_timestamp() where id = %s and visible_at is null and"
        " erased_at is null",
        (work.id,),
    )
    if cursor.rowcount == 0:
        return False
    conn.execute(
        "insert into videos (work_id, duration_ms, interval_ms, plain_ms) values (%s, %s, %s, %s)",
        (work.id, duration_ms, interval_ms, plain_ms),
    )
    owner = (work.id, work.sequence, work.creator_id)
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into image_fingerprints (work_id, registration, creator_id, frame_ms, span_ms,"
            " phash, phash_quality, proxy) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (*owner, f.frame_ms, f.span_ms, hash_bits(f.phash), f.phash_quality, f.proxy)
                for f in frames
            ],
        )
        cursor.executemany(
            "insert into embeddings (work_id, registration, creator_id, frame_ms, model_id,"
            " embedding) values (%s, %s, %s, %s, %s, %s)",
            [
                (*owner, f.frame_ms, models[m], HalfVector(v))
                for f in frames
                for m, v in f.embeddings.items()
            ],
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

    One statement for the whole video, whatever the number of frames, views and models.

    Args:
        per_frame: how many frames of others each query and channel may bring.
        own: how many of the creator's own; searched apart, as for pictures.
    """
    names = sorted({name for query in queries for name in query.embeddings})
    conn.execute(FRAME_SETTINGS)
    models: dict[str, int] = dict(
        conn.execute(
            "select name, id from embedding_models where name = any(%s)", (names,)
        ).fetchall()
    )
    hashed = [q for q in queries if q.phash is not None]
    parts = [_hash_part(creator_id)] if hashed else []
    parameters: dict[str, object] = {
        "before": before,
        "creator": NO_CREATOR if creator_id is None else creator_id,
        "others": per_frame,
        "own": own,
        "hash_of": [queries.index(q) for q in hashed],
        "hashes": [hash_bits(q.phash).to_text() for q in hashed if q.phash is not None],
    }
    for name, number in models.items():
        described = [
            (at, q.embeddings[name]) for at, q in enumerate(queries) if name in q.embeddings
        ]
        parts.append(_vector_part(number, creator_id))
        parameters[f"of_{number}"] = [at for at, _ in described]
        parameters[f"vectors_{number}"] = [HalfVector(vector) for _, vector in described]
    if not parts:
        return []
    channels = {number: name for name, number in models.items()} | {0: "phash"}
    rows = conn.execute(" union all ".join(parts), parameters).fetchall()
    return [
        FrameHit(
            query_frame=queries[at].frame,
            view=queries[at].view,
            work_id=work_id,
            frame_ms=frame_ms,
            channel=channels[channel],
            distance=float(distance),
        )
        for at, channel, work_id, frame_ms, distance in rows
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


def _hash_part(creator_id: int | None) -> str:
    nearest = (
        "(select work_id, frame_ms, phash <~> hash::bit(256) as distance from image_fingerprints"
        " where registration < %(before)s and {whose} order by phash <~> hash::bit(256) limit"
        " {limit})"
    )
    return (
        "(select at, 0 as channel, work_id, frame_ms, distance"
        " from unnest(%(hash_of)s::int[], %(hashes)s::text[]) as query(at, hash)"
        f" cross join lateral ({_whose(nearest, creator_id)}) nearest)"
    )


def _vector_part(number: int, creator_id: int | None) -> str:
    # The model is a constant, so that the planner searches its partition only.
    nearest = (
        "(select work_id, frame_ms, embedding <=> vector as distance from embeddings where"
        f" model_id = {int(number)} and registration < %(before)s and"
        " {whose} order by embedding <=> vector limit {limit})"
    )
    return (
        f"(select at, {int(number)}, work_id, frame_ms, distance from"
        f" unnest(%(of_{number})s::int[], %(vectors_{number})b::halfvec[]) as query(at, vector)"
        f" cross join lateral ({_whose(nearest, creator_id)}) nearest)"
    )


def _whose(nearest: str, creator_id: int | None) -> str:
    others = nearest.format(whose="creator_id is distinct from %(creator)s", limit="%(others)s")
    if creator_id is None:
        return others
    return f"{others} union all {nearest.format(whose='creator_id = %(creator)s', limit='%(own)s')}"
