"""The result of comparing two sounds: plain data, ready for JSON, bounded in size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class AudioSegment:
    """A segment of the query that matches a segment of the reference.

    Seconds on both timelines. speed: reference seconds per query second (1.05: the query runs 5 %
    faster; below 0: backwards). pitch_semitones: how much higher the query sounds. share: 0..1, of
    the reference's peaks that are in the query beyond chance. evidence: nats; p_false: probability
    that an unrelated sound reaches it anywhere.
    """

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    speed: float
    pitch_semitones: float
    share: float
    evidence: float
    p_false: float

    @property
    def score(self) -> float:
        """1 - p_false."""
        return 1.0 - self.p_false


@dataclass(frozen=True)
class OffsetHistogram:
    """Votes of common landmarks by offset (reference second minus query second), in cells of
    ``cell_s``. For the viewer: at most 64 cells around the best one.
    """

    first_s: float
    cell_s: float
    votes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class AudioMatch:
    """The relation of a query to one reference.

    similarity: calibrated, 0..1; at least 0.95 exactly where the sound is a proven copy:
    ``verified`` and not ``partial``.
    verified: an unrelated sound gives such evidence with probability ``p_false`` at most.
    partial: they share a segment (a sample, a loop, an effect, a quotation), but neither is mainly
    the other.
    segments: strongest first.
    query_coverage, reference_coverage: 0..1, share of the sounding seconds.
    aligned: (query second, reference second) of common landmarks on the segments, at most 200.
    """

    similarity: float
    verified: bool
    partial: bool
    p_false: float
    segments: tuple[AudioSegment, ...]
    query_coverage: float
    reference_coverage: float
    scores: Mapping[str, float]
    reason: str
    histogram: OffsetHistogram
    aligned: tuple[tuple[float, float], ...]
    calibration: str

    @property
    def looped(self) -> bool:
        """False: that is asked of films."""
        return False

    @property
    def exchanged(self) -> bool:
        """False: that is asked of pictures."""
        return False

    @property
    def sound_only(self) -> bool:
        """False, as for a sound recording the sound is all; a video may share only its sound."""
        return False

    def as_json(self) -> dict[str, Any]:
        """Return a dict of plain JSON types."""
        return {**asdict(self), "scores": dict(self.scores)}
