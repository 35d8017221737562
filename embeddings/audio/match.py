"""What a comparison of two sounds concludes: plain data, ready for JSON, bounded in size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class AudioSegment:
    """A stretch of the query that is a stretch of the reference.

    Seconds on both timelines. speed: reference seconds per query second (1.05: the query runs 5 %
    faster). pitch_semitones: how much higher the query sounds. share: 0..1, of the reference's
    peaks that are in the query beyond chance. evidence: nats; p_false: chance that an unrelated
    sound gives as much anywhere.
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
    """How many common landmarks speak for each offset: reference second minus query second, in
    cells of ``cell_s``. The viewer draws it; at most 64 cells around the best one.
    """

    first_s: float
    cell_s: float
    votes: tuple[int, ...]


@dataclass(frozen=True)
class AudioMatch:
    """How a query relates to one reference.

    similarity: calibrated, 0..1; at least 0.95 exactly where the sound is proven to be a copy:
        ``verified`` and not ``partial``. verified: an unrelated sound gives such evidence with
        probability ``p_false`` at most.
    partial: the two share a stretch (a sample, a loop, an effect, a quotation) but neither is
        mainly the other.
    segments: strongest first. query_coverage, reference_coverage: 0..1, share of the sounding
        seconds.
    aligned: (query second, reference second) of common landmarks that lie on the segments, at most
        200.
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
    def sound_only(self) -> bool:
        """False: of a sound recording the sound is everything.

        (A video may share nothing but its sound.)
        """
        return False

    def as_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""
        return {**asdict(self), "scores": dict(self.scores)}
