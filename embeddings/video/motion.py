"""Compare what moves: two takes from one tripod share every pixel of the wall and nothing else.

Aligned, a frame of one talking head agrees with a frame of another in all blocks of the background.
Time proves a copy there: the difference of two frames of the query, overlaid on the difference of
the two aligned frames of the reference. The unmoving background cancels out of both; what moved
remains, and in a copy it moved alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.geometry import Transform
from embeddings.image.raster import decode_proxy, to_grey

_NO_HASH = np.zeros(32, np.uint8)
Motion = Literal["agrees", "disagrees", "still", "cuts", "moment"]
SAME_SHOT_BITS = 64  # closer hashes show one shot; a second of camera move is 68 (median)
BLOCK_PX = 16
TEXTURE_LEVELS = 6.0
# of the textured blocks: a walking person changes a quarter of a picture, a camera move nine tenths
MOVING_SHARE = 0.5
# of the pairs of moments, with one unmoving background, for motion to be compared
ONE_SHOT_SHARE = 0.2
BLUR_PX = 2.5  # removes coding noise, and tolerates a sampling phase of a fraction of a second
STILL_LEVELS = 2.0  # rms of a difference; below it only noise moved
# Correlation of the differences. Measured on 16 synthetic talking heads: copies 0.57 to 1.0 at any
# sampling phase, other takes in the same room -0.13 to 0.31.
AGREES_AT = 0.45
# One moment of a film: of what changes between the frames around it, the share of the energy in
# which a picture may differ. Of a fixed camera's takes single moments are the same to 0.03, as a
# copy is, so most of the frame has to change: the camera moves.
OTHER_MOMENT = 0.35
CHANGED_LEVELS, CHANGED_SHARE = 8.0, 0.35


@dataclass(frozen=True, eq=False)
class Moment:
    """Frame numbers, proxies and the reference's hash at one moment of a segment."""

    query_frame: int
    reference_frame: int
    query_proxy: bytes
    reference_proxy: bytes
    reference_hash: NDArray[np.uint8]


@dataclass(frozen=True)
class MotionReport:
    """cuts: the frames are of different shots or the camera moves, which never is alike by chance;
    still: nothing moves in either; moment: an unmoving query shows one moment of a reference that
    moves; else whether the differences correlate, -1..1, over how many
    pairs of moments of one shot.
    """

    verdict: Motion
    correlation: float
    compared: int


@dataclass(frozen=True, eq=False)
class _Overlaid:
    """The query overlaid on the reference, blurred; (h, w) of the reference's proxy; inside: where
    both are.
    """

    query: NDArray[np.float32]
    reference: NDArray[np.float32]
    inside: NDArray[np.bool_]


def compare_motion(moments: Sequence[Moment], transform: Transform, mirrored: bool) -> MotionReport:
    """Judge the moments of one segment together.

    Args:
        transform: 3x3, from the query's proxy (mirrored if ``mirrored``) to the reference's, of one
            proven frame pair: an edit places a whole shot alike.
    Raises: BadProxy.
    """
    aligned: dict[int, _Overlaid] = {}
    joint = own_query = own_reference = area = 0.0
    compared = moving = 0
    for a, b in combinations(range(len(moments)), 2):
        if _same_frame(moments[a], moments[b]):
            # stored once as hardly anything changed: the difference is unknown, not zero
            continue
        if hash_bits_apart(moments[a].reference_hash, moments[b].reference_hash) > SAME_SHOT_BITS:
            moving += 1
            continue
        for number in (a, b):
            if number not in aligned:
                aligned[number] = _overlay(moments[number], transform, mirrored)
        if aligned[a].reference.shape != aligned[b].reference.shape:
            continue
        inside = aligned[a].inside & aligned[b].inside
        if not inside.any():
            continue
        if _background_moves(aligned[a].reference, aligned[b].reference):
            # the camera turns or travels: frames that fit one by one are proof enough
            moving += 1
            continue
        moved_query = _centred((aligned[a].query - aligned[b].query)[inside])
        moved_reference = _centred((aligned[a].reference - aligned[b].reference)[inside])
        joint += float((moved_query * moved_reference).sum())
        own_query += float((moved_query**2).sum())
        own_reference += float((moved_reference**2).sum())
        area += float(inside.sum())
        compared += 1
    if compared < ONE_SHOT_SHARE * (compared + moving):
        return MotionReport("cuts", 0.0, compared)
    if not compared or max(own_query, own_reference) / area < STILL_LEVELS**2:
        return MotionReport("cuts" if moving else "still", 0.0, compared)
    correlation = joint / max((own_query * own_reference) ** 0.5, 1e-9)
    return MotionReport(
        "agrees" if correlation >= AGREES_AT else "disagrees", round(correlation, 4), compared
    )


