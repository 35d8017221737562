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
from oracle.media.handler import Candidate, Progress, Query, Size, no_progress
from oracle.media.shortlist import shortlist
from storage.database import Connection, Database
from storage.search import images
from storage.search.images import ImageCandidate, View
from storage.works.works import Work

# A picture at the limit takes several hundred megabytes while it is decoded: a few at a time are
# enough.
DECODING = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class ImageExtraction:
    """A picture's fingerprint and what was noted while it was decoded."""

    fingerprint: ImageFingerprint
    notes: tuple[str, ...]

    @property
    def insufficient_detail(self) -> str | None:
        return self.fingerprint.insufficient_detail

    def as_json(self) -> dict[str, Any]:
        return {"views": [view.name for view in self.fingerprint.query_views]}


class ImageHandler:
    """Handles the media type "image"."""

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

    def extract(
        self, path: Path, progress: Progress = no_progress, *, search: bool = True
    ) -> ImageExtraction:
        progress("decoding", 0, 1)
        picture = decode_image(path, self._limits)
        progress("fingerprinting", 0, 1)
        return ImageExtraction(
            self._analyzer.fingerprint(picture, search=search), tuple(picture.notes)
        )

    def make_visible(self, conn: Connection, work: Work, extraction: ImageExtraction) -> None:
        fingerprint = extraction.fingerprint
        images.make_visible(
            conn,
            work,
            phash=fingerprint.phash,
            phash_quality=fingerprint.phash_quality,
            proxy=fingerprint.proxy,
            embeddings=fingerprint.embeddings,
        )

    def search(
        self, conn: Connection, extraction: ImageExtraction, query: Query
    ) -> Sequence[ImageCandidate]:
        views = [
            View(view.name, view.phash, view.embeddings)
            for view in extraction.fingerprint.query_views
        ]
        candidates = images.find_candidates(
            conn, views, sha256=query.sha256, before=query.before, creator_id=query.creator_id
        )
        return shortlist(candidates, self._max_candidates)

    def verify(
        self,
        db: Database,
        extraction: ImageExtraction,
        candidates: Sequence[Candidate],
        progress: Progress = no_progress,
    ) -> Iterator[tuple[Candidate, ImageMatch]]:
        with db.transaction() as conn:
            frames = [
                candidate.frame_ms if isinstance(candidate, ImageCandidate) else 0
                for candidate in candidates
            ]
            proxies = images.find_proxies(
                conn, [candidate.work_id for candidate in candidates], frames
            )
        for done, candidate in enumerate(candidates):
            progress("verifying", done, len(candidates))
            if candidate.work_id in proxies:
                yield (
                    candidate,
                    self._analyzer.verify(extraction.fingerprint, proxies[candidate.work_id]),
                )

    def candidate_from(self, match: Mapping[str, Any]) -> ImageCandidate:
        return ImageCandidate(work_id=UUID(match["work"]["id"]), frame_ms=match.get("frame_ms", 0))

    def preview(self, path: Path, _at_ms: int = 0) -> Image.Image:
        with DECODING:
            return Image.fromarray(decode_image(path, self._limits).pixels)
