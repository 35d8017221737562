"""Fingerprint blocks of samples, in memory that grows only with the number of peaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from embeddings.audio import constellation
from embeddings.audio.detail import insufficient_detail, is_too_short
from embeddings.audio.landmarks import SPARSE_PAIRS, pair_peaks
from embeddings.audio.peaks import (
    DENSE,
    MARGIN_FRAMES,
    SLOT_FRAMES,
    SPARSE,
    Density,
    FinePeaks,
    Peaks,
    find_peaks,
    join_peaks,
)
from embeddings.audio.spectrum import FRAME_S, HOP, WINDOW, frame_count, levels_of
from embeddings.audio.variants import NO_KEYS, SHIFTS, SearchKeys, search_keys

CHUNK_FRAMES = 64 * SLOT_FRAMES  # 62 s analysed at once


@dataclass(frozen=True, eq=False, kw_only=True)
class AudioFingerprint:
    """The stored data that recognise a sound, and its search keys.

    sounding_s: seconds that hold peaks.
    hashes, frames: (n,) int32 each, the landmarks and their places (46.4 ms frames), about 40 a
    second.
    reference: bytes that later sounds are verified against.
    dense: the query's own constellations, at whole and half frames (empty without search).
    keys: the keys to look up.
    insufficient_detail: why it has too little to decide on, or None.
    notes: the parts left out, in words.
    too_short: it has insufficient detail by its length alone.
    """

    duration_s: float
    sounding_s: float
    hashes: NDArray[np.int32]
    frames: NDArray[np.int32]
    reference: bytes
    dense: tuple[FinePeaks, ...]
    keys: SearchKeys
    insufficient_detail: str | None
    notes: tuple[str, ...] = ()
    too_short: bool = False

    @property
    def length_frames(self) -> int:
        """Whole frames of the sound, at least one."""
        return max(1, round(self.duration_s / FRAME_S))


def fingerprint_samples(
    blocks: Iterable[NDArray[np.float32]], *, search: bool = True
) -> AudioFingerprint:
    """Fingerprint mono samples at 11 025 Hz in blocks; the sizes of the blocks change nothing.

    Args:
        search: whether it will be looked up; if not, only what is stored is computed (a quarter of
            the work).
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
    stored = sparse.peaks()
    landmarks = pair_peaks(stored, SPARSE_PAIRS)
    frames = frame_count(max(samples, WINDOW))
    constellations = tuple(c.peaks() for c in dense)
    hashes = landmarks.hashes()
    return AudioFingerprint(
        duration_s=samples / HOP * FRAME_S,
        sounding_s=min(sounding_seconds(stored), samples / HOP * FRAME_S),
        hashes=hashes,
        frames=landmarks.frame,
        reference=constellation.encode(stored, frames),
        dense=constellations,
        keys=search_keys(constellations, frames) if search else NO_KEYS,
        insufficient_detail=insufficient_detail(stored, hashes, samples),
        too_short=is_too_short(stored, samples),
    )


def sounding_seconds(peaks: Peaks) -> float:
    """Return the seconds of the slots that hold at least two peaks."""
    slots = np.bincount(peaks.frame // SLOT_FRAMES) if len(peaks) else np.empty(0)
    return float(np.count_nonzero(slots >= 2) * SLOT_FRAMES * FRAME_S)


@dataclass(eq=False)
class _Constellation:
    density: Density
    shift: int
    parts: list[FinePeaks] = field(default_factory=list)

    def peaks(self) -> FinePeaks:
        return join_peaks(self.parts)


class _Chunks:
    """Cut the samples at fixed places, so that the peaks do not depend on the blocks."""

    def __init__(self, shift: int, constellations: list[_Constellation]) -> None:
        self._drop = shift
        self._constellations = constellations
        self._buffer: list[NDArray[np.float32]] = []
        self._samples = 0
        self._first = 0  # frame number of the first buffered sample
        self._next = 0  # the first frame whose peaks are yet to be found

    def push(self, block: NDArray[np.float32]) -> None:
        dropped = min(self._drop, len(block))
        self._drop -= dropped
        self._buffer.append(block[dropped:])
        self._samples += len(block) - dropped
        while self._first + frame_count(self._samples) >= self._next + CHUNK_FRAMES + MARGIN_FRAMES:
            self._find_peaks(self._next + CHUNK_FRAMES, self._next + CHUNK_FRAMES + MARGIN_FRAMES)

    def finish(self) -> None:
        last = self._first + frame_count(self._samples)
        if last > self._next:
            self._find_peaks(last, last)

    def _find_peaks(self, end: int, visible: int) -> None:
        """Find the peaks up to frame ``end``, with surroundings up to frame ``visible``."""
        samples = np.concatenate(self._buffer)
        levels = levels_of(samples[: (visible - self._first - 1) * HOP + WINDOW])
        for constellation_ in self._constellations:
            constellation_.parts.append(
                find_peaks(
                    levels,
                    constellation_.density,
                    first=self._first,
                    skip=self._next - self._first,
                    upto=end - self._first,
                )
            )
        keep_from = max(0, end - MARGIN_FRAMES)
        rest = samples[(keep_from - self._first) * HOP :]
        self._buffer, self._samples = [rest], len(rest)
        self._first, self._next = keep_from, end
