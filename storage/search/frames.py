"""What the index keeps of pictures and of keyframes: both are frames of a work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import sql

from storage.database import Connection
from storage.errors import DatabaseUnavailable
from storage.search.contents import find_contents, hash_bits
from storage.works.works import Work

MODEL_LOCK = 0x0_30DE1
LOCK_TIMEOUT = "500ms"  # how long others wait at most for the index of a new model


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredFrame:
    """What is kept of a film's keyframe, shown from `frame_ms` on for `span_ms`, or of a picture.

    A picture spans nothing: what is shown longest is number 0, the other pictures of an animation
    are 1, 2, ... Features: of the proxy, or None until they are needed. Embeddings: model id ->
    (512,) float32 unit vector.
    """

    frame_ms: int = 0
    span_ms: int = 0
    phash: bytes
    phash_quality: int
    proxy: bytes
    features: bytes | None = None
    embeddings: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """What verification needs of one stored frame. features: None where nobody needed them yet."""

    work_id: UUID
    frame_ms: int
    proxy: bytes
    features: bytes | None


def add_frames(conn: Connection, work: Work, frames: Sequence[StoredFrame]) -> bool:
    """Make a work's frames visible to searches; once, however often it is called.

    Returns: whether this call made them visible, so that what else belongs to the work is added
        once as well.
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
    contents = find_contents(conn, [(f.phash, f.embeddings) for f in frames])
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into image_fingerprints (work_id, registration, creator_id, content, lead,"
            " frame_ms, span_ms, phash, phash_quality, proxy) values (%s, %s, %s,"
            " coalesce(%s, nextval('image_contents')), %s, %s, %s, %s, %s, %s)",
            [
                (
                    work.id,
                    work.sequence,
                    work.creator_id,
                    content,
                    content is None,
                    frame.frame_ms,
                    frame.span_ms,
                    hash_bits(frame.phash),
                    frame.phash_quality,
                    frame.proxy,
                )
                for frame, content in zip(frames, contents, strict=True)
            ],
        )
    for name, number in models.items():
        add_vectors(
            conn,
            work.id,
            number,
            {f.frame_ms: f.embeddings[name] for f in frames if name in f.embeddings},
        )
    features = {(work.id, f.frame_ms): f.features for f in frames if f.features is not None}
    if features:
        keep_features(conn, features)
    return True


def add_vectors(
    conn: Connection, work_id: UUID, model: int, vectors: Mapping[int, NDArray[np.float32]]
) -> int:
    """Store the vectors, frame_ms -> (512,) float32, of a work's stored frames.

    Returns: how many were added; those of frames that are gone or have theirs are not.
    """
    # Who passes the lead on is waited for. The first vector of a content leads in its model, even
    # where the lead has none, or the content could not be found by it.
    conn.execute(
        "select from image_fingerprints where work_id = %s order by content, frame_ms for share",
        (work_id,),
    )
    cursor = conn.execute(
        "insert into embeddings (model_id, work_id, frame_ms, registration, creator_id, content,"
        " lead, embedding) select %(model)s, f.work_id, f.frame_ms, f.registration, f.creator_id,"
        " f.content, not exists (select from embeddings e where e.model_id = %(model)s"
        " and e.content = f.content and e.lead), vector from"
        " unnest(%(frames)s::int[], %(vectors)b::halfvec[]) as described(frame_ms, vector)"
        " join image_fingerprints f using (frame_ms)"
        " where f.work_id = %(work)s on conflict do nothing",
        {
            "model": model,
            "work": work_id,
            "frames": list(vectors),
            "vectors": [HalfVector(vector) for vector in vectors.values()],
        },
    )
    return cursor.rowcount


