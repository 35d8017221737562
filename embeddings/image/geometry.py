"""Correspondences of key points, and the few plane transforms that explain them.

Every SIFT match carries a scale and an angle, so a single match proposes a similarity transform.
All proposals are scored at once (n x n distances): deterministic, without sampling, and it works
with one right match in fifty, where RANSAC on four-point samples does not. The best are refined to
an affine map, then to a homography if that explains more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.features import LocalFeatures

# nearest to second nearest descriptor distance; Lowe's 0.8 loses a tenth of the matches under JPEG
RATIO = 0.85
RIVALS = 4  # nearest descriptors searched for the second best place
MIN_MATCHES = 4
MAX_HYPOTHESES = 3
# of the picture's diagonal: a similarity must only roughly fit a stretched or tilted copy
LOOSE = 0.04
TIGHT_PX = 4.0
DISPLACED = 0.15
RUNNER_UP = 0.1  # of the best one's inliers: fewer are not worth a block comparison
MIN_SCALE, MAX_SCALE = 0.08, 12.0
# ratio of the singular values: no published edit exceeds it, but chance alignments do
MAX_STRETCH = 2.5
Transform = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """A plane transform from query to reference pixels (3x3, last element 1) and its matches.

    query_points, reference_points: (n, 2) float32, the inliers in either picture, at distinct
    positions.
    displaced: (m, 2) float32, query points of matches turned and scaled like the transform, but up
    to 15 % of the picture away from its prediction. Edits leave hardly any; a second photograph of
    a scene has many, since depth moves its parts.
    """

    transform: Transform
    query_points: NDArray[np.float32]
    reference_points: NDArray[np.float32]
    displaced: NDArray[np.float32]

    @property
    def inliers(self) -> int:
        return len(self.query_points)


def match_features(query: LocalFeatures, reference: LocalFeatures) -> NDArray[np.int64]:
    """Return (n, 2) indices of mutual nearest neighbours that pass the ratio test."""
    if len(query.points) < 2 or len(reference.points) < 2:
        return np.zeros((0, 2), np.int64)
    cosine = query.descriptors @ reference.descriptors.T
    rows = np.arange(len(cosine))
    best = cosine.argmax(axis=1)
    top = cosine[rows, best]
    chosen = np.flatnonzero(cosine.argmax(axis=0)[best] == rows)
    # For mutual ones, search the second best place among a few nearest, one maximum at a time. A
    # key point may be listed with two orientations: a match at the same place is no rival.
    rest, positions = cosine[chosen], reference.points[best[chosen]]
    second = np.full(len(chosen), -1.0, np.float32)
    rest[np.arange(len(chosen)), best[chosen]] = -1.0
    for _ in range(RIVALS):
        rival = rest.argmax(axis=1)
        value = rest[np.arange(len(chosen)), rival]
        apart = np.abs(reference.points[rival] - positions).max(axis=1) >= 3.0
        second = np.where(apart, np.maximum(second, value), second)
        if (second > -1.0).all():
            break
        rest[np.arange(len(chosen)), rival] = -1.0
    chosen = chosen[(1.0 - top[chosen]) < RATIO**2 * (1.0 - second)]
    return np.stack([chosen, best[chosen]], axis=1)


def align(
    query: LocalFeatures, reference: LocalFeatures, *, same_frame: bool = False
) -> list[Alignment]:
    """Return the best few transforms from query to reference, most inliers first; may be empty.

    same_frame: also try that both pictures fill the same frame, which needs no key points (a
    blurred copy).
    """
    all_matches = matches = match_features(query, reference)
    alignments: list[Alignment] = []
    while len(matches) >= MIN_MATCHES and len(alignments) < MAX_HYPOTHESES:
        support = consistent(query, reference, matches)
        if support.sum() < MIN_MATCHES:
            break
        source, target = query.points[matches[:, 0]], reference.points[matches[:, 1]]
        transform, explained = _refine(source, target, support)
        if transform is not None:
            alignments.append(_alignment(query, reference, all_matches, transform))
        matches = matches[~(support | explained)]
    alignments.sort(key=lambda a: -a.inliers)
    alignments = [a for a in alignments if a.inliers >= RUNNER_UP * alignments[0].inliers]
    stretch = np.diag([reference.width / query.width, reference.height / query.height, 1.0])
    if same_frame and not (alignments and _nearly_equal(alignments[0].transform, stretch, query)):
        alignments.append(_alignment(query, reference, all_matches, stretch))
    return alignments


def _nearly_equal(a: Transform, b: Transform, query: LocalFeatures) -> bool:
    corners = np.array([[0, 0], [query.width, 0], [0, query.height], [query.width, query.height]])
    return bool(np.abs(project(a, corners) - project(b, corners)).max() < 2 * TIGHT_PX)


def _alignment(
    query: LocalFeatures, reference: LocalFeatures, matches: NDArray[np.int64], transform: Transform
) -> Alignment:
    source, target = query.points[matches[:, 0]], reference.points[matches[:, 1]]
    errors = _errors(transform, source, target)
    tight = errors < TIGHT_PX
    _, first = np.unique(np.round(source[tight] / 2.0), axis=0, return_index=True)
    # A match turned and scaled like the transform, yet elsewhere, shows the same thing displaced.
    turn = complex(transform[0, 0] + transform[1, 1], transform[1, 0] - transform[0, 1]) / 2
    own = (
        reference.sizes[matches[:, 1]]
        / query.sizes[matches[:, 0]]
        * np.exp(1j * (reference.angles[matches[:, 1]] - query.angles[matches[:, 0]]))
    )
    relative = own / turn if abs(turn) > 1e-6 else np.zeros(len(own), np.complex128)
    alike = (np.abs(np.log(np.maximum(np.abs(relative), 1e-6))) < 0.5) & (
        np.abs(np.angle(relative)) < 0.35
    )
    displaced = alike & ~tight & (errors < DISPLACED * np.hypot(reference.width, reference.height))
    return Alignment(transform, source[tight][first], target[tight][first], source[displaced])


def consistent(
    query: LocalFeatures, reference: LocalFeatures, matches: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return the matches that agree with the match whose scale, turn and shift explain the most."""
    q, r = matches[:, 0], matches[:, 1]
    source = query.points[q].astype(np.float64) @ np.array([1, 1j])
    target = reference.points[r].astype(np.float64) @ np.array([1, 1j])
    scale = reference.sizes[r] / query.sizes[q]
    turn = scale * np.exp(1j * (reference.angles[r] - query.angles[q]))
    shift = target - turn * source
    error = np.abs(turn[:, None] * source[None] + shift[:, None] - target[None])
    tolerance = LOOSE * np.hypot(reference.width, reference.height)
    same_scale = np.abs(np.log(np.maximum(scale[:, None], 1e-6) / scale[None])) < 0.7
    agrees = (error < tolerance) & same_scale
    return np.asarray(agrees[agrees.sum(axis=1).argmax()], dtype=np.bool_)


