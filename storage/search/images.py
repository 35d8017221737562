"""Candidates for a match: nearest earlier works by perceptual hash and by embedding, in one
round trip.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import Bit, HalfVector
from psycopg import sql

from storage.database import Connection
from storage.errors import DatabaseUnavailable
from storage.works.works import Work

# ef_search bounds what an HNSW scan can return; iterative scans go on when filters eat the first
# answers.
SEARCH_SETTINGS = (
    "select set_config('hnsw.ef_search', '200', true),"
    " set_config('hnsw.iterative_scan', 'relaxed_order', true)"
)
# A work without a creator has no earlier works of its own: every stored creator is distinct from
# this number.
NO_CREATOR = -1
# Unrelated pictures differ in 128 bits with a deviation of 8: so near a hash is that frame or its
# neighbour.
DISTINCTIVE_BITS = 80


@dataclass(frozen=True)
class View:
    """One way to look at the query: the whole picture, its mirror image, a crop."""

    name: str
    phash: bytes
    embeddings: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class ImageCandidate:
    """A work that came out of an index: the best raw distances over all views, not yet evidence.

    frame_ms: which frame of a video to verify against, the nearest by hash or else by embedding; 0
        for a picture.
    """

    work_id: UUID
    phash_distance: int | None = None
    phash_view: str | None = None
    cosines: Mapping[str, float] = field(default_factory=dict)
    found_by: tuple[str, ...] = ()
    frame_ms: int = 0

    def as_json(self) -> dict[str, Any]:
        """By which index it was found, and how near."""
        facts = {
            "found_by": list(self.found_by),
            "phash_distance": self.phash_distance,
            "cosines": dict(self.cosines),
        }
        return facts | ({"frame_ms": self.frame_ms} if self.frame_ms else {})


def find_candidates(
    conn: Connection,
    views: Sequence[View],
    *,
    sha256: bytes,
    before: int,
    creator_id: int | None,
    per_view: int = 20,
    own: int = 5,
) -> list[ImageCandidate]:
    """Nearest works registered earlier than `before`, best first by channel, merged over views.

    Works of the same creator are searched apart with their own small quota: a creator who posts a
    copy a hundred times must not push the original out of the answer.

    Args:
        before: the subject's own sequence number; only works with a smaller one are searched.
        creator_id: the subject's creator, None where no creator was named.
        per_view: how many works of others each view and channel may bring.
        own: how many of the creator's own works each view and channel may bring.
    """
    conn.execute(SEARCH_SETTINGS)
    owner = NO_CREATOR if creator_id is None else creator_id
    candidates: dict[UUID, ImageCandidate] = {}
    for work_id in same_bytes(conn, sha256, before):
        candidates[work_id] = ImageCandidate(work_id=work_id, found_by=("sha256",))
    for work_id, frame_ms, view, distance in _nearest_hashes(
        conn, views, before, owner, per_view, own
    ):
        candidates[work_id] = _with_hash(
            candidates.get(work_id) or ImageCandidate(work_id=work_id), frame_ms, view, distance
        )
    for work_id, frame_ms, model, cosine in _nearest_embeddings(
        conn, views, before, owner, per_view, own
    ):
        candidates[work_id] = _with_cosine(
            candidates.get(work_id) or ImageCandidate(work_id=work_id), frame_ms, model, cosine
        )
    return list(candidates.values())


def find_sources(conn: Connection, ids: Sequence[UUID], before: int) -> list[ImageCandidate]:
    """The earlier works that these works were themselves found to repeat, other than those given.

    Of a video that a picture was found to be a frame of: at that frame.
    """
    rows = conn.execute(
        "select distinct on (s.id) s.id, coalesce(frame_ms, 0) from analyses a join works s on"
        " s.id = a.matched_work_id left join lateral (select (m->>'frame_ms')::int as frame_ms"
        " from   jsonb_array_elements(convert_from(a.evidence, 'UTF8')::jsonb->'matches') m  "
        " where m->'work'->>'id' = s.id::text limit 1) seen on true where a.work_id = any(%(ids)s)"
        " and a.verdict <> 'original' and s.erased_at is null and s.registration < %(before)s"
        " and s.id <> all(%(ids)s) order by s.id, frame_ms is null, a.decided_at desc",
        {"ids": list(ids), "before": before},
    ).fetchall()
    return [
        ImageCandidate(work_id=row[0], found_by=("source_of_match",), frame_ms=row[1])
        for row in rows
    ]


def copies_among(conn: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the works that were themselves found to copy an earlier one."""
    rows = conn.execute(
        "select distinct on (work_id) work_id, verdict from analyses where work_id = any(%s) and"
        " verdict is not null order by work_id, decided_at desc",
        (list(ids),),
    ).fetchall()
    return {row[0] for row in rows if row[1] in ("derivative", "licensed")}


