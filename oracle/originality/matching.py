"""Which registered works a work shares content with: search, verify.

One path for every caller and every media type.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from oracle.media.handler import (
    Candidate,
    E,
    MediaHandler,
    MediaMatch,
    Progress,
    Query,
    no_progress,
)
from oracle.rules.decision import Match, SoundRule, similarity_to_bps
from storage.cases import appeals
from storage.database import Database
from storage.search import images
from storage.works import permissions, works
from storage.works.works import Work


@dataclass(frozen=True)
class VerifiedMatch:
    """A candidate after verification, with what is known about its work."""

    candidate: Candidate
    work: Work
    match: MediaMatch
    licensed: bool
    original: bool  # the earlier work is itself no copy of a still earlier one


def as_matches(judged: Sequence[VerifiedMatch], sound_rule: SoundRule | None) -> list[Match]:
    """What the rules need of each verified candidate; those without any similarity are left out."""
    return [
        Match(
            one.work.id,
            one.work.creator_id,
            one.work.sequence,
            similarity_to_bps(one.match.similarity),
            one.licensed,
            sound_rule if one.match.sound_only else None,
            one.match.verified,
            similarity_to_bps(one.match.query_coverage),
            one.original,
        )
        for one in judged
        if one.match.similarity > 0
    ]


@dataclass(frozen=True)
class SameFile:
    """A work of the very same bytes needs no other proof."""

    similarity: float = 1.0
    verified: bool = True
    sound_only: bool = False
    query_coverage: float = 1.0

    def as_json(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "similarity": 1.0,
            "verified": True,
            "same_file": True,
            "query_coverage": 1.0,
            "reference_coverage": 1.0,
            "reason": "It is the same file, byte for byte.",
        }


class Matcher:
    """Finds and verifies matches; it writes nothing.

    Args: pairs_off: pairs "query>reference" of media types that are never matched, such as
        "image>video".
    """

    def __init__(self, db: Database, pairs_off: Collection[str] = ()) -> None:
        self._db = db
        self._pairs_off = frozenset(pairs_off)

    def search(self, handler: MediaHandler[E], extraction: E, query: Query) -> Sequence[Candidate]:
        """The candidates worth verifying, best first. Raises: DatabaseUnavailable."""
        with self._db.transaction() as conn:
            return handler.search(conn, extraction, query)

    def verify(
        self,
        handler: MediaHandler[E],
        extraction: E,
        query: Query,
        found: Sequence[Candidate],
        progress: Progress = no_progress,
    ) -> list[VerifiedMatch]:
        """The candidates after verification, each work once, in the order of its first candidate.

        The creator's own analysis of the same post is left out: a post is not a copy of itself.

        Raises: DatabaseUnavailable, BadProxy.
        """
        judged = self._judge(handler, extraction, query, found, progress)
        # The first of a chain of copies is who must be credited, however far the indexes rank it.
        proven = [one.work.id for one in judged if one.match.verified]
        if not proven:
            return judged
        with self._db.transaction() as conn:
            sources = images.find_sources(conn, proven, query.before)
        known = {one.work.id for one in judged}
        return judged + self._judge(
            handler, extraction, query, [s for s in sources if s.work_id not in known], progress
        )

    def _judge(
        self,
        handler: MediaHandler[E],
        extraction: E,
        query: Query,
        found: Sequence[Candidate],
        progress: Progress,
    ) -> list[VerifiedMatch]:
        ids = [candidate.work_id for candidate in found]
        with self._db.transaction() as conn:
            known = works.get_works(conn, ids)
            licensed = permissions.licensed_works(conn, query.creator_id, ids)
            # What people decided to be no copy is not accused again, however often the same bytes
            # are posted.
            settled = appeals.settled_not_copies(conn, query.sha256, query.creator_id, ids)
            copies = images.copies_among(conn, ids)
        allowed = [
            candidate
            for candidate in found
            if candidate.work_id not in settled
            and self._may_match(handler.media_type, known[candidate.work_id], query)
        ]
        best: dict[object, VerifiedMatch] = {}
        for candidate, match in handler.verify(self._db, extraction, allowed, progress):
            work = known[candidate.work_id]
            if work.id not in best or match.similarity > best[work.id].match.similarity:
                best[work.id] = VerifiedMatch(
                    candidate, work, match, work.id in licensed, work.id not in copies
                )
        for candidate in allowed:
            work = known[candidate.work_id]
            same = work.sha256 == query.sha256 and work.media_type == handler.media_type
            if same and (work.id not in best or not best[work.id].match.verified):
                best[work.id] = VerifiedMatch(
                    candidate, work, SameFile(), work.id in licensed, work.id not in copies
                )
        return list(best.values())

    def _may_match(self, media_type: str, work: Work, query: Query) -> bool:
        same_post = work.post_id == query.post_id and work.creator_id == query.creator_id
        return not same_post and f"{media_type}>{work.media_type}" not in self._pairs_off