def keep_features(conn: Connection, features: Mapping[tuple[UUID, int], bytes]) -> None:
    """Keep what was computed of stored frames, by (work, frame_ms), in the place of what was kept;
    frames that are gone stay gone.
    """
    # Whoever erases a work changes its row first: in one order, so that two calls cannot meet.
    conn.execute(
        "select from works where id = any(%s) order by id for share",
        (list({work_id for work_id, _ in features}),),
    )
    frames = sorted(features)
    conn.execute(
        "insert into image_features (work_id, frame_ms, packed)"
        " select new.* from unnest(%s::uuid[], %s::int[], %s::bytea[])"
        " as new(work_id, frame_ms, packed) join image_fingerprints using (work_id, frame_ms)"
        " on conflict (work_id, frame_ms) do update set packed = excluded.packed",
        (
            [work_id for work_id, _ in frames],
            [frame_ms for _, frame_ms in frames],
            [features[frame] for frame in frames],
        ),
    )


def find_references(
    conn: Connection, ids: Sequence[UUID], frames_ms: Sequence[int] | None = None
) -> dict[UUID, list[Reference]]:
    """What verification needs of each work; works that have none are left out.

    Args: frames_ms: which frame of each work, in the same order.
    Returns: of a picture all that it shows, in their order; of a video the nearest frame at or
        before the given one.
    """
    rows = conn.execute(
        "select frame.* from unnest(%s::uuid[], %s::int[]) as wanted(id, at) cross join lateral"
        " (select work_id, frame_ms, proxy, packed from image_fingerprints f left join"
        " image_features using (work_id, frame_ms) where f.work_id = id order by frame_ms > at,"
        " case when frame_ms > at then frame_ms else -frame_ms end limit case when exists (select"
        " from videos v where v.work_id = id) then 1 end) frame order by work_id, frame_ms",
        (list(ids), list(frames_ms) if frames_ms is not None else [0] * len(ids)),
    ).fetchall()
    references: dict[UUID, list[Reference]] = {}
    for row in rows:
        references.setdefault(row[0], []).append(Reference(*row))
    return references


def model_partition(conn: Connection, name: str) -> int:
    """The number of an embedding model; its partition and HNSW index are made when it is first
    seen.
    """
    row = conn.execute("select id from embedding_models where name = %s", (name,)).fetchone()
    if row is not None:
        return int(row[0])
    try:
        with conn.transaction():
            return _make_model_partition(conn, name)
    except psycopg.errors.LockNotAvailable as exc:
        raise DatabaseUnavailable(
            f"The index of the new channel {name} cannot be made while others hold locks on works;"
            " nothing was changed. It is tried again."
        ) from exc


def _make_model_partition(conn: Connection, name: str) -> int:
    # Whoever waits for a lock has all who come later wait behind it.
    conn.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    conn.execute("select pg_advisory_xact_lock(%s)", (MODEL_LOCK,))
    row = conn.execute(
        "insert into embedding_models (name) values (%s) on conflict (name) do update set name ="
        " excluded.name returning id, xmax = 0",
        (name,),
    ).fetchone()
    assert row is not None
    if not row[1]:  # another made it meanwhile
        return int(row[0])
    table = sql.Identifier(f"embeddings_m{row[0]}")
    conn.execute(
        sql.SQL(
            "create table {} (like embeddings including defaults including constraints)"
        ).format(table)
    )
    # Plain storage: a 1 KB vector must stay in the row, or each distance costs a look-up elsewhere.
    conn.execute(sql.SQL("alter table {} alter embedding set storage plain").format(table))
    conn.execute(
        sql.SQL(
            "create index on {} using hnsw (embedding halfvec_cosine_ops) with (m = 16,"
            " ef_construction = 64) where lead"
        ).format(table)
    )
    # Attaching a finished table locks out no reader, so that a dump keeps nobody waiting.
    conn.execute(
        sql.SQL("alter table embeddings attach partition {} for values in ({})").format(
            table, sql.Literal(row[0])
        )
    )
    conn.execute("set local lock_timeout to default")
    return int(row[0])
