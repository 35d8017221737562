"""Pictures: the image analyzer on the index of perceptual hashes and embeddings."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image

from embeddings.channels import ChannelState
from embeddings.image.analyzer import ImageAnalyzer, ImageFingerprint
from embeddings.image.decode import DecodeLimits, decode_image, decode_shown
from embeddings.image.match import ImageMatch
from embeddings.image.prepared import is_current
from oracle.media.handler import Candidate, Progress, Query, Size, no_progress
from oracle.media.shortlist import shortlist
from storage.database import Connection, Database
from storage.search import images
from storage.search.frames import Reference, StoredFrame, add_frames, find_references, keep_features
from storage.search.images import ImageCandidate, View
from storage.works.works import Work

# A picture at the limit takes several hundred megabytes while it is decoded: a few at a time are
# enough.
DECODING = threading.BoundedSemaphore(2)
# Of the time of an animation, for a picture in it to make it a copy: a bought title card is less.
MIN_PROVEN_SHARE, UNPROVEN_SIMILARITY = 0.25, 0.94
# The first candidates are compared in full: of the sources that are found, all but a few per cent.
LIKELY = 5


@dataclass(frozen=True)
class ImageExtraction:
    """A picture's fingerprint and what was noted while it was decoded.

    fingerprint: of what it shows longest, `share` of the time; others: those of the other pictures
    of an animation, each with its share.
    """

    fingerprint: ImageFingerprint
    notes: tuple[str, ...]
    share: float = 1.0
    others: tuple[tuple[ImageFingerprint, float], ...] = ()

    @property
    def too_short(self) -> bool:
        return False

    @property
    def insufficient_detail(self) -> str | None:
        return self.fingerprint.insufficient_detail

    @property
    def unjudged(self) -> str | None:
        return None

    def as_json(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"views": [view.name for view in self.fingerprint.query_views]}
        if self.others:
            shares = [self.share, *(share for _, share in self.others)]
            facts["shown"] = [round(share, 4) for share in shares]
        return facts


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
        shown = decode_shown(path, self._limits)
        prints = []
        for done, (picture, share) in enumerate(shown):
            progress("fingerprinting", done, len(shown))
            prints.append((self._analyzer.fingerprint(picture, search=search), share))
        (first, first_share), *others = prints
        return ImageExtraction(first, tuple(shown[0][0].notes), first_share, tuple(others))

    def make_visible(self, conn: Connection, work: Work, extraction: ImageExtraction) -> None:
        # An animation is found by all that is judged of it, what it shows longest first.
        prints = (extraction.fingerprint, *(each for each, _ in extraction.others))
        add_frames(
            conn,
            work,
            [
                StoredFrame(
                    frame_ms=number,
                    phash=fingerprint.phash,
                    phash_quality=fingerprint.phash_quality,
                    proxy=fingerprint.proxy,
                    features=fingerprint.features,
                    embeddings=fingerprint.embeddings,
                )
                for number, fingerprint in enumerate(prints)
                if number == 0 or fingerprint.insufficient_detail is None
            ],
        )

    def search(
        self, conn: Connection, extraction: ImageExtraction, query: Query
    ) -> Sequence[ImageCandidate]:
        found: dict[UUID, ImageCandidate] = {}
        for fingerprint in (extraction.fingerprint, *(each for each, _ in extraction.others)):
            views = [
                View(view.name, view.phash, view.embeddings) for view in fingerprint.query_views
            ]
            candidates = images.find_candidates(
                conn, views, sha256=query.sha256, before=query.before, creator_id=query.creator_id
            )
            for rank, candidate in enumerate(shortlist(candidates, self._max_candidates)):
                known = found.get(candidate.work_id)
                if known is None or (known.unlikely and rank < LIKELY):
                    found[candidate.work_id] = replace(candidate, unlikely=rank >= LIKELY)
        return list(found.values())

    def verify(
        self,
        db: Database,
        extraction: ImageExtraction,
        candidates: Sequence[Candidate],
        progress: Progress = no_progress,
    ) -> Iterator[tuple[Candidate, ImageMatch]]:
        chosen = [each if isinstance(each, ImageCandidate) else _plain(each) for each in candidates]
        with db.transaction() as conn:
            references = find_references(
                conn,
                [candidate.work_id for candidate in chosen],
                [candidate.frame_ms for candidate in chosen],
            )
        for done, candidate in enumerate(chosen):
            progress("verifying", done, len(candidates))
            if stored := references.get(candidate.work_id):
                match, frame_ms = self._match(extraction, stored, candidate)
                yield replace(candidate, frame_ms=frame_ms), match
        keep_missing(db, self._analyzer, chain.from_iterable(references.values()))

    def _match(
        self, extraction: ImageExtraction, stored: Sequence[Reference], candidate: ImageCandidate
    ) -> tuple[ImageMatch, int]:
        """The match of what is shown, and with which stored frame; of an animation, of as much of
        its time as was proven.
        """
        longest = self._best(extraction.fingerprint, stored, candidate)
        # A plain picture could prove nothing, be it the same: it counts neither way.
        matches = [] if extraction.insufficient_detail else [(longest, extraction.share)]
        matches += [
            (self._best(fingerprint, stored, candidate), share)
            for fingerprint, share in extraction.others
            if fingerprint.insufficient_detail is None
        ]
        if not extraction.others or not matches:
            return longest
        judged = sum(share for _, share in matches)
        proven = sum(share for (match, _), share in matches if match.verified) / judged
        best, frame_ms = max((found for found, _ in matches), key=lambda found: found[0].similarity)
        if not best.verified:
            return longest
        said = f"{best.reason} That is {proven:.0%} of the time that the animation is shown."
        if proven < MIN_PROVEN_SHARE:
            capped = min(best.similarity, UNPROVEN_SIMILARITY)
            best = replace(best, verified=False, similarity=capped)
        return replace(best, query_coverage=best.query_coverage * proven, reason=said), frame_ms

    def _best(
        self, fingerprint: ImageFingerprint, stored: Sequence[Reference], candidate: ImageCandidate
    ) -> tuple[ImageMatch, int]:
        """The best match of one picture with what is stored of a work, and with which frame."""
        matches = []
        for each in stored:
            nearest = len(stored) == 1 or each.frame_ms == candidate.frame_ms
            match = self._analyzer.verify(
                fingerprint, each.proxy, each.features, first_look=candidate.unlikely or not nearest
            )
            matches.append((match, each.frame_ms))
        return max(matches, key=lambda found: found[0].similarity)

    def candidate_from(self, match: Mapping[str, Any]) -> ImageCandidate:
        return ImageCandidate(
            work_id=UUID(match["work"]["id"]),
            frame_ms=match.get("frame_ms", 0),
            unlikely=match.get("unlikely", False),
        )

    def candidate_of(
        self, conn: Connection, extraction: ImageExtraction, work_id: UUID
    ) -> ImageCandidate:
        prints = [extraction.fingerprint, *(each for each, _ in extraction.others)]
        hashes = [view.phash for each in prints for view in each.query_views]
        return ImageCandidate(
            work_id=work_id, frame_ms=images.find_nearest_frame(conn, work_id, hashes)
        )

    def preview(self, path: Path, at_ms: int = 0) -> Image.Image:
        with DECODING:
            picture = decode_image(path, self._limits)
            if 0 < at_ms < len(picture.shown):  # frames of an animation are numbered
                picture = decode_image(path, self._limits, picture.shown[at_ms].frame)
            return Image.fromarray(picture.pixels)


def _plain(candidate: Candidate) -> ImageCandidate:
    return ImageCandidate(work_id=candidate.work_id)


def keep_missing(db: Database, analyzer: ImageAnalyzer, references: Iterable[Reference]) -> None:
    """Keep the features of verified references that had none that can be read."""
    missing = {
        (reference.work_id, reference.frame_ms): reference.proxy
        for reference in references
        if reference.features is None or not is_current(reference.features)
    }
    if missing:
        packed = {frame: analyzer.features_of(proxy) for frame, proxy in missing.items()}
        with db.transaction() as conn:
            keep_features(conn, packed)
