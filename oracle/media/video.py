"""Videos: keyframes on the index that pictures are on too, aligned over time; their sound on the
index of sounds.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from PIL import Image

from embeddings.channels import ChannelState
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.match import ImageMatch
from embeddings.video.align import needed_frames
from embeddings.video.analyzer import VideoAnalyzer
from embeddings.video.decode import probe_video, read_moment, read_poster
from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.loops import is_loop
from embeddings.video.match import VideoMatch
from embeddings.video.nominate import Hit, nominate
from embeddings.video.sound import SoundMatch
from oracle.media.audio import as_stored
from oracle.media.handler import Candidate, Progress, Query, Size, no_progress
from oracle.media.image import keep_missing
from storage.database import Connection, Database
from storage.search import images, videos
from storage.search.frames import Reference, StoredFrame
from storage.search.sounds import index as sound_index
from storage.search.sounds.index import SoundQuery
from storage.search.videos import FrameQuery, FrameTable
from storage.works.works import Work

# A long video holds up to 300 frames of 440 KB while it is decoded: a few at a time are enough.
EXTRACTING = threading.BoundedSemaphore(2)
SOUND = "landmarks"
# candidates, the best ones, whose likeliest frames are compared though no stretch stands out
PROBED = 2
UNSEARCHED = (
    "sha256",
    "source_of_match",
    "settled",
)  # ways to a candidate that say nothing about its sound
NO_PICTURES = ReferenceVideo(
    duration_s=0.0,
    interval_s=1.0,
    times_s=np.zeros(0),
    spans_s=np.zeros(0),
    phashes=np.zeros((0, 32), np.uint8),
    embeddings={},
)


@dataclass(frozen=True)
class VideoExtraction:
    """A video's fingerprint."""

    fingerprint: VideoFingerprint

    @property
    def too_short(self) -> bool:
        return False

    @property
    def insufficient_detail(self) -> str | None:
        return self.fingerprint.insufficient_detail

    @property
    def unjudged(self) -> str | None:
        return self.fingerprint.unjudged

    @property
    def notes(self) -> Sequence[str]:
        return self.fingerprint.notes

    def as_json(self) -> dict[str, Any]:
        video = self.fingerprint
        return {
            "views": sorted({view.name for frame in video.frames for view in frame.views}),
            "duration_s": round(video.duration_s, 3),
            "interval_s": video.interval_s,
            "keyframes": len(video.frames),
            "content_s": round(video.content_s, 3),
            "plain_frames": video.plain_frames,
            "plain_s": round(video.plain_s, 3),
            "sound": video.sound is not None,
        }


@dataclass(frozen=True)
class VideoCandidate:
    """A work that the index returned for frames of a video; alike: how many of them, weighted by
    how much.
    """

    work_id: UUID
    found_by: tuple[str, ...] = ()
    alike: float = 0.0
    nearest: float = 0.0
    probed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "found_by": list(self.found_by),
            "frames_alike": self.alike,
            "nearest_frame": self.nearest,
            "probed": self.probed,
        }


