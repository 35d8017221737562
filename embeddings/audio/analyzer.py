"""The one object the service talks to about sound: fingerprint an upload, match it against a
stored reference.
"""

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
from embeddings.audio.compare import conclude, find_stretches
from embeddings.audio.decode import Progress, SoundLimits, SoundStream
from embeddings.audio.fingerprint import AudioFingerprint, fingerprint_samples
from embeddings.audio.landmarks import HASH_BITS
from embeddings.audio.match import AudioMatch
from embeddings.audio.reference import ReferenceSound, common_landmarks, read_reference
from embeddings.audio.survivors import Survivors, survivors_of
from embeddings.channels import ChannelState, digest_of

MODEL_ID = "constellation-v1"
VERIFIER_VERSION = "survivors-v2"
REFERENCES_KEPT = 128  # about 0.2 MB each for a song


class AudioAnalyzer:
    """Tables of one configuration; safe to share between threads."""

    def __init__(self, *, calibration: Calibration, limits: SoundLimits | None = None) -> None:
        self.calibration = calibration
        self.limits = limits or SoundLimits()
        self.channels: Mapping[str, ChannelState] = MappingProxyType(
            {"landmarks": ChannelState(True, "", MODEL_ID, HASH_BITS)}
        )
        self.model_digest = digest_of(
            self.channels, {"calibration": calibration.version, "verifier": VERIFIER_VERSION}
        )
        self._references: OrderedDict[bytes, ReferenceSound] = OrderedDict()
        self._grounds: OrderedDict[int, tuple[AudioFingerprint, Survivors]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, *, limits: SoundLimits | None = None) -> AudioAnalyzer:
        """Read the calibration that ships with the package.

        There are no weights: the channel is always on.
        """
        return cls(calibration=load_calibration(), limits=limits)

    def fingerprint(
        self, path: Path, progress: Progress | None = None, *, search: bool = True
    ) -> AudioFingerprint:
        """Decode and fingerprint a file of any length in bounded memory.

        Args:
            progress: called with (seconds done, seconds in all or None).
            search: whether it will be looked up; without, only what is stored is made.
        Raises: EmptyMedia, UnsupportedMedia, NoSound, CorruptMedia, MediaTooLong.
        """
        stream = SoundStream(path, self.limits, progress)
        found = fingerprint_samples(stream.blocks(), search=search)
        return replace(found, notes=(*found.notes, *stream.notes))

    def fingerprint_blocks(
        self, blocks: Iterable[NDArray[np.float32]], *, search: bool = True
    ) -> AudioFingerprint:
        """The same for samples that are already decoded: mono float32 at 11 025 Hz."""
        return fingerprint_samples(blocks, search=search)

    def match(self, query: AudioFingerprint, reference: bytes) -> AudioMatch:
        """Judge the query, fingerprinted with ``search``, against one stored reference.

        Raises: BadProxy if the reference cannot be read; ValueError if the query was not made to
            search.
        """
        if not query.dense:
            raise ValueError("this fingerprint was made without search=True")
        sound = self._reference(reference)
        common = common_landmarks(query.keys, sound)
        found = find_stretches(query, self._ground(query), sound, common)
        return conclude(query, sound, common, found, self.calibration)

    def _reference(self, data: bytes) -> ReferenceSound:
        key = hashlib.sha256(data).digest()
        with self._lock:
            if key in self._references:
                self._references.move_to_end(key)
                return self._references[key]
        sound = read_reference(data)
        with self._lock:
            self._references[key] = sound
            while len(self._references) > REFERENCES_KEPT:
                self._references.popitem(last=False)
        return sound

    def _ground(self, query: AudioFingerprint) -> Survivors:
        with self._lock:
            held = self._grounds.get(id(query))
            if held is not None and held[0] is query:
                return held[1]
        ground = survivors_of(query.dense, query.length_frames)
        with self._lock:
            self._grounds[id(query)] = (query, ground)
            while len(self._grounds) > 4:
                self._grounds.popitem(last=False)
        return ground


__all__ = ["MODEL_ID", "AudioAnalyzer", "AudioFingerprint", "AudioMatch", "SoundLimits"]
