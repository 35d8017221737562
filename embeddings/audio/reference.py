"""A registered sound, prepared for comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.audio import constellation
from embeddings.audio.landmarks import SPARSE_PAIRS, pair_peaks
from embeddings.audio.peaks import FinePeaks
from embeddings.audio.spectrum import FRAME_S
from embeddings.audio.variants import SearchKeys

CELL_FRAMES = 2  # votes are counted in cells this wide, pairs of neighbours together
MAX_HITS = 20_000  # enough to find every offset that matters; more only cost time


@dataclass(frozen=True)
class Hint:
    """An agreement found by the index.

    group: index into ``variants.VARIANTS``; offset: reference frame at the query's start.
    """

    group: int
    offset: float


@dataclass(frozen=True, eq=False)
class ReferenceSound:
    """peaks: its constellation; frames: its length; hashes: (n,) int32, sorted; places: (n,) int32,
    their frames.
    """

    peaks: FinePeaks
    frames: int
    hashes: NDArray[np.int32]
    places: NDArray[np.int32]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames * FRAME_S


@dataclass(frozen=True, eq=False)
class Hits:
    """Common landmarks: index of the query's key, its position, the reference frame, the key's
    group.
    """

    key: NDArray[np.intp]
    position: NDArray[np.float32]
    place: NDArray[np.int32]
    group: NDArray[np.int16]


def read_reference(data: bytes) -> ReferenceSound:
    """Read a reference; its landmarks are paired by the same rule as at registration.

    Raises: BadProxy.
    """
    peaks, frames = constellation.decode(data)
    landmarks = pair_peaks(peaks, SPARSE_PAIRS)
    hashes = landmarks.hashes()
    order = np.argsort(hashes, kind="stable")
    return ReferenceSound(peaks, frames, hashes[order], landmarks.frame[order])


def common_landmarks(keys: SearchKeys, reference: ReferenceSound) -> Hits:
    """Return the pairs of query key and reference landmark with the same hash.

    They are thinned evenly to ``MAX_HITS``.
    """
    low = np.searchsorted(keys.hashes, reference.hashes, "left")
    counts = np.searchsorted(keys.hashes, reference.hashes, "right") - low
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    count = min(total, MAX_HITS)
    # An hour against itself has millions. A fractional step does not fall in step with a loop.
    at = (
        np.arange(count)
        if count == total
        else np.floor(np.arange(count) * (total / count)).astype(np.intp)
    )
    landmark = np.searchsorted(ends, at, "right")
    key = low[landmark] + at - (ends[landmark] - counts[landmark])
    return Hits(key, keys.positions[key], reference.places[landmark], keys.groups[key])


def best_offsets(hits: Hits, frames: int, max_hints: int) -> list[tuple[Hint, int, float]]:
    """Return the most surprising agreements on an offset, with votes and nats above chance; best
    first.

    Args:
        frames: in which offsets are spread by chance, the length of both sounds together.
    """
    if not len(hits.key):
        return []
    cells = np.floor((hits.place - hits.position) / CELL_FRAMES).astype(np.int64)
    low = int(cells.min())
    span = int(cells.max()) - low + 2
    code = hits.group.astype(np.int64) * span + (cells - low)
    cell, votes = np.unique(code, return_counts=True)
    following = np.searchsorted(cell, cell + 1)
    following[following == len(cell)] = 0
    both = votes + np.where(cell[following] == cell + 1, votes[following], 0)
    expected = np.bincount(hits.group)[cell // span] * (2.0 * CELL_FRAMES / max(frames, 1))
    surprise = np.where(both > expected, both * np.log(both / expected) - (both - expected), 0.0)
    best = np.argsort(-surprise, kind="stable")[:max_hints]
    return [
        (
            Hint(int(cell[i] // span), float((cell[i] % span + low + 1) * CELL_FRAMES)),
            int(both[i]),
            float(surprise[i]),
        )
        for i in best
    ]
