"""Which candidates are worth verifying: a pure ranking over what the indexes returned."""

from collections.abc import Sequence
from uuid import UUID

from storage.matches import Candidate

# Reciprocal rank fusion; 60 is the paper's constant.
# Source: Cormack, Clarke, Buettcher, "Reciprocal Rank Fusion outperforms Condorcet", SIGIR 2009.
RANK_OFFSET = 60


def nominate(candidates: Sequence[Candidate], limit: int) -> list[Candidate]:
    """The best `limit` candidates, best first; the order of the input is irrelevant.

    Works with the same bytes, and works that a candidate was itself a copy of, come first: they decide
    who is credited. The rest is ranked by each channel and the ranks are fused, since a Hamming
    distance and a cosine have no common scale.
    """
    certain = [c for c in candidates if {"sha256", "source_of_candidate"} & set(c.found_by)]
    scores: dict[UUID, float] = dict.fromkeys((c.work_id for c in candidates), 0.0)
    hashed = [c for c in candidates if c.phash_distance is not None]
    _add_ranks(scores, sorted(hashed, key=lambda c: (c.phash_distance or 0, str(c.work_id))))
    for model in sorted({model for c in candidates for model in c.cosines}):
        with_model = [c for c in candidates if model in c.cosines]
        _add_ranks(scores, sorted(with_model, key=lambda c: (-c.cosines[model], str(c.work_id))))
    certain.sort(key=lambda c: str(c.work_id))
    rest = sorted(candidates, key=lambda c: (-scores[c.work_id], str(c.work_id)))
    chosen = {c.work_id: c for c in [*certain, *rest]}
    return list(chosen.values())[:limit]


def _add_ranks(scores: dict[UUID, float], ranked: Sequence[Candidate]) -> None:
    for rank, candidate in enumerate(ranked):
        scores[candidate.work_id] += 1 / (RANK_OFFSET + rank)
