"""The interface of the audio engine to video, so that either can change without the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class SoundFingerprint(Protocol):
    """The fingerprint of a sound track."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""

    @property
    def insufficient_detail(self) -> str | None:
        """Why it has insufficient detail (silence, a pure tone), or None."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how it was read."""

    @property
    def hashes(self) -> NDArray[np.int32]:
        """(n,) landmarks to store."""

    @property
    def frames(self) -> NDArray[np.int32]:
        """(n,) their places."""

    @property
    def reference(self) -> bytes:
        """Bytes that later sounds are verified against."""

    @property
    def keys(self) -> Any:
        """Keys to look up: arrays hashes, positions and groups."""


class SoundSegment(Protocol):
    """A segment of sound that two works share, in seconds of either; backwards at a speed below
    0.
    """

    @property
    def query_start_s(self) -> float: ...
    @property
    def query_end_s(self) -> float: ...
    @property
    def reference_start_s(self) -> float: ...
    @property
    def reference_end_s(self) -> float: ...
    @property
    def speed(self) -> float: ...
    @property
    def score(self) -> float: ...


class SoundMatch(Protocol):
    """The relation of a query's sound to a reference's."""

    @property
    def similarity(self) -> float:
        """Calibrated, 0..1; at least 0.95 exactly where the sound is a proven copy."""

    @property
    def verified(self) -> bool:
        """Whether shared sound was proven, even if only a part."""

    @property
    def segments(self) -> Sequence[SoundSegment]:
        """The shared segments."""

    @property
    def query_coverage(self) -> float:
        """Share of the query's sounding seconds, 0..1."""

    @property
    def reference_coverage(self) -> float:
        """Share of the reference's sounding seconds, 0..1."""

    @property
    def reason(self) -> str:
        """One plain sentence."""

    def as_json(self) -> dict[str, Any]:
        """Return a dict of plain JSON types."""


class SoundChannel(Protocol):
    """One method of comparing sounds."""

    @property
    def on(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def model_id(self) -> str: ...


class SoundAnalyzer(Protocol):
    """The audio engine."""

    @property
    def channels(self) -> Mapping[str, Any]:
        """Name -> SoundChannel."""

    @property
    def model_digest(self) -> bytes:
        """32 bytes that identify all models and tables in use."""

    def fingerprint(self, path: Path, *, search: bool = True) -> Any:
        """Return a SoundFingerprint of the sound in a file. Raises: EmbeddingError."""

    def match(self, query: Any, reference: bytes) -> SoundMatch:
        """Match a query's fingerprint against one stored reference. Raises: BadProxy."""

    def unjudged_tracks(self, path: Path, judged: Any) -> int:
        """Count the other sound tracks of a file on which something else is heard."""
