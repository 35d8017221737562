"""Where a query has peaks, and how likely a peak is by chance: the basis of verification.

A reference peak that is predicted at a place of the query "survives" if the query has a peak there.
By chance that happens more often the more peaks the query has at that pitch (a drone) and at that
moment (a drum). So the chance is estimated for both, from the query itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.peaks import Peaks
from embeddings.audio.spectrum import BINS

BLOCK_ROWS = 128  # rows (half frames), 3 s: the chance at a pitch is averaged over them
WIDTH = BINS + 2  # an empty bin on each side; a multiple of 8
_MIN_CHANCE, _MAX_CHANCE = 0.012, 0.8


@dataclass(frozen=True, eq=False)
class Survivors:
    """The query's peaks as bits, and the chance of a peak.

    rows: number of half frames; exact, near: (rows + 2, WIDTH / 8) uint8, one bit a cell, set at a
    peak, and within one bin of it; an empty row and bin on each side. by_pitch: (blocks, BINS)
    float32, chance of ``near`` at a pitch around a block; by_row: (rows,) float32, how much more
    often than usual the row has peaks.
    """

    rows: int
    exact: NDArray[np.uint8]
    near: NDArray[np.uint8]
    by_pitch: NDArray[np.float32]
    by_row: NDArray[np.float32]

    def hits(self, rows: NDArray[np.intp], bins: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return 0, 1 (a peak in the next bin) or 2 (right there) for each place; 0 outside."""
        return self._bits(self.near, rows, bins) + self._bits(self.exact, rows, bins)

    def chance(self, rows: NDArray[np.intp], bins: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the chance of a peak there or next to it by unrelated sounds; no place outside."""
        chance = self.by_pitch[rows // BLOCK_ROWS, bins] * self.by_row[rows]
        result: NDArray[np.float32] = np.clip(chance, _MIN_CHANCE, _MAX_CHANCE)
        return result

    def _bits(
        self, packed: NDArray[np.uint8], rows: NDArray[np.intp], bins: NDArray[np.intp]
    ) -> NDArray[np.uint8]:
        places = np.clip(bins, -1, BINS) + 1
        cells = packed[np.clip(rows, -1, self.rows) + 1, places >> 3]
        result: NDArray[np.uint8] = (cells >> (7 - (places & 7)).astype(np.uint8)) & np.uint8(1)
        return result


def survivors_of(constellations: tuple[Peaks, ...], frames: int) -> Survivors:
    """Prepare a query's peaks, from all its sub-frame shifts.

    Args:
        frames: length of the query.
    """
    shifts = len(constellations)
    rows = max(frames * shifts + shifts, 1)
    exact = np.zeros((rows + 2, WIDTH // 8), np.uint8)
    near = np.zeros_like(exact)
    for number, peaks in enumerate(constellations):
        at = np.minimum(peaks.frame.astype(np.intp) * shifts + number, rows - 1) + 1
        for spread in (-1, 0, 1):
            places = peaks.bin.astype(np.intp) + spread + 1
            inside = (places >= 1) & (places <= BINS)
            bits = (128 >> (places[inside] & 7)).astype(np.uint8)
            for plane in (near, exact) if spread == 0 else (near,):
                np.bitwise_or.at(plane, (at[inside], places[inside] >> 3), bits)
    blocks = -(-rows // BLOCK_ROWS)
    counts = np.zeros((blocks, WIDTH), np.float32)
    by_row = np.zeros(rows, np.float32)
    for block in range(blocks):
        part = slice(block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, rows))
        bits = np.unpackbits(near[1 + part.start : 1 + part.stop], axis=1)
        counts[block] = bits.sum(axis=0)
        by_row[part] = bits.mean(axis=1)
    sizes = np.minimum(BLOCK_ROWS, rows - BLOCK_ROWS * np.arange(blocks, dtype=np.float32))[:, None]
    by_pitch = _three_row_sum(counts)[:, 1 : BINS + 1] / _three_row_sum(sizes)
    usual = max(float(by_row.mean()), 1e-6)
    return Survivors(
        rows,
        exact,
        near,
        by_pitch.astype(np.float32),
        np.maximum(by_row / usual, 0.5).astype(np.float32),
    )


def _three_row_sum(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(counts, ((1, 1), (0, 0)))
    result: NDArray[np.float32] = padded[:-2] + padded[1:-1] + padded[2:]
    return result
