"""Equal and nearly equal pictures share a content, of which one leads in the indexes."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import Bit

from storage.database import Connection

# Of 256, in which a picture may differ from the one that leads its content: a common band is sure.
SAME_BITS = 15
SAME_COSINE = 0.98  # of each model that described both
MAX_LEADS = 5  # near leads that are looked at for one picture


def hash_bits(phash: bytes) -> Bit:
    """A perceptual hash of 32 bytes as pgvector's bit(256)."""
    return Bit(phash)


def find_contents(
    conn: Connection, pictures: Sequence[tuple[bytes, Mapping[str, NDArray[np.float32]]]]
) -> list[int | None]:
    """The content that each picture, its hash and its vectors by model, is nearly equal to.

    Of two that become visible at one moment neither sees the other: they may lead a content each.
    """
    rows = conn.execute(
        "select at, content from unnest(%s::text[]) with ordinality"
        " as query(hash, at) cross join lateral (select content,"
        " phash <~> hash::bit(256) as bits from image_fingerprints where lead and"
        f" bands && hash_bands(hash::bit(256)) and phash <~> hash::bit(256) <= {SAME_BITS}"
        f" order by bits, content limit {MAX_LEADS}) nearest order by at, bits, content",
        ([hash_bits(phash).to_text() for phash, _ in pictures],),
    ).fetchall()
    leads = [(int(at) - 1, int(content)) for at, content in rows]
    vectors = _vectors_of(conn, [content for _, content in leads])
    found: list[int | None] = [None] * len(pictures)
    for at, content in leads:
        if found[at] is None and _are_alike(pictures[at][1], vectors.get(content, {})):
            found[at] = content
    led = _hold_leads(conn, [content for content in found if content is not None])
    return [content if content in led else None for content in found]


def _hold_leads(conn: Connection, contents: Sequence[int]) -> set[int]:
    """Those of the contents that have a lead, which stays until the transaction ends."""
    rows = conn.execute(
        "select content from image_fingerprints where content = any(%s) and lead order by content"
        " for key share",
        (list(contents),),
    )
    return {row[0] for row in rows}


def _vectors_of(
    conn: Connection, contents: Sequence[int]
) -> dict[int, dict[str, NDArray[np.float32]]]:
    vectors: dict[int, dict[str, NDArray[np.float32]]] = {}
    if not contents:
        return vectors
    rows = conn.execute(
        "select e.content, m.name, e.embedding from embeddings e"
        " join embedding_models m on m.id = e.model_id where e.content = any(%s) and e.lead",
        (list(contents),),
    )
    for content, name, vector in rows:
        vectors.setdefault(content, {})[name] = vector.to_numpy().astype(np.float32)
    return vectors


def _are_alike(
    vectors: Mapping[str, NDArray[np.float32]], others: Mapping[str, NDArray[np.float32]]
) -> bool:
    return all(
        float(vectors[name] @ others[name]) >= SAME_COSINE for name in vectors.keys() & others
    )


def pass_leads(conn: Connection, work_id: UUID) -> None:
    """Let another picture lead each content that a picture of this work leads.

    For a work that is about to leave the indexes.
    """
    # Whoever joins a content of this work meanwhile is waited for, and seen.
    conn.execute(
        "select from image_fingerprints where work_id = %s order by content, frame_ms for update",
        (work_id,),
    )
    conn.execute(
        "update image_fingerprints f set lead = true from (select distinct on (other.content)"
        " other.work_id, other.frame_ms from image_fingerprints own join image_fingerprints other"
        " using (content) where own.work_id = %(work)s and own.lead and other.work_id <> %(work)s"
        " order by other.content, other.registration, other.frame_ms) heir where"
        " f.work_id = heir.work_id and f.frame_ms = heir.frame_ms",
        {"work": work_id},
    )
    # Of each model's vectors another may lead: not every picture has one of each.
    conn.execute(
        "update embeddings e set lead = true from (select distinct on (other.model_id,"
        " other.content) other.model_id, other.work_id, other.frame_ms from embeddings own join"
        " embeddings other using (model_id, content) where own.work_id = %(work)s and own.lead and"
        " other.work_id <> %(work)s order by other.model_id, other.content, other.registration,"
        " other.frame_ms) heir where e.model_id = heir.model_id and e.work_id = heir.work_id"
        " and e.frame_ms = heir.frame_ms",
        {"work": work_id},
    )
