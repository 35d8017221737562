"""Sound: the audio analyzer on the index of landmarks, which holds the sound tracks of videos
too.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image, ImageDraw

from embeddings.audio.analyzer import AudioAnalyzer, AudioFingerprint
from embeddings.audio.decode import probe_sound
from embeddings.audio.match import AudioMatch
from embeddings.audio.waveform import envelope
from embeddings.channels import ChannelState
from embeddings.video.sound import SoundFingerprint
from oracle.media.handler import Candidate, Progress, Query, Size, no_progress
from storage.database import Connection, Database
from storage.search import images
from storage.search.sounds import index as sound_index
from storage.search.sounds.index import SoundQuery, StoredSound
from storage.works.works import Work

# A minute of sound at a time is in memory, some tens of megabytes with its spectrogram: a few at a
# time are enough.
EXTRACTING = threading.BoundedSemaphore(2)
OWN = 5  # candidates of the creator's own, beside those of others
PREVIEW = (800, 200)  # pixels
INK, PAPER, MARK = (38, 84, 124), (255, 255, 255), (200, 60, 40)


@dataclass(frozen=True)
class AudioExtraction:
    """A sound's fingerprint."""

    fingerprint: AudioFingerprint
    other_tracks: int = 0

    @property
    def unjudged(self) -> str | None:
        if not self.other_tracks:
            return None
        plural = "s" if self.other_tracks > 1 else ""
        return f"the file holds {self.other_tracks} more sound track{plural} with something else"

    @property
    def too_short(self) -> bool:
        return self.fingerprint.too_short

    @property
    def insufficient_detail(self) -> str | None:
        return self.fingerprint.insufficient_detail

    @property
    def notes(self) -> Sequence[str]:
        return self.fingerprint.notes

    def as_json(self) -> dict[str, Any]:
        fingerprint = self.fingerprint
        return {
            "duration_s": round(fingerprint.duration_s, 3),
            "sounding_s": round(fingerprint.sounding_s, 3),
            "landmarks": len(fingerprint.hashes),
            "keys": len(fingerprint.keys),
        }


@dataclass(frozen=True)
class AudioCandidate:
    """An earlier work whose sound agrees with the query on an offset."""

    work_id: UUID
    found_by: tuple[str, ...] = ()
    votes: int = 0
    score: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {"found_by": list(self.found_by), "votes": self.votes, "score": round(self.score, 2)}


class AudioHandler:
    """Handles the media type "audio"."""

    media_type = "audio"

    def __init__(self, analyzer: AudioAnalyzer, max_candidates: int) -> None:
        self._analyzer = analyzer
        self._max_candidates = max_candidates
        self.channels: Mapping[str, ChannelState] = analyzer.channels
        self.model_digest = analyzer.model_digest
        self.certainty = analyzer.calibration.statement

    def inspect(self, path: Path) -> Size:
        seconds = probe_sound(path, self._analyzer.limits)
        return Size(duration_ms=round(1000 * seconds) if seconds is not None else None)

    def extract(
        self, path: Path, progress: Progress = no_progress, *, search: bool = True
    ) -> AudioExtraction:
        def decoding(done_s: float, total_s: float | None) -> None:
            progress("decoding", round(done_s), max(round(total_s or done_s), 1))

        with EXTRACTING:
            progress("decoding", 0, 1)
            judged = self._analyzer.fingerprint(path, decoding, search=search)
            others = self._analyzer.unjudged_tracks(path, judged) if search else 0
            return AudioExtraction(judged, others)

    def make_visible(self, conn: Connection, work: Work, extraction: AudioExtraction) -> None:
        sound_index.publish_sound(
            conn,
            work,
            None if extraction.insufficient_detail else as_stored(extraction.fingerprint),
        )

    def search(
        self, conn: Connection, extraction: AudioExtraction, query: Query
    ) -> Sequence[AudioCandidate]:
        keys = extraction.fingerprint.keys
        hits = sound_index.look_up(
            conn,
            SoundQuery(keys.hashes, keys.positions, keys.groups),
            before=query.before,
            creator_id=query.creator_id,
            max_candidates=self._max_candidates,
            max_own=OWN,
        )
        candidates = [
            AudioCandidate(hit.work_id, ("landmarks",), hit.votes, hit.score) for hit in hits
        ]
        known = {candidate.work_id for candidate in candidates}
        same = images.same_bytes(conn, query.sha256, query.before)
        return [
            AudioCandidate(work_id, ("sha256",)) for work_id in same if work_id not in known
        ] + candidates

    def verify(
        self,
        db: Database,
        extraction: AudioExtraction,
        candidates: Sequence[Candidate],
        progress: Progress = no_progress,
    ) -> Iterator[tuple[Candidate, AudioMatch]]:
        # The index says who, not where: it thins what it has in common with a query, and holds
        # other works tomorrow. From the two fingerprints alone the same match comes out whenever it
        # is verified again.
        with db.transaction() as conn:
            references = sound_index.find_references(
                conn, [candidate.work_id for candidate in candidates]
            )
        for done, candidate in enumerate(candidates):
            progress("verifying", done, len(candidates))
            if candidate.work_id in references:
                yield (
                    candidate,
                    self._analyzer.match(extraction.fingerprint, references[candidate.work_id]),
                )

    def candidate_from(self, match: Mapping[str, Any]) -> AudioCandidate:
        return AudioCandidate(UUID(match["work"]["id"]))

    def candidate_of(
        self, _conn: Connection, _extraction: AudioExtraction, work_id: UUID
    ) -> AudioCandidate:
        return AudioCandidate(work_id)

    def preview(self, path: Path, at_ms: int = 0) -> Image.Image:
        """The sound's envelope over time, with a mark at a moment of it."""
        width, height = PREVIEW
        picture = Image.new("RGB", PREVIEW, PAPER)
        draw = ImageDraw.Draw(picture)
        tops = envelope(path, width, self._analyzer.limits)
        for column, top in enumerate(tops.tolist()):
            reach = max(1, round(top * (height / 2 - 4)))
            draw.line([(column, height // 2 - reach), (column, height // 2 + reach)], fill=INK)
        seconds = probe_sound(path, self._analyzer.limits)
        if at_ms and seconds:
            column = min(width - 1, round(at_ms / 1000 / seconds * width))
            draw.line([(column, 0), (column, height)], fill=MARK, width=3)
        return picture


def as_stored(fingerprint: SoundFingerprint) -> StoredSound:
    """What the index keeps of a fingerprint."""
    return StoredSound(
        fingerprint.hashes,
        fingerprint.frames,
        fingerprint.reference,
        round(1000 * fingerprint.duration_s),
    )
