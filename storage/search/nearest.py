"""The nearest earlier frames by hash and by vector: of near contents, the works that matter.

Contents come from the indexes, where each stands once. Of a content the works come that are nearest
and those that were first: whichever of a thousand equal ones is the source, it was early.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from pgvector import HalfVector

from storage.database import Connection
from storage.search.contents import hash_bits

log = structlog.get_logger()

HASH_BITS = 31  # up to this distance a near band is sure
OF_CONTENT = 3  # nearest works, and first ones, of others and of the creator's own
# A work without a creator has no earlier works of its own: every stored creator is distinct from
# this number.
NO_CREATOR = -1


@dataclass(frozen=True, eq=False)
class Lookup:
    """One way to look something up: by a hash of 32 bytes, by vectors, model id -> (512,) float32,
    or by both.
    """

    phash: bytes | None
    embeddings: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Hit:
    """A frame near the lookup of that number. channel: "phash", with a Hamming distance, or a model
    id, with a cosine distance.
    """

    lookup: int
    channel: str
    work_id: UUID
    frame_ms: int
    distance: float


def find_nearest(
    conn: Connection,
    lookups: Sequence[Lookup],
    *,
    before: int,
    creator_id: int | None,
    others: int,
    own: int,
    ef_search: int,
) -> list[Hit]:
    """Frames of works numbered below `before`, near each lookup by each of its channels.

    By hash: all within 31 bits. By vector: as many as there are, up to the limits; where the index
    answers with fewer, which happens to graphs with many alike, all vectors are compared.

    Args:
        others: how many contents with works of others than this creator each lookup may bring.
        own: how many led by a work of this creator's, searched apart: a creator who posts a copy a
            hundred times must not push the original out of the answer.
        ef_search: how many candidates HNSW keeps; iterative scans go on when filters eat them.
    """
    conn.execute(
        "select set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan',"
        " 'relaxed_order', true), set_config('plan_cache_mode', 'force_custom_plan', true)",
        (str(ef_search),),
    )
    terms = {
        "before": before,
        "creator": NO_CREATOR if creator_id is None else creator_id,
        "others": others,
        "own": own,
    }
    hits = _by_hash(conn, lookups, terms)
    names = sorted({name for lookup in lookups for name in lookup.embeddings})
    models = conn.execute(
        "select name, id from embedding_models where name = any(%s)", (names,)
    ).fetchall()
    for name, number in models:
        described = {
            at: lookup.embeddings[name]
            for at, lookup in enumerate(lookups)
            if name in lookup.embeddings
        }
        hits += _by_vector(conn, name, int(number), described, terms)
    return hits


def _by_hash(conn: Connection, lookups: Sequence[Lookup], terms: Mapping[str, int]) -> list[Hit]:
    hashed = {at: lookup.phash for at, lookup in enumerate(lookups) if lookup.phash is not None}
    if not hashed:
        return []
    rows = conn.execute(
        _statement(
            "unnest(%(at)s::int[], %(hashes)s::text[]) as query(at, hash)",
            "image_fingerprints",
            "phash <~> hash::bit(256)",
            "true",
            f"bands && near_bands(hash::bit(256)) and phash <~> hash::bit(256) <= {HASH_BITS}",
            own=terms["creator"] != NO_CREATOR,
        ),
        {
            **terms,
            "at": list(hashed),
            "hashes": [hash_bits(phash).to_text() for phash in hashed.values()],
        },
    ).fetchall()
    return [Hit(at, "phash", work, ms, float(distance)) for at, _, _, work, ms, distance in rows]


def _by_vector(
    conn: Connection,
    name: str,
    model: int,
    described: Mapping[int, NDArray[np.float32]],
    terms: Mapping[str, int],
) -> list[Hit]:
    statement = _statement(
        "unnest(%(at)s::int[], %(vectors)b::halfvec[]) as query(at, vector)",
        "embeddings",
        "embedding <=> vector",
        f"model_id = {model}",  # a constant, so that the planner searches its partition only
        "true",
        own=terms["creator"] != NO_CREATOR,
    )

    def search(wanted: Sequence[int]) -> list[tuple[int, bool, int, UUID, int, float]]:
        vectors = [HalfVector(described[at]) for at in wanted]
        return conn.execute(statement, {**terms, "at": list(wanted), "vectors": vectors}).fetchall()

    rows = search(list(described))
    if short := _short(conn, model, described, rows, terms):
        log.warning("search.index_fell_short", model=name, lookups=len(short))
        # Not by the index: all vectors are compared.
        conn.execute("select set_config('enable_indexscan', 'off', true)")
        rows = [row for row in rows if row[0] not in short] + search(sorted(short))
        conn.execute("select set_config('enable_indexscan', 'on', true)")
    return [Hit(at, name, work, ms, float(distance)) for at, _, _, work, ms, distance in rows]


def _short(
    conn: Connection,
    model: int,
    described: Mapping[int, object],
    rows: Sequence[tuple[int, bool, int, UUID, int, float]],
    terms: Mapping[str, int],
) -> set[int]:
    """The lookups that were answered with fewer contents than there are."""
    found: dict[tuple[int, bool], set[int]] = {}
    for at, mine, content, *_ in rows:
        found.setdefault((at, mine), set()).add(content)
    short: set[int] = set()
    for mine, limit in ((False, terms["others"]), (True, terms["own"])):
        if mine and terms["creator"] == NO_CREATOR:
            continue
        fewer = {at: len(found.get((at, mine), ())) for at in described}
        fewer = {at: count for at, count in fewer.items() if count < limit}
        if not fewer:
            continue
        row = conn.execute(
            f"select count(*) from (select from embeddings l where model_id = {model} and lead and"
            f" {_OWN if mine else _eligible('embeddings', f'model_id = {model}')}"
            " limit %(limit)s) eligible",
            {**terms, "limit": limit},
        ).fetchone()
        assert row is not None
        short |= {at for at, count in fewer.items() if count < row[0]}
    return short


_EARLIER = "registration < %(before)s"
_OTHERS = f"{_EARLIER} and creator_id is distinct from %(creator)s"
_OWN = f"{_EARLIER} and creator_id = %(creator)s"


def _eligible(table: str, part: str) -> str:
    """Of a lead: that its content has an earlier work of another creator."""
    return (
        f"(({_OTHERS}) or exists (select from {table} member where member.content = l.content and"
        f" {part} and member.registration < %(before)s and member.creator_id is distinct from"
        " %(creator)s))"
    )


def _statement(queries: str, table: str, distance: str, part: str, near: str, *, own: bool) -> str:
    """Select at, whether led by the creator's own work, content, work, frame_ms and distance."""

    def leads(whose: str, limit: str, mine: bool) -> str:
        return (
            f"(select {mine} as mine, content from {table} l where {part} and lead and {near} and"
            f" {whose} order by {distance} limit {limit})"
        )

    found = leads(_eligible(table, part), "%(others)s", False)
    if own:
        found += f" union all {leads(_OWN, '%(own)s', True)}"
    # Numbers follow acceptance; which work is first its proven date says.
    works = (
        "select distinct on (m.work_id) m.work_id, m.frame_ms, m.registration, m.creator_id,"
        f" w.dated_at, {distance} as distance from {table} m join works w on w.id = m.work_id"
        f" where {part} and m.content = led.content and m.{_EARLIER} order by m.work_id, {distance}"
    )
    whose = "partition by creator_id is not distinct from %(creator)s"
    return (
        f"select at, mine, led.content, work_id, frame_ms, distance from {queries}"
        f" cross join lateral ({found}) led cross join lateral (select work_id, frame_ms, distance,"
        f" row_number() over ({whose} order by distance, dated_at, registration) as by_distance,"
        f" row_number() over ({whose} order by dated_at, registration) as by_age"
        f" from ({works}) works) member"
        f" where by_distance <= {OF_CONTENT} or by_age <= {OF_CONTENT}"
    )
