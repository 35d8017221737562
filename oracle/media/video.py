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
from embeddings.video.align import frames_wanted
from embeddings.video.analyzer import VideoAnalyzer
from embeddings.video.decode import probe_video, read_moment, read_poster
from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.match import VideoMatch
from embeddings.video.nominate import Hit, nominate
from embeddings.video.sound import SoundMatch
from oracle.media.handler import Found, Progress, Query, Size, no_progress
from storage.database import Connection, Database
from storage.search import images, videos
from storage.search.sounds import index as sound_index
from storage.search.sounds.index import SoundQuery, StoredSound
from storage.search.videos import FrameQuery, FrameTable, StoredFrame
from storage.works.works import Work

# A long video holds up to 300 frames of 440 KB while it is read: a few at a time are enough.
READING = threading.BoundedSemaphore(2)
SOUND = "landmarks"
# candidates, the best ones, whose likeliest frames are compared though no stretch stands out
PROBED = 2
UNSEARCHED = ("sha256", "source_of_match")  # ways to a candidate that say nothing about its sound
NO_PICTURES = ReferenceVideo(0.0, 1.0, np.zeros(0), np.zeros(0), np.zeros((0, 32), np.uint8), {})


@dataclass(frozen=True)
class VideoReading:
    """A video's fingerprint."""

    fingerprint: VideoFingerprint

    @property
    def too_plain(self) -> str | None:
        return self.fingerprint.too_plain

    @property
    def notes(self) -> Sequence[str]:
        return self.fingerprint.notes

    def as_json(self) -> dict[str, Any]:
        made = self.fingerprint
        return {
            "views": sorted({view.name for frame in made.frames for view in frame.views}),
            "duration_s": round(made.duration_s, 3),
            "interval_s": made.interval_s,
            "keyframes": len(made.frames),
            "content_s": round(made.content_s, 3),
            "plain_frames": made.plain_frames,
            "plain_s": round(made.plain_s, 3),
            "sound": made.sound is not None,
        }


@dataclass(frozen=True)
class VideoFound:
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


