"""Before you post: the same analysis, of which nothing is kept, paid or sent."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oracle.errors import Busy
from oracle.media.handler import EVERYTHING, Extraction, MediaHandler, MediaHandlers, Query
from oracle.originality.analysis import sound_rule_of
from oracle.originality.evidence import called
from oracle.originality.intake import inspect, parse_creator
from oracle.originality.matching import Matcher, VerifiedMatch, as_matches
from oracle.rules.decision import Decision, Policy, Subject, decide
from oracle.rules.explain import explain
from storage.database import Database
from storage.works import creators, policies

TURN_S = 2.0
AT_ONCE = 1  # it runs in the API's process: the worker's own work goes first


@dataclass(frozen=True)
class Checked:
    """What would be decided now, and why."""

    handler: MediaHandler[Any]
    extraction: Extraction
    policy: Policy
    decision: Decision
    judged: Sequence[VerifiedMatch]
    explanation: str


class Checker:
    """Judges a file against everything that is registered."""

    def __init__(
        self,
        db: Database,
        handlers: MediaHandlers,
        matcher: Matcher,
        sound_ceiling_bps: int,
        min_share_bps: int,
    ) -> None:
        self._db = db
        self._handlers = handlers
        self._matcher = matcher
        self._sound_ceiling_bps = sound_ceiling_bps
        self._min_share_bps = min_share_bps
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def check(
        self, path: Path, creator: str | None = None, media_type: str | None = None
    ) -> Checked:
        """What the verdict on a file by that creator would be.

        Raises: UnknownMediaType, MediaTypeMismatch, MediaTypeNotSupported, InvalidCreator,
            EmbeddingError, StorageError.
        """
        handle = parse_creator(creator)[0] if creator else None
        facts = inspect(path, self._handlers, media_type)
        handler = self._handlers[facts.media_type]
        with self._db.transaction() as conn:
            current = policies.current(conn, facts.media_type)
            creator_id = creators.find_creator(conn, handle) if handle else None
            sound_rule = sound_rule_of(
                conn, current.version, facts.media_type, self._sound_ceiling_bps
            )
        policy = Policy(
            current.version, current.threshold_bps, current.base_redirect_bps, self._min_share_bps
        )
        with self._my_turn():
            extraction = handler.extract(path)
            with path.open("rb") as file:
                query = Query(hashlib.file_digest(file, "sha256").digest(), creator_id)
            judged = self._matcher.verify(
                handler, extraction, query, self._matcher.search(handler, extraction, query)
            )
        decision = decide(
            Subject(creator_id, EVERYTHING, extraction.too_plain),
            as_matches(judged, sound_rule),
            policy,
        )
        other = next(
            (
                j.work
                for j in judged
                if decision.credited and j.work.id == decision.credited.work_id
            ),
            None,
        )
        words = explain(
            verdict=decision.verdict,
            reason=decision.reason,
            similarity_bps=decision.similarity_bps,
            threshold_bps=policy.threshold_bps,
            redirect_bps=decision.redirect_bps,
            media_type=facts.media_type,
            other=called(other) if other else None,
            other_creator=other.creator if other else None,
            plain_reason=extraction.too_plain,
        )
        ranked = sorted(judged, key=lambda one: -one.match.similarity)
        return Checked(handler, extraction, policy, decision, ranked, words)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        # A caller that waits holds a thread of the API: rather come back than queue up.
        if not self._turn.acquire(timeout=TURN_S):
            raise Busy("Other checks are under way; nothing was kept. Try again in a minute.")
        try:
            yield
        finally:
            self._turn.release()
