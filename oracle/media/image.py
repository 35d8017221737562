"""Pictures: the image analyzer on the index of perceptual hashes and embeddings."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image

from embeddings.channels import ChannelState
from embeddings.image.analyzer import ImageAnalyzer, ImageFingerprint
from embeddings.image.decode import DecodeLimits, decode_image
from embeddings.image.match import ImageMatch
from oracle.media.handler import Found, Progress, Query, Size, no_progress
from oracle.media.shortlist import nominate
from storage.database import Connection, Database
from storage.search import images
from storage.search import images as matches
from storage.search.images import Candidate, View
from storage.works.works import Work

# A picture at the limit takes several hundred megabytes while it is decoded: a few at a time are
# enough.
DECODING = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class PictureReading:
    """A picture's fingerprint and what was noted while it was decoded."""

    fingerprint: ImageFingerprint
    notes: tuple[str, ...]

    @property
    def too_plain(self) -> str | None:
        return self.fingerprint.too_plain

    def as_json(self) -> dict[str, Any]:
        return {"views": [view.name for view in self.fingerprint.query_views]}


class Pictures:
    """The kind "image"."""

    media_type = "image"

    def __init__(self, analyzer: ImageAnalyzer, limits: DecodeLimits, max_candidates: int) -> None:
        self._analyzer = analyzer
        self._limits = limits
        self._max_candidates = max_candidates
        self.channels: Mapping[str, ChannelState] = analyzer.channels
        self.model_digest = analyzer.model_digest
        self.certainty = analyzer.calibration.statement

    def inspect(self, path: Path) -> Size:
        with DECODING:
            picture = decode_image(path, self._limits)
        return Size(picture.width, picture.height)

    def read(
        self, path: Path, progress: Progress = no_progress, *, search: bool = True
    ) -> PictureReading:
        progress("decoding", 0, 1)
        picture = decode_image(path, self._limits)
        progress("fingerprinting", 0, 1)
        return PictureReading(
            self._analyzer.fingerprint(picture, search=search), tuple(picture.notes)
        )

    def make_visible(self, conn: Connection, work: Work, reading: PictureReading) -> None:
        made = reading.fingerprint
        images.make_visible(
            conn,
            work,
            phash=made.phash,
            phash_quality=made.phash_quality,
            proxy=made.proxy,
            embeddings=made.embeddings,
        )

    def search(
        self, conn: Connection, reading: PictureReading, query: Query
    ) -> Sequence[Candidate]:
        views = [
            View(view.name, view.phash, view.embeddings) for view in reading.fingerprint.query_views
        ]
        found = matches.find_candidates(
            conn, views, sha256=query.sha256, before=query.before, creator_id=query.creator_id
        )
        return nominate(found, self._max_candidates)

    def verify(
        self,
        db: Database,
        reading: PictureReading,
        found: Sequence[Found],
        progress: Progress = no_progress,
    ) -> Iterator[tuple[Found, ImageMatch]]:
        with db.transaction() as conn:
            frames = [
                candidate.frame_ms if isinstance(candidate, Candidate) else 0 for candidate in found
            ]
            proxies = matches.find_proxies(conn, [candidate.work_id for candidate in found], frames)
        for done, candidate in enumerate(found):
            progress("verifying", done, len(found))
            if candidate.work_id in proxies:
                yield (
                    candidate,
                    self._analyzer.verify(reading.fingerprint, proxies[candidate.work_id]),
                )

    def find_again(self, match: Mapping[str, Any]) -> Candidate:
        return Candidate(UUID(match["work"]["id"]), frame_ms=match.get("frame_ms", 0))

    def preview(self, path: Path, _at_ms: int = 0) -> Image.Image:
        with DECODING:
            return Image.fromarray(decode_image(path, self._limits).pixels)
