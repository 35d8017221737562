"""A registered sound, ready to be compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.audio import constellation
from embeddings.audio.landmarks import SPARSE_PAIRS, pair_peaks
from embeddings.audio.peaks import Peaks
from embeddings.audio.spectrum import FRAME_S
from embeddings.audio.variants import SearchKeys

CELL_FRAMES = 2  # votes are counted in cells this wide, pairs of neighbours together
MAX_HITS = 20_000  # enough to see every offset that matters; more only cost time


@dataclass(frozen=True)
class Hint:
    """Where the index saw agreement.

    group: of ``variants.VARIANTS``; offset: reference frame at the query's beginning.
    """

    group: int
    offset: float


@dataclass(frozen=True, eq=False)
class ReferenceSound:
    """peaks: its constellation; frames: its length; hashes: (n,) int32, sorted; places: (n,)
    int32, their frames.
    """

    peaks: Peaks
    frames: int
    hashes: NDArray[np.int32]
    places: NDArray[np.int32]

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.frames * FRAME_S


@dataclass(frozen=True, eq=False)
class Hits:
    """Common landmarks: index of the query's key, its position, the reference frame, and the
    key's group.
    """

    key: NDArray[np.intp]
    position: NDArray[np.float32]
    place: NDArray[np.int32]
    group: NDArray[np.int16]


def read_reference(data: bytes) -> ReferenceSound:
    """The landmarks come from the stored peaks by the same rule as at registration.

    Raises: BadProxy.
    """
    peaks, frames = constellation.decode(data)
    landmarks = pair_peaks(peaks, SPARSE_PAIRS)
    hashes = landmarks.hashes()
    order = np.argsort(hashes, kind="stable")
    return ReferenceSound(peaks, frames, hashes[order], landmarks.frame[order])


def common_landmarks(keys: SearchKeys, reference: ReferenceSound) -> Hits:
    """The pairs of a query's key and a reference's landmark with the same hash, thinned evenly
    to ``MOST_HITS``.
    """
    low = np.searchsorted(reference.hashes, keys.hashes, "left")
    counts = np.searchsorted(reference.hashes, keys.hashes, "right") - low
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    kept = min(total, MAX_HITS)
    # Of an hour against itself there are millions; the step is no whole number, lest it walk in
    # time with a loop.
    at = (
        np.arange(kept)
        if kept == total
        else np.floor(np.arange(kept) * (total / kept)).astype(np.intp)
    )
    key = np.searchsorted(ends, at, "right")
    place = reference.places[low[key] + at - (ends[key] - counts[key])]
    return Hits(key, keys.positions[key], place, keys.groups[key])


def best_offsets(hits: Hits, most: int) -> list[tuple[Hint, int]]:
    """The offsets that most landmarks agree on, with their votes; best first."""
    if not len(hits.key):
        return []
    cells = np.floor((hits.place - hits.position) / CELL_FRAMES).astype(np.int64)
    low = int(cells.min())
    span = int(cells.max()) - low + 2
    code = hits.group.astype(np.int64) * span + (cells - low)
    found, votes = np.unique(code, return_counts=True)
    following = np.searchsorted(found, found + 1)
    following[following == len(found)] = 0
    together = votes + np.where(found[following] == found + 1, votes[following], 0)
    best = np.argsort(-together, kind="stable")[:most]
    return [
        (
            Hint(int(found[i] // span), float((found[i] % span + low + 1) * CELL_FRAMES)),
            int(together[i]),
        )
        for i in best
    ]
