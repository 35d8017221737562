"""Prove or drop proposed stretches: a few aligned frame pairs are aligned, as
pictures are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from embeddings.image.match import ImageMatch
from embeddings.video.align import PAIRS, Proposal
from embeddings.video.fingerprint import KeyFrame, ReferenceVideo
from embeddings.video.match import FramePair, VideoSegment
from embeddings.video.motion import Moment, MotionReport, compare_motion

VerifyPair = Callable[[bytes, bytes], ImageMatch]  # query proxy, reference proxy
ENOUGH = 2  # distinct frame pairs that must be proven, where there are as many
# The larger share of either frame that the best pair must prove. Made videos of one template (a
# border and a bar that all of its users share) reach 0.33, the most heavily captioned copies 0.42.
PART_OF_FRAME = 0.37
# Of made talking heads, stretches of other takes picked for their likeness reach 0.58 over a few
# pairs of moments and 0.46 over 29; copies, once aligned, 0.9.
SURELY_ALIKE, MANY_MOMENTS = 0.6, 20
MAX_TRIED = 8  # proposals of one reference that are verified, the best ones


@dataclass(frozen=True)
class AlignedPair:
    """A proven frame pair: frame numbers, and how the one lies over the other."""

    query_frame: int
    reference_frame: int
    match: ImageMatch


@dataclass(frozen=True)
class VerifiedPair:
    """One proposal after verification; fidelity: 0..1, mean strength of its proven pairs; motion:
    correlation, over ``compared`` pairs of moments; laid: the proven pairs, those that agree most
    first.
    """

    segment: VideoSegment
    pairs: tuple[FramePair, ...]
    fidelity: float
    motion: float
    compared: int
    aligned: tuple[AlignedPair, ...]


@dataclass(frozen=True, eq=False)
class _Side:
    """Both works and how to compare two proxies."""

    frames: Sequence[KeyFrame]
    reference: ReferenceVideo
    proxies: Mapping[int, bytes]
    verify: VerifyPair

    def proxy(self, frame: int) -> bytes | None:
        return self.proxies.get(self.reference.frame_ms(frame))


def verify_proposals(
    frames: Sequence[KeyFrame],
    reference: ReferenceVideo,
    proposals: Sequence[Proposal],
    proxies: Mapping[int, bytes],
    verify: VerifyPair,
) -> list[VerifiedPair]:
    """Judge each proposal by its frame pairs.

    Where one stretch shows that only the unmoving ground is shared, others prove something only if
    they move alike beyond doubt: among many short ones, one that does by chance can always be
    found.

    Args:
        proxies: frame_ms -> proxy of the reference's frames; pairs whose proxy is gone count as not
            proven.
    Raises: BadProxy.
    """
    side = _Side(frames, reference, proxies, verify)
    verified_pairs = [_verify(side, proposal) for proposal in proposals[:MAX_TRIED]]
    if not any(one.segment.motion == "disagrees" for one in verified_pairs):
        return verified_pairs
    return [
        replace(one, segment=replace(one.segment, verified=_beyond_doubt(one)))
        for one in verified_pairs
    ]


def _beyond_doubt(one: VerifiedPair) -> bool:
    moves = (
        one.segment.motion == "agrees"
        and one.motion >= SURELY_ALIKE
        and one.compared >= MANY_MOMENTS
    )
    return one.segment.verified and (moves or one.segment.motion == "cuts")


def _verify(side: _Side, proposal: Proposal) -> VerifiedPair:
    needed = min(ENOUGH, len({q for q, _ in proposal.pairs}))
    tried: list[tuple[FramePair, ImageMatch]] = []
    proven_pairs: list[AlignedPair] = []
    for number, (at, to) in enumerate(proposal.pairs):
        so_far = sum(match.verified for _, match in tried)
        if number >= PAIRS and (so_far >= needed or so_far == 0):
            break  # decided: more pairs are looked at only where one of three was proven
        proxy = side.proxy(to)
        if proxy is None:
            continue
        match = side.verify(side.frames[at].proxy, proxy)
        pair = FramePair(
            side.frames[at].frame_ms,
            side.reference.frame_ms(to),
            match.similarity,
            match.verified,
            match.mirrored,
            match.reason,
        )
        tried.append((pair, match))
        if match.verified:
            proven_pairs.append(AlignedPair(at, to, match))
    proven = [match for _, match in tried if match.verified]
    motion = _motion(side, proposal, proven)
    large = any(
        max(match.query_coverage, match.reference_coverage) >= PART_OF_FRAME for match in proven
    )
    verified = len(proven) >= max(1, needed) and large and motion.verdict != "disagrees"
    mirrored = 2 * sum(match.mirrored for match in proven) > len(proven)
    fidelity = (
        sum((match.similarity - 0.95) / 0.05 for match in proven) / len(proven) if proven else 0.0
    )
    segment = VideoSegment(
        proposal.query_start_s,
        proposal.query_end_s,
        proposal.reference_start_s,
        proposal.reference_end_s,
        abs(proposal.speed),
        mirrored,
        proposal.reversed,
        round(proposal.likeness, 4),
        verified,
        motion.verdict,
    )
    aligned = tuple(sorted(proven_pairs, key=lambda pair: -pair.match.similarity))
    return VerifiedPair(
        segment,
        tuple(pair for pair, _ in tried),
        fidelity,
        motion.correlation,
        motion.compared,
        aligned,
    )


def _motion(side: _Side, proposal: Proposal, proven: Sequence[ImageMatch]) -> MotionReport:
    """Whether what moves in a proven stretch moves alike; of many shots there is no need to ask."""
    if not proven or side.reference.is_picture:
        return MotionReport("still", 0.0, 0)
    if not proposal.moments:
        return MotionReport("cuts" if len(proven) > 1 else "still", 0.0, 0)
    best = max(proven, key=lambda match: match.similarity)
    moments = [
        Moment(at, to, side.frames[at].proxy, proxy, side.reference.phashes[to])
        for at, to in proposal.moments
        if (proxy := side.proxy(to)) is not None
    ]
    return compare_motion(moments, np.asarray(best.transform, np.float64), best.mirrored)
