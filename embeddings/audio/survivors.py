"""Where a query has peaks, and how likely one is there by chance: the ground that verification stands on.

A reference peak that is predicted at a place of the query "survives" if the query has a peak there. By chance
that happens the more often the more peaks the query has at that pitch (a drone) and at that moment (a drum), so
the chance is estimated for both, from the query itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.peaks import Peaks
from embeddings.audio.spectrum import BINS

BLOCK_ROWS = 128  # rows, half frames: 3 s, over which the chance at one pitch is averaged
WIDTH = BINS + 2  # one bin of room on each side
_LEAST_CHANCE, _MOST_CHANCE = 0.012, 0.8


@dataclass(frozen=True, eq=False)
class Survivors:
    """rows: number of half frames; packed: (rows, WIDTH / 8) uint8, one bit a cell, set within one bin of a peak;
    by_pitch: (blocks, BINS) float32, chance at a pitch around a block; by_row: (rows,) float32, how much more
    often than usual the row has peaks.
    """

    rows: int
    packed: NDArray[np.uint8]
    by_pitch: NDArray[np.float32]
    by_row: NDArray[np.float32]

    def look(self, rows: NDArray[np.intp], bins: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Whether each place has a peak, and the chance of that; rows and bins must be inside."""
        places = bins + 1
        hit = (self.packed[rows, places >> 3] >> (7 - (places & 7)).astype(np.uint8)) & 1
        chance = self.by_pitch[rows // BLOCK_ROWS, bins] * self.by_row[rows]
        return hit.astype(bool), np.clip(chance, _LEAST_CHANCE, _MOST_CHANCE)

    def hits(self, rows: NDArray[np.intp], bins: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each place has a peak; places outside have none."""
        inside = (rows >= 0) & (rows < self.rows) & (bins >= 0) & (bins < BINS)
        rows, places = np.where(inside, rows, 0), np.where(inside, bins, 0) + 1
        hit = (self.packed[rows, places >> 3] >> (7 - (places & 7)).astype(np.uint8)) & 1
        result: NDArray[np.bool_] = (hit == 1) & inside
        return result


def survivors_of(constellations: tuple[Peaks, ...], frames: int) -> Survivors:
    """The query's peaks from all its sub-frame shifts, spread by one bin to each side.

    Args:
        frames: length of the query.
    """
    shifts = len(constellations)
    rows = max(frames * shifts + shifts, 1)
    width = -(-WIDTH // 8) * 8
    packed = np.zeros((rows, width // 8), np.uint8)
    for number, peaks in enumerate(constellations):
        at = np.minimum(peaks.frame.astype(np.intp) * shifts + number, rows - 1)
        for spread in (0, 1, 2):
            places = peaks.bin.astype(np.intp) + spread
            np.bitwise_or.at(packed, (at, places >> 3), (128 >> (places & 7)).astype(np.uint8))
    blocks = -(-rows // BLOCK_ROWS)
    counts = np.zeros((blocks, width), np.float32)
    by_row = np.zeros(rows, np.float32)
    for block in range(blocks):
        bits = np.unpackbits(packed[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS], axis=1)
        counts[block] = bits.sum(axis=0)
        by_row[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS] = bits.mean(axis=1)
    around = _three_row_sum(counts)
    rows_around = _three_row_sum(np.full((blocks, 1), BLOCK_ROWS, np.float32))
    by_pitch = around[:, 1 : BINS + 1] / rows_around
    usual = max(float(by_row.mean()), 1e-6)
    return Survivors(rows, packed, by_pitch.astype(np.float32), np.maximum(by_row / usual, 0.5).astype(np.float32))


def _three_row_sum(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(counts, ((1, 1), (0, 0)))
    result: NDArray[np.float32] = padded[:-2] + padded[1:-1] + padded[2:]
    return result
