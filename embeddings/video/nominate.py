"""Shortlist the works to align with a video: a pure ranking of the index's hits for its frames."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from embeddings.video.similarity import cosine_likeness, hash_likeness

Key = TypeVar("Key", bound=Hashable)
MIN_LIKENESS = 0.05  # of one frame; a hit below it is ignored


@dataclass(frozen=True)
class Nominee(Generic[Key]):
    """A shortlisted work.

    alike: likeness summed over the query's frames; nearest: likeness 0..1 of the best one;
    channels: the indexes that found it.
    """

    work: Key
    alike: float
    nearest: float
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Hit(Generic[Key]):
    """A hit of the index: channel "phash" with a Hamming distance, or a model id with a cosine
    distance.
    """

    query_frame: int
    work: Key
    channel: str
    distance: float


def nominate(hits: Iterable[Hit[Key]], limit: int) -> list[Nominee[Key]]:
    """Return the best ``limit`` works, best first; the order of the input is irrelevant.

    The better of two ranks of a work counts: by all frames together, which finds a long part that
    is vaguely alike; and by its best frame, which finds a picture or three seconds in an hour.
    """
    best: dict[Key, dict[int, float]] = {}
    channels: dict[Key, set[str]] = {}
    for hit in hits:
        likeness = (
            hash_likeness(hit.distance)
            if hit.channel == "phash"
            else cosine_likeness(1.0 - hit.distance)
        )
        if likeness < MIN_LIKENESS:
            continue
        by_frame = best.setdefault(hit.work, {})
        by_frame[hit.query_frame] = max(likeness, by_frame.get(hit.query_frame, 0.0))
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