@dataclass(frozen=True)
class Reference:
    """What verification needs of one stored picture or keyframe.

    features: None where nobody needed them yet.
    """

    work_id: UUID
    frame_ms: int
    proxy: bytes
    features: bytes | None


def find_references(
    conn: Connection, ids: Sequence[UUID], frames_ms: Sequence[int] | None = None
) -> dict[UUID, Reference]:
    """What verification needs of each work; works that have none are left out.

    Args: frames_ms: which frame of each work, in the same order; of a video the nearest frame at or
        before it.
    """
    rows = conn.execute(
        "select id, nearest.* from unnest(%s::uuid[], %s::int[]) as wanted(id, at) cross join"
        " lateral (select frame_ms, proxy, packed from image_fingerprints f left join"
        " image_features using (work_id, frame_ms) where f.work_id = id order by frame_ms > at,"
        " case when frame_ms > at then frame_ms else -frame_ms end limit 1) nearest",
        (list(ids), list(frames_ms) if frames_ms is not None else [0] * len(ids)),
    ).fetchall()
    return {row[0]: Reference(*row) for row in rows}


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


def same_bytes(conn: Connection, sha256: bytes, before: int) -> list[UUID]:
    """The first few earlier works whose file is the same, byte for byte."""
    rows = conn.execute(
        "select id from works where sha256 = %s and registration < %s and erased_at is null"
        " order by registration limit 3",
        (sha256, before),
    ).fetchall()
    return [row[0] for row in rows]


def _nearest_hashes(
    conn: Connection, views: Sequence[View], before: int, owner: int, per_view: int, own: int
) -> list[tuple[UUID, int, str, int]]:
    rows = conn.execute(
        """
        with query(view, hash) as (select * from unnest(%(views)s::text[], %(hashes)s::text[]))
        select work_id, frame_ms, view, distance from query cross join lateral (
            (select work_id, frame_ms, phash <~> hash::bit(256) as distance from image_fingerprints
             where registration < %(before)s and creator_id is distinct from %(creator)s
             order by phash <~> hash::bit(256) limit %(others)s)
            union all
            (select work_id, frame_ms, phash <~> hash::bit(256) from image_fingerprints
             where registration < %(before)s and creator_id = %(creator)s and %(creator)s <> -1
             order by phash <~> hash::bit(256) limit %(own)s)
        ) nearest
        """,
        {
            "views": [v.name for v in views],
            "hashes": [hash_bits(v.phash).to_text() for v in views],
            "before": before,
            "creator": owner,
            "others": per_view,
            "own": own,
        },
    ).fetchall()
    return [(row[0], row[1], row[2], int(row[3])) for row in rows]


