"""The tones of one picture fitted to another's: what a filter changes everywhere is no difference.

Allowed is what filters do: a saturation, and a gain and an offset for each channel. A gain between
0.4 and 2.5 cannot turn a red shirt on a white ground into a blue one. Where one picture is grey, or
one alone is toned in one colour, both are compared in grey. Of two that are toned that would hide
the colours: any few are a curve of their luma, as those of a label.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

GAINS, TINTS = (0.4, 2.5), (0.65, 1.55)  # of a channel; and in relation to the luma's gain
SATURATIONS = (1.0, 0.5, 0.65, 0.8, 1.25, 1.55, 2.0)
GOOD_LEVELS = 1.5  # mean error, of each channel, with which no other saturation is tried
SAMPLES = 3000
TOLERATED_LEVELS, CAP_LEVELS = 6.0, 25.0
ROUNDS = 6
SAME_LEVELS, UNCHANGED_SHARE, UNCHANGED_COLOURS = 8.0, 0.35, 20
COLOUR_STEP = 8.0  # levels in which colours count as one
# a toned picture's channels follow its luma, with few exceptions
TONED_LEVELS, TONED_SHARE = 16.0, 99
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def fit_tones(
    query: NDArray[np.uint8], reference: NDArray[np.uint8], shared: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the query in the reference's tones, and the reference: (h, w, 3) uint8 of both, or
    (h, w, 1).

    shared: (h, w), where they are compared.
    """
    rows, columns = np.nonzero(shared)
    step = max(1, len(rows) // SAMPLES)
    q, r = (p[rows[::step], columns[::step]].astype(np.float32) for p in (query, reference))
    grey_only = _grey(q) or _grey(r)
    if not grey_only and _is_unchanged(q, r):
        return query, reference
    rare = _rarity(q)
    if grey_only or _toned(q) != _toned(r):
        _, gain, offset = _fit(q @ LUMA, r @ LUMA, rare)
        grey, other = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (query, reference))
        return _as_bytes(gain * grey.astype(np.float32) + offset)[..., None], np.asarray(
            other[..., None], np.uint8
        )
    luma_gain = _fit(q @ LUMA, r @ LUMA, rare)[1]
    near = luma_gain * TINTS[0], luma_gain * TINTS[1]
    found = []
    for saturation in SATURATIONS:
        moved = _saturated(q, saturation)
        fits = [_fit(moved[:, c], r[:, c], rare, near) for c in range(3)]
        error = sum(fit[0] for fit in fits)
        found.append((error, saturation, fits))
        if error < 3 * GOOD_LEVELS:
            break
    _, saturation, fits = min(found, key=lambda each: each[0])
    gains, offsets = (np.array([fit[i] for fit in fits], np.float32) for i in (1, 2))
    return _as_bytes(_saturated(query.astype(np.float32), saturation) * gains + offsets), reference


def _is_unchanged(q: NDArray[np.float32], r: NDArray[np.float32]) -> bool:
    """Return whether many of (n, 3) samples, of many colours, are the same: no filter is so."""
    same = np.abs(q - r).max(axis=1) <= SAME_LEVELS
    colours = np.unique((q[same] / COLOUR_STEP).astype(np.uint8), axis=0)
    return float(same.mean()) >= UNCHANGED_SHARE and len(colours) >= UNCHANGED_COLOURS


def _saturated(pixels: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    luma = (pixels @ LUMA)[..., None]
    return np.asarray(luma + factor * (pixels - luma), np.float32)


def _as_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def _rarity(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what each of (n, 3) samples counts, mean 1: half by its area and half by its colour. A
    large flat area is one colour, which any gain explains, and must not outweigh all others; nor
    must a small picture laid over it, which has many.
    """
    cells = (pixels / COLOUR_STEP).astype(np.int64) @ np.array([1, 64, 4096])
    _, place, count = np.unique(cells, return_inverse=True, return_counts=True)
    weight = count[place].astype(np.float32) ** -0.5
    return np.asarray(0.5 + 0.5 * weight / weight.mean(), np.float32)


def _fit(
    q: NDArray[np.float32],
    r: NDArray[np.float32],
    rare: NDArray[np.float32],
    gains: tuple[float, float] = GAINS,
) -> tuple[float, float, float]:
    """Return the error in levels, gain and offset of the line that most of (n,) samples follow,
    each counted by how rare its colour is.
    """
    best = (float("inf"), 1.0, 0.0)
    for start in (1.0, float(r.std()) / max(float(q.std()), 1.0)):
        gain = float(np.clip(start, *gains))
        offset = float(np.median(r - gain * q))
        for _ in range(ROUNDS):  # the further off a sample, the less it counts
            weight = rare * np.maximum(np.abs(gain * q + offset - r), TOLERATED_LEVELS) ** -1.3
            total = float(weight.sum())
            mean_q, mean_r = float((weight * q).sum()) / total, float((weight * r).sum()) / total
            spread = float((weight * (q - mean_q) ** 2).sum())
            if spread < 1e-3:
                break
            joint = float((weight * (q - mean_q) * (r - mean_r)).sum())
            gain = float(np.clip(joint / spread, *gains))
            offset = mean_r - gain * mean_q
        error = float((rare * np.minimum(np.abs(gain * q + offset - r), CAP_LEVELS)).mean())
        best = min(best, (error, gain, offset))
    return best


def _grey(pixels: NDArray[np.float32]) -> bool:
    """Return whether (n, 3) samples have no colour, with few exceptions."""
    return float(np.percentile(np.ptp(pixels, axis=1), TONED_SHARE)) < TONED_LEVELS


def _toned(pixels: NDArray[np.float32]) -> bool:
    """Return whether every channel of (n, 3) samples is a curve of the luma: grey, or sepia."""
    luma = pixels @ LUMA
    x = (luma - luma.mean()) / max(float(luma.std()), 1.0)
    powers = np.stack([x**k for k in range(4)], axis=1)
    curve, *_ = np.linalg.lstsq(powers, pixels, rcond=None)
    rest = np.abs(pixels - powers @ curve).max(axis=1)
    return float(np.percentile(rest, TONED_SHARE)) < TONED_LEVELS
