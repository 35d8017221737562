"""Prove or reject proposals by verifying a few frame pairs as pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from embeddings.image.evidence import is_refilled
from embeddings.image.match import ImageMatch
from embeddings.video.align import PAIRS, Proposal
from embeddings.video.fingerprint import KeyFrame, ReferenceVideo
from embeddings.video.match import FramePair, VideoSegment
from embeddings.video.motion import Moment, MotionReport, compare_motion, is_that_moment

VerifyPair = Callable[[bytes, bytes], ImageMatch]  # query proxy, reference proxy
ENOUGH = 2  # distinct frame pairs that must be proven, if there are that many
# The larger share of either frame that the best pair must prove. Synthetic videos of one template
# (with the same border and bar) reach 0.33, the most heavily captioned copies 0.42.
PART_OF_FRAME = 0.37
# Of synthetic talking heads, parts of other takes chosen by likeness reach 0.58 over a few pairs of
# moments and 0.46 over 29; aligned copies reach 0.9.
SURELY_ALIKE, MANY_MOMENTS = 0.6, 20
UNPROVEN_SIMILARITY = 0.69  # of frames that may be uses of one template
MOVING_SPANS = 2.5  # intervals; a frame that lasts longer is a card
SAME_SHOT_COSINE = 0.6  # a second later it is 0.9 in the median; of other pictures 0.31 at most
MAX_TRIED = 8  # the best proposals of one reference are verified


@dataclass(frozen=True)
class AlignedPair:
    """A proven frame pair: frame numbers, and the match that aligns them."""

    query_frame: int
    reference_frame: int
    match: ImageMatch


@dataclass(frozen=True, kw_only=True)
class VerifiedPair:
    """A proposal after verification.

    fidelity: 0..1, mean strength of its proven pairs; motion: correlation, over ``compared`` pairs
    of moments; aligned: the proven pairs, those that agree most first.
    """

    segment: VideoSegment
    pairs: tuple[FramePair, ...]
    fidelity: float
    motion: float
    compared: int
    aligned: tuple[AlignedPair, ...]


@dataclass(frozen=True, eq=False)
class _Side:
    """Both works, and the function that compares two proxies."""

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
    """Verify each proposal by its frame pairs.

    Where one shows that only the unmoving background is shared, the others prove something only if
    they move alike beyond doubt: among many short ones, one always moves alike by chance.

    Args:
        proxies: frame_ms -> proxy of the reference's frames; pairs without proxy count as not
            proven.
    Raises: BadProxy.
    """
    side = _Side(frames, reference, proxies, verify)
    verified_pairs: list[VerifiedPair] = []
    for proposal in proposals[:MAX_TRIED]:
        verified_pairs.append(_verify(side, proposal))
        if proposal.one_moment and verified_pairs[-1].segment.motion == "moment":
            break  # an unmoving query shows one
    if not any(v.segment.motion == "disagrees" for v in verified_pairs):
        return verified_pairs
    return [
        replace(v, segment=replace(v.segment, verified=_is_beyond_doubt(v))) for v in verified_pairs
    ]


def _is_beyond_doubt(verified: VerifiedPair) -> bool:
    segment = verified.segment
    moves_alike = (
        segment.motion == "agrees"
        and verified.motion >= SURELY_ALIKE
        and verified.compared >= MANY_MOMENTS
    )
    return segment.verified and (moves_alike or segment.motion == "cuts")


def _verify(side: _Side, proposal: Proposal) -> VerifiedPair:
    needed = min(ENOUGH, len({q for q, _ in proposal.pairs}))
    tried: list[tuple[FramePair, ImageMatch]] = []
    proven_pairs: list[AlignedPair] = []
    for number, (at, to) in enumerate(proposal.pairs):
        proven = [match for _, match in tried if match.verified]
        if len(proven) >= max(1, needed) and _large(proven):
            break
        if number >= PAIRS and not proven:
            break  # more pairs are tried only where a few of the first were proven
        proxy = side.proxy(to)
        if proxy is None:
            continue
        match = as_of_films(side.verify(side.frames[at].proxy, proxy))
        pair = FramePair(
            query_ms=side.frames[at].frame_ms,
            reference_ms=side.reference.frame_ms(to),
            similarity=match.similarity,
            verified=match.verified,
            mirrored=match.mirrored,
            reason=match.reason,
        )
        tried.append((pair, match))
        if match.verified:
            proven_pairs.append(AlignedPair(at, to, match))
    proven = [match for _, match in tried if match.verified]
    motion = _motion(side, proposal, proven)
    verified = len(proven) >= max(1, needed) and _large(proven) and motion.verdict != "disagrees"
    mirrored = 2 * sum(match.mirrored for match in proven) > len(proven)
    fidelity = (
        sum((match.similarity - 0.95) / 0.05 for match in proven) / len(proven) if proven else 0.0
    )
    segment = VideoSegment(
        query_start_s=proposal.query_start_s,
        query_end_s=proposal.query_end_s,
        reference_start_s=proposal.reference_start_s,
        reference_end_s=proposal.reference_end_s,
        speed=abs(proposal.speed),
        mirrored=mirrored,
        reversed=proposal.reversed,
        score=round(proposal.likeness, 4),
        verified=verified,
        motion=motion.verdict,
    )
    aligned = tuple(sorted(proven_pairs, key=lambda pair: -pair.match.similarity))
    return VerifiedPair(
        segment=segment,
        pairs=tuple(pair for pair, _ in tried),
        fidelity=fidelity,
        motion=motion.correlation,
        compared=motion.compared,
        aligned=aligned,
    )


def _large(proven: Sequence[ImageMatch]) -> bool:
    """Return whether one of the proven pairs shares a large part of either frame."""
    return any(
        max(match.query_coverage, match.reference_coverage) >= PART_OF_FRAME for match in proven
    )


def as_of_films(match: ImageMatch) -> ImageMatch:
    """Return the match as it counts for films: other subtitles alone, or another watermark, leave
    it proven.
    """
    if not (match.exchanged and is_refilled(match.scores)):
        return match
    return replace(match, verified=False, similarity=UNPROVEN_SIMILARITY)


def _shows_moment(side: _Side, proposal: Proposal, match: ImageMatch) -> bool:
    """Return whether the proven pair of an unmoving query is one moment of a shot that moves; of a
    card or a cover, which many may show, nothing is said.
    """
    at, to = proposal.pairs[0]
    reference = side.reference
    if reference.spans_s[to] > MOVING_SPANS * reference.interval_s:
        return False
    frame = side.proxy(to)
    around = [
        proxy
        for beside in (to - 1, to + 1)
        if 0 <= beside < len(reference.times_s)
        and _is_same_shot(reference, to, beside)
        and (proxy := side.proxy(beside)) is not None
    ]
    return frame is not None and is_that_moment(
        side.frames[at].proxy,
        frame,
        around,
        np.asarray(match.transform, np.float64),
        match.mirrored,
    )


def _is_same_shot(reference: ReferenceVideo, frame: int, other: int) -> bool:
    cosines = [float(vectors[frame] @ vectors[other]) for vectors in reference.embeddings.values()]
    return bool(cosines) and min(cosines) >= SAME_SHOT_COSINE


def _motion(side: _Side, proposal: Proposal, proven: Sequence[ImageMatch]) -> MotionReport:
    """Return whether what moves in a proven segment moves alike; not compared for many shots."""
    if not proven or side.reference.is_picture:
        return MotionReport("still", 0.0, 0)
    if proposal.one_moment:
        return MotionReport(
            "moment" if _shows_moment(side, proposal, proven[0]) else "still", 0.0, 0
        )
    if not proposal.moments:
        return MotionReport("cuts" if len(proven) > 1 else "still", 0.0, 0)
    best = max(proven, key=lambda match: match.similarity)
    moments = [
        Moment(at, to, side.frames[at].proxy, proxy, side.reference.phashes[to])
        for at, to in proposal.moments
        if (proxy := side.proxy(to)) is not None
    ]
    return compare_motion(moments, np.asarray(best.transform, np.float64), best.mirrored)