class VideoHandler:
    """Handles the media type "video"."""

    media_type = "video"

    def __init__(self, analyzer: VideoAnalyzer, max_candidates: int) -> None:
        self._analyzer = analyzer
        self._max_candidates = max_candidates
        self.channels: Mapping[str, ChannelState] = analyzer.channels
        self.model_digest = analyzer.model_digest
        self.certainty = analyzer.certainty

    def inspect(self, path: Path) -> Size:
        facts = probe_video(path, self._analyzer.limits)
        seconds = facts.duration_s
        return Size(
            facts.width, facts.height, round(1000 * seconds) if seconds is not None else None
        )

    def extract(
        self, path: Path, progress: Progress = no_progress, *, search: bool = True
    ) -> VideoExtraction:
        with EXTRACTING:
            fingerprint = self._analyzer.fingerprint(
                path,
                lambda stage, done, total: progress(stage, round(done), max(round(total), 1)),
                search=search,
            )
        return VideoExtraction(fingerprint)

    def make_visible(self, conn: Connection, work: Work, extraction: VideoExtraction) -> None:
        video = extraction.fingerprint
        stored = [
            StoredFrame(
                frame_ms=f.frame_ms,
                span_ms=round(1000 * f.span_s),
                phash=f.phash,
                phash_quality=f.phash_quality,
                proxy=f.proxy,
                embeddings=f.embeddings,
            )
            for f in video.frames
        ]
        added = videos.add_video(
            conn,
            work,
            stored,
            duration_ms=round(1000 * video.duration_s),
            interval_ms=round(1000 * video.interval_s),
            plain_ms=round(1000 * video.plain_s),
        )

        if added and video.sound is not None and video.sound.insufficient_detail is None:
            sound_index.add_sound(conn, work, as_stored(video.sound))

    def search(
        self, conn: Connection, extraction: VideoExtraction, query: Query
    ) -> Sequence[VideoCandidate]:
        video = extraction.fingerprint
        queries = [
            FrameQuery(at, view.name, view.phash, view.embeddings)
            for frames in (video.frames, video.window)
            for at, frame in enumerate(frames)
            for view in frame.views
        ]
        hits = videos.find_frame_candidates(
            conn, queries, before=query.before, creator_id=query.creator_id
        )
        ranked = nominate(
            (Hit(h.query_frame, h.work_id, h.channel, h.distance) for h in hits),
            self._max_candidates,
        )
        candidates = {
            work_id: VideoCandidate(work_id, ("sha256",))
            for work_id in images.same_bytes(conn, query.sha256, query.before)
        }
        for nominee in ranked:
            known = candidates.get(nominee.work) or VideoCandidate(nominee.work)
            candidates[nominee.work] = replace(
                known,
                found_by=(*known.found_by, *nominee.channels),
                alike=nominee.alike,
                nearest=nominee.nearest,
            )
        for work_id in self._search_sound(conn, extraction, query):
            known = candidates.get(work_id) or VideoCandidate(work_id)
            candidates[work_id] = replace(known, found_by=(*known.found_by, SOUND))
        return [
            replace(each, probed=number < PROBED) for number, each in enumerate(candidates.values())
        ]

    def _search_sound(
        self, conn: Connection, extraction: VideoExtraction, query: Query
    ) -> list[UUID]:
        """Earlier works with the same sound, most surprising first."""
        sound = extraction.fingerprint.sound
        if sound is None or sound.insufficient_detail is not None:
            return []
        keys = SoundQuery(sound.keys.hashes, sound.keys.positions, sound.keys.groups)
        hits = sound_index.look_up(
            conn,
            keys,
            before=query.before,
            creator_id=query.creator_id,
            max_candidates=self._max_candidates,
        )
        return [hit.work_id for hit in hits]

    def verify(
        self,
        db: Database,
        extraction: VideoExtraction,
        candidates: Sequence[Candidate],
        progress: Progress = no_progress,
    ) -> Iterator[tuple[Candidate, VideoMatch]]:
        query = extraction.fingerprint
        ids = [candidate.work_id for candidate in candidates]
        with db.transaction() as conn:
            tables = videos.frames_of(conn, ids)
            sounds = sound_index.find_references(conn, ids) if query.sound is not None else {}
        references = {
            work_id: as_reference(tables[work_id]) if work_id in tables else NO_PICTURES
            for work_id in ids
        }
        proposed = {work_id: self._analyzer.align(query, r) for work_id, r in references.items()}
        wanted = [
            (w, ms)
            for w, proposals in proposed.items()
            for ms in needed_frames(proposals, references[w])
        ]
        with db.transaction() as conn:
            known = videos.find_frame_references(conn, wanted)
        for done, candidate in enumerate(candidates):
            progress("verifying", done, len(candidates))
            work_id = candidate.work_id
            sound = self._sound(query, candidate, sounds.get(work_id))
            frames = _Frames(db, self._analyzer.image, work_id, known)
            match = self._analyzer.judge(
                query,
                references[work_id],
                proposed[work_id],
                frames.proxies,
                sound,
                probe=getattr(candidate, "probed", False),
                verify=frames.verify,
            )
            keep_missing(db, self._analyzer.image, frames.verified)
            other_sound = match.agreement == "picture_only" and _has_sound(query)
            if match.verified and other_sound and work_id in sounds:
                match = replace(match, looped=is_loop(references[work_id]))
            if match.segments or match.sound is not None:
                yield candidate, match

    def _sound(
        self, query: VideoFingerprint, candidate: Candidate, reference: bytes | None
    ) -> SoundMatch | None:
        """What the sounds say; compared only where the index of sounds named the work or was not
        searched.
        """
        found_by = candidate.as_json().get("found_by", ())
        searched = [channel for channel in found_by if channel not in UNSEARCHED]
        if (
            reference is None
            or self._analyzer.audio is None
            or (searched and SOUND not in searched)
        ):
            return None
        return self._analyzer.audio.match(query.sound, reference)

    def candidate_from(self, match: Mapping[str, Any]) -> VideoCandidate:
        found_by = tuple(match.get("found_by", ()))
        return VideoCandidate(UUID(match["work"]["id"]), found_by, probed=bool(match.get("probed")))

    def candidate_of(
        self, _conn: Connection, _extraction: VideoExtraction, work_id: UUID
    ) -> VideoCandidate:
        return VideoCandidate(work_id)

    def preview(self, path: Path, at_ms: int = 0) -> Image.Image:
        limits = self._analyzer.limits
        return Image.fromarray(
            read_moment(path, at_ms / 1000, limits) if at_ms else read_poster(path, limits)
        )


