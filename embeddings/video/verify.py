"""Prove or drop proposed stretches: a few aligned frame pairs are laid over each other, as pictures are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from embeddings.image.match import ImageMatch
from embeddings.video.align import PAIRS, Proposal
from embeddings.video.fingerprint import KeyFrame, ReferenceVideo
from embeddings.video.match import FramePair, VideoSegment

VerifyPair = Callable[[bytes, bytes], ImageMatch]  # query proxy, reference proxy
ENOUGH = 2  # distinct frame pairs that must be proven, where there are as many
MAX_TRIED = 8  # proposals of one reference that are verified, the best ones


@dataclass(frozen=True)
class Judged:
    """One proposal after verification; fidelity: 0..1, mean strength of its proven pairs."""

    segment: VideoSegment
    pairs: tuple[FramePair, ...]
    fidelity: float


def verify_proposals(
    frames: Sequence[KeyFrame],
    reference: ReferenceVideo,
    proposals: Sequence[Proposal],
    proxies: Mapping[int, bytes],
    verify: VerifyPair,
) -> list[Judged]:
    """Judge each proposal by its frame pairs.

    Args:
        proxies: frame_ms -> proxy of the reference's frames; pairs whose proxy is gone count as not proven.
    Raises: BadProxy.
    """
    return [_judge(frames, reference, proposal, proxies, verify) for proposal in proposals[:MAX_TRIED]]


def _judge(
    frames: Sequence[KeyFrame],
    reference: ReferenceVideo,
    proposal: Proposal,
    proxies: Mapping[int, bytes],
    verify: VerifyPair,
) -> Judged:
    tried: list[tuple[FramePair, ImageMatch]] = []
    needed = min(ENOUGH, len({q for q, _ in proposal.pairs}))
    for number, (at, to) in enumerate(proposal.pairs):
        so_far = sum(match.verified for _, match in tried)
        if number >= PAIRS and (so_far >= needed or so_far == 0):
            break  # decided: more pairs are looked at only where one of three was proven
        proxy = proxies.get(reference.frame_ms(to))
        if proxy is None:
            continue
        match = verify(frames[at].proxy, proxy)
        pair = FramePair(frames[at].frame_ms, reference.frame_ms(to), match.similarity, match.verified,
                         match.mirrored, match.reason)  # fmt: skip
        tried.append((pair, match))
    proven = [match for _, match in tried if match.verified]
    verified = len(proven) >= max(1, needed)
    mirrored = 2 * sum(match.mirrored for match in proven) > len(proven)
    fidelity = sum((match.similarity - 0.95) / 0.05 for match in proven) / len(proven) if proven else 0.0
    segment = VideoSegment(
        proposal.query_start_s, proposal.query_end_s, proposal.reference_start_s, proposal.reference_end_s,
        abs(proposal.speed), mirrored, proposal.reversed, round(proposal.likeness, 4), verified,
    )  # fmt: skip
    return Judged(segment, tuple(pair for pair, _ in tried), fidelity)
