"""What video needs of sound: the shape of the audio engine, so that either can change without the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from embeddings.image.channels import ChannelState


class SoundFingerprint(Protocol):
    """Of one sound track."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""

    @property
    def too_plain(self) -> str | None:
        """Why nothing can be told from it (silence, a pure tone), or None."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it was read."""


class SoundSegment(Protocol):
    """A stretch of sound that two works share, in seconds of either."""

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
    """How a query's sound relates to a reference's."""

    @property
    def similarity(self) -> float:
        """Calibrated, 0..1; at least 0.95 exactly where the sound is proven to be a copy."""

    @property
    def verified(self) -> bool:
        """Whether shared sound was proven."""

    @property
    def segments(self) -> Sequence[SoundSegment]:
        """The shared stretches."""

    @property
    def reason(self) -> str:
        """One plain sentence."""

    def as_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""


class SoundAnalyzer(Protocol):
    """Fingerprints sound tracks."""

    @property
    def channels(self) -> Mapping[str, ChannelState]:
        """Which ways of comparing sounds are on."""

    @property
    def model_digest(self) -> bytes:
        """32 bytes that name every model and table in use."""

    def fingerprint(self, path: Path) -> Any:
        """A SoundFingerprint of the sound in a file. Raises: EmbeddingError."""
