"""The pictures of two videos from proposals to proven stretches, with a second look where the first leaves it open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embeddings.image.match import ImageMatch
from embeddings.video.align import Proposal, frames_wanted, likeliest, propose
from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.match import SecondScore
from embeddings.video.overlap import overlap_cells
from embeddings.video.verify import Judged, VerifyPair, verify_proposals

Proxies = Callable[[Sequence[int]], Mapping[int, bytes]]
PROBES = 3
SURE_LIKENESS = 0.75  # mean along a stretch from which hashes agree too, and its times are as good as they get
NEARLY_ALL = 0.9  # of the shorter work's content


@dataclass(frozen=True)
class Pictures:
    """What the pictures of two videos have in common: stretches after verification, and the curve of likeness."""

    judged: tuple[Judged, ...]
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
    """Verify the proposals; look again, with the geometry known, where little is proven or times are vague.

    Args: probe: also lay the likeliest frames over each other where there are no proposals or none is proven.
    Raises: BadProxy.
    """
    first = _verified(query, reference, proposals, proxies, verify)
    if reference.is_picture or not query.frames:
        return first
    placed = next((one.best for one in first.judged if one.segment.verified), None)
    if placed is not None and _settled(first, query, reference):
        return first
    if placed is None and probe and not any(one.segment.motion == "disagrees" for one in first.judged):
        placed = _probe(query, reference, proxies, verify)
    if placed is None or placed.transform is None:
        return first
    every = proxies([reference.frame_ms(at) for at in range(len(reference.times_s))])
    transform = np.asarray(placed.transform, np.float64)
    cells = overlap_cells(query.frames, query.interval_s, reference, every, transform, placed.mirrored)
    if cells is None:
        return first
    again = _verified(query, reference, propose(query, reference, cells), proxies, verify)
    return again if _proven_s(again) > 0.9 * _proven_s(first) else first


def _verified(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    proposals: Sequence[Proposal],
    proxies: Proxies,
    verify: VerifyPair,
) -> Pictures:
    known = proxies(frames_wanted(proposals, reference)) if proposals else {}
    judged = verify_proposals(query.frames, reference, proposals, known, verify)
    seconds = sorted((second for one in proposals for second in one.seconds), key=lambda second: second.query_s)
    return Pictures(tuple(judged), tuple(seconds))


def _settled(found: Pictures, query: VideoFingerprint, reference: ReferenceVideo) -> bool:
    """Whether a second look can add nothing: surely alike, over nearly all that can match."""
    proven = [one.segment for one in found.judged if one.segment.verified]
    sure = min(segment.score for segment in proven) >= SURE_LIKENESS
    return sure and _proven_s(found) >= NEARLY_ALL * min(query.content_s, reference.content_s)


def _probe(
    query: VideoFingerprint, reference: ReferenceVideo, proxies: Proxies, verify: VerifyPair
) -> ImageMatch | None:
    """The first of the likeliest frame pairs that is proven."""
    pairs = likeliest(query, reference, PROBES)
    known = proxies([reference.frame_ms(to) for _, to in pairs]) if pairs else {}
    for at, to in pairs:
        proxy = known.get(reference.frame_ms(to))
        match = verify(query.frames[at].proxy, proxy) if proxy is not None else None
        if match is not None and match.verified:
            return match
    return None


def _proven_s(found: Pictures) -> float:
    proven = [one.segment for one in found.judged if one.segment.verified]
    return sum(segment.query_end_s - segment.query_start_s for segment in proven)
