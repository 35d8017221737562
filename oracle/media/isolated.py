"""A handler whose files are looked into by decoder processes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar
from uuid import UUID

from PIL import Image

from embeddings.channels import ChannelState
from oracle.media.decoders import Decoders
from oracle.media.handler import (
    Candidate,
    Extraction,
    MediaHandler,
    MediaHandlers,
    MediaMatch,
    Progress,
    Query,
    Size,
    no_progress,
)
from storage.database import Connection, Database
from storage.works.works import Work

INSPECT_S = 120.0  # for a look that an upload waits for
E = TypeVar("E", bound=Extraction)


class IsolatedHandler(Generic[E]):
    """A MediaHandler: what opens a file runs in a decoder, all else here."""

    def __init__(self, handler: MediaHandler[E], decoders: Decoders) -> None:
        self._handler = handler
        self._decoders = decoders
        self.media_type = handler.media_type
        self.channels: Mapping[str, ChannelState] = handler.channels
        self.model_digest = handler.model_digest
        self.certainty = handler.certainty

    def inspect(self, path: Path) -> Size:
        size: Size = self._decoders.call(self.media_type, "inspect", path, limit_s=INSPECT_S)
        return size

    def extract(self, path: Path, progress: Progress = no_progress, *, search: bool = True) -> E:
        shown = None if progress is no_progress else progress
        extraction: E = self._decoders.call(
            self.media_type, "extract", path, progress=shown, search=search
        )
        return extraction

    def preview(self, path: Path, at_ms: int = 0) -> Image.Image:
        picture: Image.Image = self._decoders.call(
            self.media_type, "preview", path, at_ms, limit_s=INSPECT_S
        )
        return picture

    def make_visible(self, conn: Connection, work: Work, extraction: E) -> None:
        self._handler.make_visible(conn, work, extraction)

    def search(self, conn: Connection, extraction: E, query: Query) -> Sequence[Candidate]:
        return self._handler.search(conn, extraction, query)

    def verify(
        self,
        db: Database,
        extraction: E,
        candidates: Sequence[Candidate],
        progress: Progress = no_progress,
    ) -> Iterable[tuple[Candidate, MediaMatch]]:
        return self._handler.verify(db, extraction, candidates, progress)

    def candidate_from(self, match: Mapping[str, Any]) -> Candidate:
        return self._handler.candidate_from(match)

    def candidate_of(self, conn: Connection, extraction: E, work_id: UUID) -> Candidate:
        return self._handler.candidate_of(conn, extraction, work_id)


def isolated(handlers: MediaHandlers, decoders: Decoders) -> MediaHandlers:
    """The same handlers, with their files in decoders."""
    return {name: IsolatedHandler(handler, decoders) for name, handler in handlers.items()}
