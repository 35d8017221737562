"""Which registered works a picture shares content with: search, nominate, verify. One path for every caller."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embeddings.image.analyzer import ImageAnalyzer, ImageFingerprint
from embeddings.image.match import ImageMatch
from oracle.nomination import nominate
from storage import matches, works
from storage.database import Database
from storage.matches import Candidate, View
from storage.works import Work

EVERYTHING = 2**63 - 1  # larger than any place in the order: search all works


@dataclass(frozen=True)
class Query:
    """A picture and whose it is. Only works registered before `before` are looked at."""

    fingerprint: ImageFingerprint
    sha256: bytes
    creator_id: int | None = None
    before: int = EVERYTHING
    post_id: bytes | None = None


@dataclass(frozen=True)
class Judged:
    """A candidate after verification, with what is known about its work."""

    candidate: Candidate
    work: Work
    match: ImageMatch
    licensed: bool


class Matcher:
    """Finds and verifies matches; it writes nothing."""

    def __init__(self, db: Database, analyzer: ImageAnalyzer, max_candidates: int) -> None:
        self._db = db
        self._analyzer = analyzer
        self._max_candidates = max_candidates

    def search(self, query: Query) -> list[Candidate]:
        """What the indexes return. Raises: DatabaseUnavailable."""
        views = [View(view.name, view.phash, view.embeddings) for view in query.fingerprint.query_views]
        with self._db.transaction() as conn:
            return matches.find_candidates(
                conn, views, sha256=query.sha256, before=query.before, creator_id=query.creator_id
            )

    def verify(
        self, query: Query, found: list[Candidate], progress: Callable[[int, int], None] = lambda _done, _total: None
    ) -> list[Judged]:
        """The best candidates after verification, in the order they were nominated.

        The creator's own analysis of the same post is left out: a post is not a copy of itself.

        Args: progress: told how many are done, of how many.
        Raises: DatabaseUnavailable, BadProxy.
        """
        judged = self._judge(query, nominate(found, self._max_candidates), progress)
        # The first of a chain of copies is who must be credited, however far the indexes rank it.
        proven = [one.work.id for one in judged if one.match.verified]
        if not proven:
            return judged
        with self._db.transaction() as conn:
            sources = matches.find_sources(conn, proven, query.before)
        known = {one.work.id for one in judged}
        return judged + self._judge(query, [s for s in sources if s.work_id not in known], progress)

    def _judge(
        self, query: Query, nominated: Sequence[Candidate], progress: Callable[[int, int], None]
    ) -> list[Judged]:
        ids = [candidate.work_id for candidate in nominated]
        with self._db.transaction() as conn:
            proxies = matches.find_proxies(conn, ids)
            known = works.get_works(conn, ids)
            licensed = works.licensed_works(conn, query.creator_id, ids)
        judged = []
        for done, candidate in enumerate(nominated):
            progress(done, len(nominated))
            work = known[candidate.work_id]
            same_post = work.post_id == query.post_id and work.creator_id == query.creator_id
            if candidate.work_id in proxies and not same_post:
                match = self._analyzer.verify(query.fingerprint, proxies[work.id])
                judged.append(Judged(candidate, work, match, work.id in licensed))
        return judged