class Videos:
    """The kind "video"."""

    media_type = "video"

    def __init__(self, analyzer: VideoAnalyzer, max_candidates: int) -> None:
        self._analyzer = analyzer
        self._max_candidates = max_candidates
        self.channels: Mapping[str, ChannelState] = analyzer.channels
        self.model_digest = analyzer.model_digest
        self.certainty = analyzer.certainty

    def inspect(self, path: Path) -> Size:
        facts = probe_video(path, self._analyzer.limits)
        known = facts.duration_s
        return Size(facts.width, facts.height, round(1000 * known) if known is not None else None)

    def read(
        self, path: Path, progress: Progress = no_progress, *, search: bool = True
    ) -> VideoReading:
        with READING:
            made = self._analyzer.fingerprint(
                path,
                lambda stage, done, total: progress(stage, round(done), max(round(total), 1)),
                search=search,
            )
        return VideoReading(made)

    def make_visible(self, conn: Connection, work: Work, reading: VideoReading) -> None:
        made = reading.fingerprint
        stored = [
            StoredFrame(
                f.frame_ms, round(1000 * f.span_s), f.phash, f.phash_quality, f.proxy, f.embeddings
            )
            for f in made.frames
        ]
        added = videos.add_video(
            conn,
            work,
            stored,
            duration_ms=round(1000 * made.duration_s),
            interval_ms=round(1000 * made.interval_s),
            plain_ms=round(1000 * made.plain_s),
        )

        if added and made.sound is not None and made.sound.too_plain is None:
            sound = made.sound
            duration_ms = round(1000 * sound.duration_s)
            sound_index.add_sound(
                conn, work, StoredSound(sound.hashes, sound.frames, sound.reference, duration_ms)
            )

    def search(self, conn: Connection, reading: VideoReading, query: Query) -> Sequence[VideoFound]:
        asked = [
            FrameQuery(at, view.name, view.phash, view.embeddings)
            for at, frame in enumerate(reading.fingerprint.frames)
            for view in frame.views
        ]
        hits = videos.find_frame_candidates(
            conn, asked, before=query.before, creator_id=query.creator_id
        )
        ranked = nominate(
            (Hit(h.query_frame, h.work_id, h.channel, h.distance) for h in hits),
            self._max_candidates,
        )
        found = {
            work_id: VideoFound(work_id, ("sha256",))
            for work_id in images.same_bytes(conn, query.sha256, query.before)
        }
        for nominee in ranked:
            known = found.get(nominee.work) or VideoFound(nominee.work)
            found[nominee.work] = replace(
                known,
                found_by=(*known.found_by, *nominee.channels),
                alike=nominee.alike,
                nearest=nominee.nearest,
            )
        for work_id in self._heard(conn, reading, query):
            known = found.get(work_id) or VideoFound(work_id)
            found[work_id] = replace(known, found_by=(*known.found_by, SOUND))
        return [replace(one, probed=number < PROBED) for number, one in enumerate(found.values())]

    def _heard(self, conn: Connection, reading: VideoReading, query: Query) -> list[UUID]:
        """Earlier works with the same sound, most surprising first."""
        sound = reading.fingerprint.sound
        if sound is None or sound.too_plain is not None:
            return []
        keys = SoundQuery(sound.keys.hashes, sound.keys.positions, sound.keys.groups)
        heard = sound_index.look_up(
            conn, keys, before=query.before, creator_id=query.creator_id, most=self._max_candidates
        )
        return [candidate.work_id for candidate in heard]

    def verify(
        self,
        db: Database,
        reading: VideoReading,
        found: Sequence[Found],
        progress: Progress = no_progress,
    ) -> Iterator[tuple[Found, VideoMatch]]:
        query = reading.fingerprint
        ids = [candidate.work_id for candidate in found]
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
            for ms in frames_wanted(proposals, references[w])
        ]
        with db.transaction() as conn:
            known = videos.find_frame_proxies(conn, wanted)
        for done, candidate in enumerate(found):
            progress("verifying", done, len(found))
            work_id = candidate.work_id
            sound = self._sound(query, candidate, sounds.get(work_id))
            match = self._analyzer.judge(
                query,
                references[work_id],
                proposed[work_id],
                _Proxies(db, work_id, known),
                sound,
                probe=getattr(candidate, "probed", False),
            )
            if match.segments or match.sound is not None:
                yield candidate, match

    def _sound(
        self, query: VideoFingerprint, candidate: Found, reference: bytes | None
    ) -> SoundMatch | None:
        """What the sounds say; asked only where the index of sounds knows of something or nobody
        has looked.
        """
        found_by = candidate.as_json().get("found_by", ())
        looked = [channel for channel in found_by if channel not in UNSEARCHED]
        if reference is None or self._analyzer.audio is None or (looked and SOUND not in looked):
            return None
        return self._analyzer.audio.match(query.sound, reference)

    def find_again(self, match: Mapping[str, Any]) -> VideoFound:
        found_by = tuple(match.get("found_by", ()))
        return VideoFound(UUID(match["work"]["id"]), found_by, probed=bool(match.get("probed")))

    def preview(self, path: Path, at_ms: int = 0) -> Image.Image:
        limits = self._analyzer.limits
        return Image.fromarray(
            read_moment(path, at_ms / 1000, limits) if at_ms else read_poster(path, limits)
        )


def as_reference(table: FrameTable) -> ReferenceVideo:
    """What the index keeps of a work, in the words of the alignment."""
    return ReferenceVideo(
        table.duration_ms / 1000,
        table.interval_ms / 1000,
        np.asarray(table.times_ms / 1000, np.float64),
        np.asarray(table.spans_ms / 1000, np.float64),
        table.phashes,
        table.embeddings,
    )


class _Proxies:
    """The proxies of one work's frames: those at hand, and others from the index when they are
    asked for.
    """

    def __init__(
        self, db: Database, work_id: UUID, known: Mapping[tuple[UUID, int], bytes]
    ) -> None:
        self._db = db
        self._work_id = work_id
        self._known = {ms: proxy for (owner, ms), proxy in known.items() if owner == work_id}

    def __call__(self, wanted: Sequence[int]) -> Mapping[int, bytes]:
        missing = [(self._work_id, ms) for ms in wanted if ms not in self._known]
        if missing:
            with self._db.transaction() as conn:
                found = videos.find_frame_proxies(conn, missing)
            self._known |= {ms: proxy for (_, ms), proxy in found.items()}
        return self._known
