"""Registered pictures and videos that a model has not described yet, and their vectors once it
has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from storage.database import Connection
from storage.search import frames
from storage.search.frames import model_partition


@dataclass(frozen=True)
class Undescribed:
    """A work of which at least one stored frame has no vector of the model."""

    work_id: UUID
    registration: int
    media_type: str
    blob_key: str


def last_registration(conn: Connection) -> int:
    """The place that was taken last in the order of all works; 0 before the first."""
    row = conn.execute(
        "select case when is_called then last_value else 0 end from work_registration"
    ).fetchone()
    assert row is not None
    return int(row[0])


def find_undescribed(conn: Connection, model: str, *, after: int, limit: int) -> list[Undescribed]:
    """The next works behind the place `after`, in their order, that a model has not described.

    A picture has one stored frame, a video one a keyframe. Works that cannot be found yet, or that
    were erased, have none.
    """
    rows = conn.execute(
        """
        select w.id, w.registration, w.media_type, w.blob_key
        from works w
        where w.registration > %(after)s
          and w.visible_at is not null
          and w.erased_at is null
          and exists (
              select from image_fingerprints f
              where f.work_id = w.id
                and not exists (
                    select from embeddings e
                    where e.model_id = (select id from embedding_models where name = %(model)s)
                      and e.work_id = f.work_id
                      and e.frame_ms = f.frame_ms
                )
          )
        order by w.registration
        limit %(limit)s
        """,
        {"after": after, "model": model, "limit": limit},
    ).fetchall()
    return [Undescribed(*row) for row in rows]


def add_vectors(
    conn: Connection, work_id: UUID, model: str, vectors: Mapping[int, NDArray[np.float32]]
) -> int:
    """Store the vectors of a work's frames, unless the frame is not stored or has its vector.

    Args: vectors: frame_ms -> (512,) float32 unit vector; a picture's frame is 0.
    Returns: how many were added; none where the work was erased meanwhile.
    """
    number = model_partition(conn, model)
    # Erasure changes the work's row and then deletes: whoever comes second waits for the first, and
    # sees what it did.
    conn.execute("select from works where id = %s for share", (work_id,))
    return frames.add_vectors(conn, work_id, number, vectors)
