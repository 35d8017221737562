"""From blocks of samples to a fingerprint, in memory that does not grow with the sound but for
its peaks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from embeddings.audio import constellation
from embeddings.audio.detail import too_plain
from embeddings.audio.landmarks import SPARSE_PAIRS, pair_peaks
from embeddings.audio.peaks import (
    DENSE,
    MARGIN_FRAMES,
    SLOT_FRAMES,
    SPARSE,
    Density,
    Peaks,
    find_peaks,
    join_peaks,
)
from embeddings.audio.spectrum import FRAME_S, HOP, WINDOW, frame_count, levels_of
from embeddings.audio.variants import SHIFTS, SearchKeys, search_keys

CHUNK_FRAMES = 64 * SLOT_FRAMES  # 62 s analysed at once


@dataclass(frozen=True, eq=False)
class AudioFingerprint:
    """All that is kept to recognise a sound, and what it is searched with.

    hashes, frames: (n,) int32 each, the landmarks to store and their places (46.4 ms frames), about
        40 a second.
    reference: bytes that later sounds are verified against. dense: the query's own constellations,
    at whole and half frames (empty if it is not searched with). keys: what to look up. sounding_s:
    seconds that hold peaks.
    too_plain: why nothing can be decided about it, or None. notes: what was left out, in plain
        words.
    """

    duration_s: float
    sounding_s: float
    hashes: NDArray[np.int32]
    frames: NDArray[np.int32]
    reference: bytes
    dense: tuple[Peaks, ...]
    keys: SearchKeys
    too_plain: str | None
    notes: tuple[str, ...] = ()

    @property
    def length_frames(self) -> int:
        """Whole frames of the sound, at least one."""
        return max(1, round(self.duration_s / FRAME_S))


def fingerprint_samples(
    blocks: Iterable[NDArray[np.float32]], *, search: bool = True
) -> AudioFingerprint:
    """Fingerprint mono samples at 11 025 Hz, which come in blocks of any size; the result is the
    same for all.

    Args:
        search: whether it will be looked up; without, only what is stored is made (a quarter of the
            work).
    """
    sparse = _Constellation(SPARSE, shift=0)
    dense = (
        [_Constellation(DENSE, shift=number * HOP // SHIFTS) for number in range(SHIFTS)]
        if search
        else []
    )
    chunks = [_Chunks(0, [sparse, *dense[:1]])] + [_Chunks(c.shift, [c]) for c in dense[1:]]
    samples = 0
    for block in blocks:
        samples += len(block)
        for chunk in chunks:
            chunk.push(block)
    for chunk in chunks:
        chunk.finish()
    stored = sparse.joined()
    landmarks = pair_peaks(stored, SPARSE_PAIRS)
    frames = frame_count(max(samples, WINDOW))
    constellations = tuple(c.joined() for c in dense)
    hashes = landmarks.hashes()
    return AudioFingerprint(
        duration_s=samples / HOP * FRAME_S,
        sounding_s=min(sounding_seconds(stored), samples / HOP * FRAME_S),
        hashes=hashes,
        frames=landmarks.frame,
        reference=constellation.encode(stored, frames),
        dense=constellations,
        keys=search_keys(constellations, frames) if search else _NO_KEYS,
        too_plain=too_plain(stored, hashes, samples),
    )


def sounding_seconds(peaks: Peaks) -> float:
    """Seconds of the slots that hold at least two peaks."""
    slots = np.bincount(peaks.frame // SLOT_FRAMES) if len(peaks) else np.empty(0)
    return float(np.count_nonzero(slots >= 2) * SLOT_FRAMES * FRAME_S)


_NO_KEYS = SearchKeys(np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int16))


@dataclass(eq=False)
class _Constellation:
    density: Density
    shift: int
    parts: list[Peaks] = field(default_factory=list)

    def joined(self) -> Peaks:
        return join_peaks(self.parts)


class _Chunks:
    """Cuts the samples at fixed places, so that the peaks do not depend on how they arrive."""

    def __init__(self, shift: int, wanted: list[_Constellation]) -> None:
        self._drop = shift
        self._wanted = wanted
        self._held: list[NDArray[np.float32]] = []
        self._samples = 0
        self._first = 0  # number of the held samples' first frame
        self._next = 0  # the first frame whose peaks are not found yet

    def push(self, block: NDArray[np.float32]) -> None:
        dropped = min(self._drop, len(block))
        self._drop -= dropped
        self._held.append(block[dropped:])
        self._samples += len(block) - dropped
        while self._first + frame_count(self._samples) >= self._next + CHUNK_FRAMES + MARGIN_FRAMES:
            self._find(self._next + CHUNK_FRAMES, self._next + CHUNK_FRAMES + MARGIN_FRAMES)

    def finish(self) -> None:
        last = self._first + frame_count(self._samples)
        if last > self._next:
            self._find(last, last)

    def _find(self, end: int, seen: int) -> None:
        """Find the peaks up to frame ``end``, looking at frames up to ``seen``."""
        samples = np.concatenate(self._held)
        levels = levels_of(samples[: (seen - self._first - 1) * HOP + WINDOW])
        for wanted in self._wanted:
            wanted.parts.append(
                find_peaks(
                    levels,
                    wanted.density,
                    first=self._first,
                    skip=self._next - self._first,
                    upto=end - self._first,
                )
            )
        keep_from = max(0, end - MARGIN_FRAMES)
        rest = samples[(keep_from - self._first) * HOP :]
        self._held, self._samples = [rest], len(rest)
        self._first, self._next = keep_from, end