def _nearest_embeddings(
    conn: Connection, views: Sequence[View], before: int, owner: int, per_view: int, own: int
) -> list[tuple[UUID, int, str, float]]:
    queries = [(name, vector) for view in views for name, vector in view.embeddings.items()]
    models: dict[str, int] = dict(
        conn.execute(
            "select name, id from embedding_models where name = any(%s)",
            ([name for name, _ in queries],),
        ).fetchall()
    )
    hits = []
    # One statement per vector: the model must be a constant for the planner to search one partition
    # only.
    for name, vector in queries:
        if name not in models:
            continue
        nearest = (
            "(select work_id, frame_ms, embedding <=> %(q)s as distance from embeddings where"
            " model_id = {model} and registration < %(before)s and {whose} order by embedding <=>"
            " %(q)s limit {limit})"
        )
        others = nearest.format(
            model=int(models[name]),
            whose="creator_id is distinct from %(creator)s",
            limit=int(per_view),
        )
        mine = nearest.format(
            model=int(models[name]), whose="creator_id = %(creator)s", limit=int(own)
        )
        statement = others if owner == NO_CREATOR else f"{others} union all {mine}"
        rows = conn.execute(
            statement, {"q": HalfVector(vector), "before": before, "creator": owner}
        ).fetchall()
        hits += [(row[0], row[1], name, 1.0 - float(row[2])) for row in rows]
    return hits


def _with_hash(
    candidate: ImageCandidate, frame_ms: int, view: str, distance: int
) -> ImageCandidate:
    if candidate.phash_distance is not None and candidate.phash_distance <= distance:
        return candidate
    # Among the frames of one video a near hash is the surest; a far one says nothing about which
    # frame it is.
    nearest = frame_ms if distance <= DISTINCTIVE_BITS else candidate.frame_ms
    return replace(
        candidate,
        phash_distance=distance,
        phash_view=view,
        found_by=_also(candidate, "phash"),
        frame_ms=nearest,
    )


def _with_cosine(
    candidate: ImageCandidate, frame_ms: int, model: str, cosine: float
) -> ImageCandidate:
    hashed = candidate.phash_distance is not None and candidate.phash_distance <= DISTINCTIVE_BITS
    better = not hashed and cosine > max(candidate.cosines.values(), default=-1.0)
    return replace(
        candidate,
        cosines={**candidate.cosines, model: max(cosine, candidate.cosines.get(model, -1.0))},
        found_by=_also(candidate, model),
        frame_ms=frame_ms if better else candidate.frame_ms,
    )


def _also(candidate: ImageCandidate, channel: str) -> tuple[str, ...]:
    return candidate.found_by if channel in candidate.found_by else (*candidate.found_by, channel)


MODEL_LOCK = 0x0_30DE1
LOCK_TIMEOUT = "500ms"  # how long others wait at most for the index of a new model


def make_visible(
    conn: Connection,
    work: Work,
    *,
    phash: bytes,
    phash_quality: int,
    proxy: bytes,
    features: bytes | None = None,
    embeddings: Mapping[str, NDArray[np.float32]],
) -> None:
    """Make a picture's fingerprint visible to searches; once, however often it is called.

    Args:
        phash: 32 bytes, the 256-bit perceptual hash.
        embeddings: model id -> (512,) float32 unit vector.
    """
    models = {name: model_partition(conn, name) for name in sorted(embeddings)}
    cursor = conn.execute(
        "update works set visible_at = clock_timestamp() where id = %s and visible_at is null and"
        " erased_at is null",
        (work.id,),
    )
    if cursor.rowcount == 0:
        return
    conn.execute(
        "insert into image_fingerprints (work_id, registration, creator_id, phash, phash_quality,"
        " proxy) values (%s, %s, %s, %s, %s, %s)",
        (work.id, work.sequence, work.creator_id, hash_bits(phash), phash_quality, proxy),
    )
    if features is not None:
        keep_features(conn, {(work.id, 0): features})
    for name, vector in embeddings.items():
        conn.execute(
            "insert into embeddings (model_id, work_id, registration, creator_id, embedding)"
            " values (%s, %s, %s, %s, %s)",
            (models[name], work.id, work.sequence, work.creator_id, HalfVector(vector)),
        )


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
            " ef_construction = 64)"
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


def hash_bits(phash: bytes) -> Bit:
    """A perceptual hash of 32 bytes as pgvector's bit(256)."""
    return Bit(phash)
