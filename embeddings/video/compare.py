"""From proposals to proven segments, with a refinement pass where little is proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embeddings.video.align import Proposal, most_alike_pairs, needed_frames, propose
from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.match import SecondScore
from embeddings.video.overlap import OverlapView
from embeddings.video.similarity import frame_likeness
from embeddings.video.verify import AlignedPair, VerifiedPair, VerifyPair, verify_proposals

Proxies = Callable[[Sequence[int]], Mapping[int, bytes]]
PROBES = 3
NEIGHBOURS = 2  # frames on either side of a proven one that are tried as well
# mean likeness from which hashes agree too, so that the times cannot improve
SURE_LIKENESS = 0.75
NEARLY_ALL = 0.95  # of the shorter work's content
OTHER_LIKENESS = 0.2  # what different pictures do not reach


@dataclass(frozen=True)
class Pictures:
    """The pictures of two videos compared: proposals after verification, and the likeness curve."""

    verified_pairs: tuple[VerifiedPair, ...]
    seconds: tuple[SecondScore, ...]


def compare(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    proposals: Sequence[Proposal],
    proxies: Proxies,
    verify: VerifyPair,
    *,
    probe: bool = False,
) -> Pictures:
    """Verify the proposals, then refine with the known geometry where little is proven or times are
    vague.

    Args:
        probe: also verify the most similar frames where there is no proposal or none is proven.
    Raises: BadProxy.
    """
    first = _verified(query, reference, proposals, proxies, verify)
    if reference.is_picture or not query.frames or _settled(first, query, reference):
        return first
    aligned = [pair for verified in first.verified_pairs for pair in verified.aligned]
    if not aligned and probe:
        aligned = _probe(query, reference, proxies, verify)
    if not aligned:
        return first
    all_proxies = proxies([reference.frame_ms(at) for at in range(len(reference.times_s))])
    view = OverlapView(query.frames, query.interval_s, reference, all_proxies)
    neighbours = _verified_neighbours(aligned[0], query, reference, all_proxies, verify)
    refined_proposals = _best_proposals(query, reference, view, [*aligned, *neighbours])
    refined = _verified(query, reference, refined_proposals, proxies, verify)
    threshold = (1.0 if _sure(first) else 0.95) * _proven_s(first)
    return refined if _proven_s(refined) > threshold else first


def _best_proposals(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    view: OverlapView,
    aligned: Sequence[AlignedPair],
) -> tuple[Proposal, ...]:
    """Return the proposals under the transform that makes most of the two videos alike."""
    best: tuple[Proposal, ...] = ()
    for pair in aligned:
        cells = view.cells(np.asarray(pair.match.transform, np.float64), pair.match.mirrored)
        proposals = propose(query, reference, cells) if cells is not None else ()
        if sum(p.score for p in proposals) > sum(p.score for p in best):
            best = proposals
    return best


def _verified_neighbours(
    pair: AlignedPair,
    query: VideoFingerprint,
    reference: ReferenceVideo,
    proxies: Mapping[int, bytes],
    verify: VerifyPair,
) -> list[AlignedPair]:
    """Return the query frame's proven pairs with the frames just before and after the reference
    frame.

    While a camera moves, a pair that is a second apart fits too, but not where the edit placed it.
    """
    neighbours = []
    for to in range(pair.reference_frame - NEIGHBOURS, pair.reference_frame + NEIGHBOURS + 1):
        if to == pair.reference_frame or not 0 <= to < len(reference.times_s):
            continue
        proxy = proxies.get(reference.frame_ms(to))
        match = verify(query.frames[pair.query_frame].proxy, proxy) if proxy is not None else None
        if match is not None and match.verified:
            neighbours.append(AlignedPair(pair.query_frame, to, match))
    return neighbours


def _verified(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    proposals: Sequence[Proposal],
    proxies: Proxies,
    verify: VerifyPair,
) -> Pictures:
    known = proxies(needed_frames(proposals, reference)) if proposals else {}
    verified_pairs = verify_proposals(query.frames, reference, proposals, known, verify)
    seconds = sorted(
        (second for proposal in proposals for second in proposal.seconds),
        key=lambda second: second.query_s,
    )
    return Pictures(tuple(verified_pairs), tuple(seconds))


def _settled(pictures: Pictures, query: VideoFingerprint, reference: ReferenceVideo) -> bool:
    """Return whether refinement can add nothing: surely alike, over nearly all that can match, or
    where the rest is like nothing of the reference. Where hashes agree an edit hides no frame.
    """
    if not _sure(pictures):
        return False
    if _proven_s(pictures) >= NEARLY_ALL * min(query.content_s, reference.content_s):
        return True
    proven = [v.segment for v in pictures.verified_pairs if v.segment.verified]
    others = [
        frame
        for frame in query.frames
        if not any(s.query_start_s <= frame.time_s < s.query_end_s for s in proven)
    ]
    return not others or float(frame_likeness(others, reference).max()) < OTHER_LIKENESS


def _sure(pictures: Pictures) -> bool:
    """Return whether all that is proven has agreeing hashes, so that its times are right."""
    proven = [v.segment for v in pictures.verified_pairs if v.segment.verified]
    return bool(proven) and min(segment.score for segment in proven) >= SURE_LIKENESS


def _probe(
    query: VideoFingerprint, reference: ReferenceVideo, proxies: Proxies, verify: VerifyPair
) -> list[AlignedPair]:
    """Return the first of the most similar frame pairs that is proven, if any."""
    pairs = most_alike_pairs(query, reference, PROBES)
    known = proxies([reference.frame_ms(to) for _, to in pairs]) if pairs else {}
    for at, to in pairs:
        proxy = known.get(reference.frame_ms(to))
        match = verify(query.frames[at].proxy, proxy) if proxy is not None else None
        if match is not None and match.verified:
            return [AlignedPair(at, to, match)]
    return []


def _proven_s(pictures: Pictures) -> float:
    proven = [v.segment for v in pictures.verified_pairs if v.segment.verified]
    return sum(segment.query_end_s - segment.query_start_s for segment in proven)
