"""Before you post: the same judgement, of which nothing is kept, paid or sent."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oracle.errors import Busy
from oracle.media.decoders import DecoderTooSlow
from oracle.media.handler import MediaHandlers, Query
from oracle.originality.intake import inspect
from oracle.originality.judge import Judge, Judgement
from oracle.originality.naming import find_creator, parse_creator
from storage.database import Database
from storage.works import policies

TURN_S = 2.0
AT_ONCE = 1  # it runs in the API's process: the worker's own work goes first


class Checker:
    """Judges a file against everything that is registered."""

    def __init__(self, db: Database, handlers: MediaHandlers, judge: Judge) -> None:
        self._db = db
        self._handlers = handlers
        self._judge = judge
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def check(
        self, path: Path, creator: str | None = None, media_type: str | None = None
    ) -> Judgement:
        """What would be decided now if that creator posted the file.

        Raises: UnknownMediaType, MediaTypeMismatch, MediaTypeNotSupported, InvalidCreator, Busy,
            EmbeddingError, StorageError.
        """
        if creator is not None:
            parse_creator(creator)
        facts = inspect(path, self._handlers, media_type)
        handler = self._handlers[facts.media_type]
        with self._db.transaction() as conn:
            terms = policies.current(conn, facts.media_type)
            creator_id = find_creator(conn, creator) if creator else None
        with self._my_turn():
            try:
                extraction = handler.extract(path)
            except DecoderTooSlow as exc:
                raise DecoderTooSlow(
                    "This file takes longer than a check may; nothing was kept. Post it to learn."
                ) from exc
            with path.open("rb") as file:
                query = Query(hashlib.file_digest(file, "sha256").digest(), creator_id)
            return self._judge.judge(handler, extraction, query, terms)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        # A caller that waits holds a thread of the API: rather come back than queue up.
        if not self._turn.acquire(timeout=TURN_S):
            raise Busy("Other checks are under way; nothing was kept. Try again in a minute.")
        try:
            yield
        finally:
            self._turn.release()
