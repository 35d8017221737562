"""Candidates for a match: nearest earlier works by perceptual hash and by embedding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from storage.database import Connection
from storage.search.contents import hash_bits
from storage.search.nearest import Lookup, find_nearest

EF_SEARCH = 200
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
        for a picture. unlikely: ranked so low that a first look decides whether it is verified.
    """

    work_id: UUID
    phash_distance: int | None = None
    phash_view: str | None = None
    cosines: Mapping[str, float] = field(default_factory=dict)
    found_by: tuple[str, ...] = ()
    frame_ms: int = 0
    unlikely: bool = False

    def as_json(self) -> dict[str, Any]:
        """By which index it was found, and how near."""
        facts: dict[str, Any] = {
            "found_by": list(self.found_by),
            "phash_distance": self.phash_distance,
            "cosines": dict(self.cosines),
        }
        if self.frame_ms:
            facts["frame_ms"] = self.frame_ms
        if self.unlikely:
            facts["unlikely"] = True
        return facts


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
        per_view: how many contents with works of others each view and channel may bring.
        own: how many of the creator's own each view and channel may bring.
    """
    candidates: dict[UUID, ImageCandidate] = {}
    for work_id in same_bytes(conn, sha256, before):
        candidates[work_id] = ImageCandidate(work_id=work_id, found_by=("sha256",))
    hits = find_nearest(
        conn,
        [Lookup(view.phash, view.embeddings) for view in views],
        before=before,
        creator_id=creator_id,
        others=per_view,
        own=own,
        ef_search=EF_SEARCH,
    )
    for hit in hits:
        known = candidates.get(hit.work_id) or ImageCandidate(work_id=hit.work_id)
        candidates[hit.work_id] = (
            _with_hash(known, hit.frame_ms, views[hit.lookup].name, round(hit.distance))
            if hit.channel == "phash"
            else _with_cosine(known, hit.frame_ms, hit.channel, 1.0 - hit.distance)
        )
    return list(candidates.values())


def find_nearest_frame(conn: Connection, work_id: UUID, hashes: Sequence[bytes]) -> int:
    """The frame of a work, in ms, whose hash is nearest to one of these; 0 where it has none.

    Every frame is looked at: no index is asked.
    """
    row = conn.execute(
        "select frame_ms from image_fingerprints f where work_id = %s order by (select"
        " min(f.phash <~> hash::bit(256)) from unnest(%s::text[]) hash), frame_ms limit 1",
        (work_id, [hash_bits(phash).to_text() for phash in hashes]),
    ).fetchone()
    return int(row[0]) if row else 0


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


def same_bytes(conn: Connection, sha256: bytes, before: int) -> list[UUID]:
    """The first few earlier works whose file is the same, byte for byte."""
    rows = conn.execute(
        "select id from works where sha256 = %s and registration < %s and erased_at is null"
        " order by dated_at, registration limit 3",
        (sha256, before),
    ).fetchall()
    return [row[0] for row in rows]


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
