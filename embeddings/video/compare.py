"""The pictures of two videos from proposals to proven stretches, with a second look where the
first leaves it open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embeddings.video.align import Proposal, frames_wanted, likeliest, propose
from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.match import SecondScore
from embeddings.video.overlap import OverlapView
from embeddings.video.verify import AlignedPair, VerifiedPair, VerifyPair, verify_proposals

Proxies = Callable[[Sequence[int]], Mapping[int, bytes]]
PROBES = 3
BESIDE = 2  # frames to either side of a proven one that are tried as well
# mean along a stretch from which hashes agree too, and its times are as good as they get
SURE_LIKENESS = 0.75
NEARLY_ALL = 0.95  # of the shorter work's content


@dataclass(frozen=True)
class Pictures:
    """What the pictures of two videos have in common: stretches after verification, and the
    curve of likeness.
    """

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
    """Verify the proposals; look again, with the geometry known, where little is proven or times
    are vague.

    Args: probe: also lay the likeliest frames over each other where there are no proposals or none
        is proven.
    Raises: BadProxy.
    """
    first = _verified(query, reference, proposals, proxies, verify)
    if reference.is_picture or not query.frames or _settled(first, query, reference):
        return first
    aligned = [
        one for verified_pairs in first.verified_pairs for one in verified_pairs.aligned
    ] or (_probe(query, reference, proxies, verify) if probe else [])
    if not aligned:
        return first
    every = proxies([reference.frame_ms(at) for at in range(len(reference.times_s))])
    view = OverlapView(query.frames, query.interval_s, reference, every)
    proposed = _best_placed(
        query, reference, view, [*aligned, *_beside(aligned[0], query, reference, every, verify)]
    )
    again = _verified(query, reference, proposed, proxies, verify)
    return again if _proven_s(again) > (1.0 if _sure(first) else 0.95) * _proven_s(first) else first


def _best_placed(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    view: OverlapView,
    aligned: Sequence[AlignedPair],
) -> tuple[Proposal, ...]:
    """The stretches under that transform which makes most of the two videos alike."""
    best: tuple[Proposal, ...] = ()
    for pair in aligned:
        cells = view.cells(np.asarray(pair.match.transform, np.float64), pair.match.mirrored)
        found = propose(query, reference, cells) if cells is not None else ()
        if sum(one.score for one in found) > sum(one.score for one in best):
            best = found
    return best


def _beside(
    pair: AlignedPair,
    query: VideoFingerprint,
    reference: ReferenceVideo,
    proxies: Mapping[int, bytes],
    verify: VerifyPair,
) -> list[AlignedPair]:
    """The same query frame overlaid on the frames just before and after: while a camera moves, a
    pair that is a second apart fits too, but in another place than the edit put it.
    """
    found = []
    for to in range(pair.reference_frame - BESIDE, pair.reference_frame + BESIDE + 1):
        if to == pair.reference_frame or not 0 <= to < len(reference.times_s):
            continue
        proxy = proxies.get(reference.frame_ms(to))
        match = verify(query.frames[pair.query_frame].proxy, proxy) if proxy is not None else None
        if match is not None and match.verified:
            found.append(AlignedPair(pair.query_frame, to, match))
    return found


def _verified(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    proposals: Sequence[Proposal],
    proxies: Proxies,
    verify: VerifyPair,
) -> Pictures:
    known = proxies(frames_wanted(proposals, reference)) if proposals else {}
    verified_pairs = verify_proposals(query.frames, reference, proposals, known, verify)
    seconds = sorted(
        (second for one in proposals for second in one.seconds), key=lambda second: second.query_s
    )
    return Pictures(tuple(verified_pairs), tuple(seconds))


def _settled(found: Pictures, query: VideoFingerprint, reference: ReferenceVideo) -> bool:
    """Whether a second look can add nothing: surely alike, over nearly all that can match."""
    return _sure(found) and _proven_s(found) >= NEARLY_ALL * min(
        query.content_s, reference.content_s
    )


def _sure(found: Pictures) -> bool:
    """Whether something is proven, and hashes agree along all of it, so that its times are
    right.
    """
    proven = [one.segment for one in found.verified_pairs if one.segment.verified]
    return bool(proven) and min(segment.score for segment in proven) >= SURE_LIKENESS


def _probe(
    query: VideoFingerprint, reference: ReferenceVideo, proxies: Proxies, verify: VerifyPair
) -> list[AlignedPair]:
    """The first of the likeliest frame pairs that is proven, if any is."""
    pairs = likeliest(query, reference, PROBES)
    known = proxies([reference.frame_ms(to) for _, to in pairs]) if pairs else {}
    for at, to in pairs:
        proxy = known.get(reference.frame_ms(to))
        match = verify(query.frames[at].proxy, proxy) if proxy is not None else None
        if match is not None and match.verified:
            return [AlignedPair(at, to, match)]
    return []


def _proven_s(found: Pictures) -> float:
    proven = [one.segment for one in found.verified_pairs if one.segment.verified]
    return sum(segment.query_end_s - segment.query_start_s for segment in proven)
