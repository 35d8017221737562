"""Which works are worth aligning with a video: a pure ranking over what the index returned for
its frames.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from embeddings.video.similarity import cosine_likeness, hash_likeness

Key = TypeVar("Key", bound=Hashable)
LEAST = 0.05  # likeness of one frame under which a hit says nothing


@dataclass(frozen=True)
class Nominee(Generic[Key]):
    """A work with what speaks for it: alike: frames of the query that resemble it, summed by how
    much; nearest: likeness 0..1 of the best one; channels: which indexes found it.
    """

    work: Key
    alike: float
    nearest: float
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Hit(Generic[Key]):
    """One answer of the index: channel "phash" with a Hamming distance, or a model id with a
    cosine distance.
    """

    query_frame: int
    work: Key
    channel: str
    distance: float


def nominate(hits: Iterable[Hit[Key]], limit: int) -> list[Nominee[Key]]:
    """The best ``limit`` works, best first; the order of the input is irrelevant.

    A work's better rank of two counts: by all frames together, which finds a long stretch that is
    only vaguely alike; and by its best frame, which finds a picture or three seconds in an hour.
    """
    best: dict[Key, dict[int, float]] = {}
    channels: dict[Key, set[str]] = {}
    for hit in hits:
        likeness = (
            hash_likeness(hit.distance)
            if hit.channel == "phash"
            else cosine_likeness(1.0 - hit.distance)
        )
        if likeness < LEAST:
            continue
        of_work = best.setdefault(hit.work, {})
        of_work[hit.query_frame] = max(likeness, of_work.get(hit.query_frame, 0.0))
        channels.setdefault(hit.work, set()).add(hit.channel)
    nominees = [
        Nominee(
            work,
            round(sum(frames.values()), 6),
            max(frames.values()),
            tuple(sorted(channels[work])),
        )
        for work, frames in best.items()
    ]
    by_sum = {
        n.work: rank
        for rank, n in enumerate(sorted(nominees, key=lambda n: (-n.alike, str(n.work))))
    }
    by_best = {
        n.work: rank
        for rank, n in enumerate(sorted(nominees, key=lambda n: (-n.nearest, str(n.work))))
    }

    def order(nominee: Nominee[Key]) -> tuple[list[int], str]:
        return sorted((by_sum[nominee.work], by_best[nominee.work])), str(nominee.work)

    return sorted(nominees, key=order)[:limit]