def _has_sound(video: VideoFingerprint) -> bool:
    return video.sound is not None and video.sound.insufficient_detail is None


def as_reference(table: FrameTable) -> ReferenceVideo:
    """What the index keeps of a work, in the words of the alignment."""
    return ReferenceVideo(
        duration_s=table.duration_ms / 1000,
        interval_s=table.interval_ms / 1000,
        times_s=np.asarray(table.times_ms / 1000, np.float64),
        spans_s=np.asarray(table.spans_ms / 1000, np.float64),
        phashes=table.phashes,
        embeddings=table.embeddings,
    )


class _Frames:
    """What is stored of one work's frames: those at hand, and others from the index when they are
    needed.
    """

    def __init__(
        self,
        db: Database,
        analyzer: ImageAnalyzer,
        work_id: UUID,
        known: Mapping[tuple[UUID, int], Reference],
    ) -> None:
        self._db = db
        self._analyzer = analyzer
        self._work_id = work_id
        self._known = {ms: frame for (owner, ms), frame in known.items() if owner == work_id}
        self._by_proxy = {frame.proxy: frame for frame in self._known.values()}
        self.verified: list[Reference] = []

    def proxies(self, wanted: Sequence[int]) -> Mapping[int, bytes]:
        """The proxies by frame_ms."""
        missing = [(self._work_id, ms) for ms in wanted if ms not in self._known]
        if missing:
            with self._db.transaction() as conn:
                frames = videos.find_frame_references(conn, missing)
            self._known |= {ms: frame for (_, ms), frame in frames.items()}
            self._by_proxy |= {frame.proxy: frame for frame in frames.values()}
        return {ms: frame.proxy for ms, frame in self._known.items()}

    def verify(self, query_proxy: bytes, reference_proxy: bytes) -> ImageMatch:
        """Verify a frame of the query against one of these. Raises: BadProxy."""
        frame = self._by_proxy[reference_proxy]
        self.verified.append(frame)
        return self._analyzer.verify_proxies(query_proxy, frame.proxy, frame.features)