def is_that_moment(
    picture: bytes, frame: bytes, around: Sequence[bytes], transform: Transform, mirrored: bool
) -> bool:
    """Return whether a picture shows the very moment of a frame that moves, not only its unmoving
    ground.

    Args:
        picture, frame: proxies of the query and of the reference's frame; around: of the frames
            beside it in the same shot.
        transform: 3x3, as for ``compare_motion``.
    Raises: BadProxy.
    """
    verdicts = []
    for other in around:
        shown = _overlay(Moment(0, 0, picture, frame, _NO_HASH), transform, mirrored)
        beside = _blurred(to_grey(decode_proxy(other)))
        if beside.shape != shown.reference.shape:
            continue
        moved = beside - shown.reference
        changed = shown.inside & (np.abs(moved) > CHANGED_LEVELS)
        if changed.sum() < CHANGED_SHARE * max(int(shown.inside.sum()), 1):
            continue
        gain, level = np.polyfit(shown.reference[shown.inside], shown.query[shown.inside], 1)
        off = shown.query - (gain * shown.reference + level)
        energy = float((gain * moved[changed]).var()) + float(np.mean(gain * moved[changed])) ** 2
        verdicts.append(float((off[changed] ** 2).mean()) <= OTHER_MOMENT * energy)
    return bool(verdicts) and all(verdicts)


def hash_bits_apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    """Return the Hamming distance of two hashes, (32,) uint8 each."""
    return int(np.unpackbits(a ^ b).sum())


def _background_moves(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Return whether most of the texture changes from one picture to the other."""
    rows, columns = a.shape[0] // BLOCK_PX, a.shape[1] // BLOCK_PX
    tiles = [
        v[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, columns, BLOCK_PX)
        for v in (a, a - b)
    ]
    texture = tiles[0].std(axis=(1, 3))
    change = np.sqrt((tiles[1] ** 2).mean(axis=(1, 3)))
    textured = texture > TEXTURE_LEVELS
    return bool(textured.any() and (change > 0.5 * texture)[textured].mean() > MOVING_SHARE)


def _same_frame(a: Moment, b: Moment) -> bool:
    return a.query_frame == b.query_frame or a.reference_frame == b.reference_frame


def _overlay(moment: Moment, transform: Transform, mirrored: bool) -> _Overlaid:
    query, reference = (
        to_grey(decode_proxy(proxy)) for proxy in (moment.query_proxy, moment.reference_proxy)
    )
    if mirrored:
        query = np.ascontiguousarray(query[:, ::-1])
    size = (reference.shape[1], reference.shape[0])
    warped = cv2.warpPerspective(query, transform, size, flags=cv2.INTER_LINEAR)
    inside = (
        cv2.warpPerspective(np.full_like(query, 255), transform, size, flags=cv2.INTER_NEAREST) > 0
    )
    return _Overlaid(
        _blurred(np.asarray(warped, np.uint8)), _blurred(reference), np.asarray(inside, np.bool_)
    )


def _blurred(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(np.asarray(grey, np.float32), (0, 0), BLUR_PX), np.float32)


def _centred(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values - values.mean(), np.float32)