def _refine(
    source: NDArray[np.float32], target: NDArray[np.float32], support: NDArray[np.bool_]
) -> tuple[Transform | None, NDArray[np.bool_]]:
    nothing = np.zeros(len(source), np.bool_)
    affine, _ = cv2.estimateAffine2D(
        source[support],
        target[support],
        method=cv2.RANSAC,
        ransacReprojThreshold=TIGHT_PX,
        maxIters=500,
        confidence=0.999,
    )
    if affine is None:
        return None, nothing
    best = np.vstack([affine, [0.0, 0.0, 1.0]])
    inliers = _errors(best, source, target) < TIGHT_PX
    if inliers.sum() >= 12:
        loose = _errors(best, source, target) < 4 * TIGHT_PX
        homography, _ = cv2.findHomography(
            source[loose], target[loose], cv2.USAC_MAGSAC, TIGHT_PX, maxIters=1000
        )
        if homography is not None and abs(homography[2, 2]) > 1e-9:
            homography = homography / homography[2, 2]
            tilted = _errors(homography, source, target) < TIGHT_PX
            # The extra degrees of freedom must explain more, else noise distorts the frame.
            if tilted.sum() > 1.15 * inliers.sum() + 2 and is_sane(homography, source[tilted]):
                best, inliers = homography, tilted
    if inliers.sum() < MIN_MATCHES or not is_sane(best, source[inliers]):
        return None, inliers
    return best, inliers


def _errors(
    transform: Transform, source: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(project(transform, source) - target, axis=1))


def project(transform: Transform, points: NDArray[Any]) -> NDArray[np.float64]:
    """Map (n, 2) points through a 3x3 transform."""
    extended = np.column_stack([points.astype(np.float64), np.ones(len(points))]) @ transform.T
    return np.asarray(
        extended[:, :2] / np.where(np.abs(extended[:, 2:]) < 1e-9, 1e-9, extended[:, 2:])
    )


def inverse(transform: Transform) -> Transform:
    """Return the inverse of a transform."""
    return np.asarray(np.linalg.inv(transform), np.float64)


def local_scale(transform: Transform, at: NDArray[Any]) -> tuple[float, float]:
    """Return (geometric mean, ratio) of the derivative's singular values at a point; (0, inf) if
    folded.
    """
    base = np.asarray(at, np.float64) + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    mapped = project(transform, base)
    jacobian = np.column_stack([mapped[1] - mapped[0], mapped[2] - mapped[0]])
    if not np.isfinite(jacobian).all() or np.linalg.det(jacobian) <= 0:
        return 0.0, float("inf")
    high, low = np.linalg.svd(jacobian, compute_uv=False)
    return float(np.sqrt(high * low)), float(high / max(low, 1e-9))


def is_sane(transform: Transform, points: NDArray[Any]) -> bool:
    """Return whether the transform scales, stretches and tilts like edits do, over the points'
    extent.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    for at in (
        low,
        high,
        np.array([low[0], high[1]]),
        np.array([high[0], low[1]]),
        (low + high) / 2,
    ):
        scale, stretch = local_scale(transform, at)
        if not (MIN_SCALE <= scale <= MAX_SCALE and stretch <= MAX_STRETCH):
            return False
    return True
