"""Which candidates are worth verifying: a pure ranking over what the indexes returned."""

from collections.abc import Sequence
from uuid import UUID

from storage.search.images import ImageCandidate

UNRANKED = 10**6


def shortlist(candidates: Sequence[ImageCandidate], limit: int) -> list[ImageCandidate]:
    """The best `limit` candidates, best first; the order of the input is irrelevant.

    Works with the same bytes come first. The others are ranked by each channel, and their best rank
    counts, then their next best: a Hamming distance and a cosine have no common scale, and a copy
    that one channel is sure of must not fall behind works that both find vaguely alike, as it does
    where ranks are added up.
    """
    ranks: dict[UUID, list[int]] = {c.work_id: [] for c in candidates}
    hashed = [c for c in candidates if c.phash_distance is not None]
    _add_ranks(ranks, sorted(hashed, key=lambda c: (c.phash_distance or 0, str(c.work_id))))
    for model in sorted({model for c in candidates for model in c.cosines}):
        with_model = [c for c in candidates if model in c.cosines]
        _add_ranks(ranks, sorted(with_model, key=lambda c: (-c.cosines[model], str(c.work_id))))

    def order(candidate: ImageCandidate) -> tuple[bool, list[int], str]:
        ranked = sorted(ranks[candidate.work_id]) or [UNRANKED]
        return ("sha256" not in candidate.found_by, ranked, str(candidate.work_id))

    return sorted(candidates, key=order)[:limit]


def _add_ranks(ranks: dict[UUID, list[int]], ranked: Sequence[ImageCandidate]) -> None:
    for rank, candidate in enumerate(ranked):
        ranks[candidate.work_id].append(rank)
