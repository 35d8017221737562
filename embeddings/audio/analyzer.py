"""The service's interface to sound: fingerprint an upload, match it against a stored reference."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from embeddings.audio.calibration import Calibration, load_calibration
from embeddings.audio.compare import align_sounds, judge_alignment
from embeddings.audio.decode import Progress, SoundLimits, SoundStream, other_tracks
from embeddings.audio.fingerprint import AudioFingerprint, fingerprint_samples
from embeddings.audio.landmarks import HASH_BITS
from embeddings.audio.match import AudioMatch
from embeddings.audio.recording import load_table
from embeddings.audio.reference import ReferenceSound, common_landmarks, read_reference
from embeddings.audio.survivors import Survivors, survivors_of
from embeddings.channels import ChannelState, digest_of
from embeddings.errors import CorruptMedia, UnsupportedMedia

MODEL_ID = "constellation-v2"
VERIFIER_VERSION = "survivors-v4"
MAX_TRACKS = 8  # of a file that are listened to beside the one that players choose
SAME_TRACK = 0.9  # of both tracks that is heard in the other: one sound in two encodings
MAX_CACHED_REFERENCES = 128  # about 0.2 MB each for a song


class AudioAnalyzer:
    """The sound engine under one configuration; safe to share between threads."""

    def __init__(self, *, calibration: Calibration, limits: SoundLimits | None = None) -> None:
        self.calibration = calibration
        self.limits = limits or SoundLimits()
        self.channels: Mapping[str, ChannelState] = MappingProxyType(
            {"landmarks": ChannelState(True, "", MODEL_ID, HASH_BITS)}
        )
        self.model_digest = digest_of(
            self.channels,
            {
                "calibration": calibration.version,
                "recording": load_table().version,
                "verifier": VERIFIER_VERSION,
            },
        )
        self._references: OrderedDict[bytes, ReferenceSound] = OrderedDict()
        self._survivors: OrderedDict[int, tuple[AudioFingerprint, Survivors]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, *, limits: SoundLimits | None = None) -> AudioAnalyzer:
        """Load the calibration that ships with the package; there are no weights."""
        return cls(calibration=load_calibration(), limits=limits)

    def fingerprint(
        self, path: Path, progress: Progress | None = None, *, search: bool = True
    ) -> AudioFingerprint:
        """Decode and fingerprint a file of any length in bounded memory.

        Args:
            progress: called with (seconds done, total seconds or None).
            search: whether it will be looked up; if not, only what is stored is computed.
        Raises: EmptyMedia, UnsupportedMedia, NoSound, CorruptMedia, MediaTooLong.
        """
        stream = SoundStream(path=path, limits=self.limits, progress=progress)
        fingerprint = fingerprint_samples(stream.blocks(), search=search)
        return replace(fingerprint, notes=(*fingerprint.notes, *stream.notes))

    def unjudged_tracks(self, path: Path, judged: AudioFingerprint) -> int:
        """Count the other sound tracks of a file on which something else is, or may be, heard.

        Args: judged: fingerprint of the track that players choose, made with ``search``.
        Raises: EmptyMedia, UnsupportedMedia, MediaTooLong.
        """
        numbers = other_tracks(path)
        return max(0, len(numbers) - MAX_TRACKS) + sum(
            self._is_heard_else(path, number, judged) for number in numbers[:MAX_TRACKS]
        )

    def _is_heard_else(self, path: Path, number: int, judged: AudioFingerprint) -> bool:
        stream = SoundStream(path=path, limits=self.limits, track=number)
        try:
            other = fingerprint_samples(stream.blocks(), search=False)
        except (CorruptMedia, UnsupportedMedia):  # what is not decoded here may play elsewhere
            return True
        if other.insufficient_detail is not None:
            return other.sounding_s > 0 and judged.insufficient_detail is not None
        if judged.insufficient_detail is not None:
            return True
        match = self.match(judged, other.reference)
        return (
            not match.verified or min(match.query_coverage, match.reference_coverage) < SAME_TRACK
        )

    def fingerprint_blocks(
        self, blocks: Iterable[NDArray[np.float32]], *, search: bool = True
    ) -> AudioFingerprint:
        """Fingerprint decoded samples: blocks of mono float32 at 11 025 Hz."""
        return fingerprint_samples(blocks, search=search)

    def match(self, query: AudioFingerprint, reference: bytes) -> AudioMatch:
        """Match a query, fingerprinted with ``search``, against one stored reference.

        Raises: BadProxy if the reference cannot be read; ValueError without ``search``.
        """
        if not query.dense:
            raise ValueError("this fingerprint was made without search=True")
        sound = self._reference(reference)
        common = common_landmarks(query.keys, sound)
        alignment = align_sounds(query, self._survivors_of(query), sound, common)
        return judge_alignment(query, sound, common, alignment, self.calibration)

    def _reference(self, data: bytes) -> ReferenceSound:
        key = hashlib.sha256(data).digest()
        with self._lock:
            if key in self._references:
                self._references.move_to_end(key)
                return self._references[key]
        sound = read_reference(data)
        with self._lock:
            self._references[key] = sound
            while len(self._references) > MAX_CACHED_REFERENCES:
                self._references.popitem(last=False)
        return sound

    def _survivors_of(self, query: AudioFingerprint) -> Survivors:
        with self._lock:
            cached = self._survivors.get(id(query))
            if cached is not None and cached[0] is query:
                return cached[1]
        survivors = survivors_of(query.dense, query.length_frames)
        with self._lock:
            self._survivors[id(query)] = (query, survivors)
            while len(self._survivors) > 4:
                self._survivors.popitem(last=False)
        return survivors


__all__ = ["MODEL_ID", "AudioAnalyzer", "AudioFingerprint", "AudioMatch", "SoundLimits"]
