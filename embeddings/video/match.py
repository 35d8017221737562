"""The result of comparing two videos: plain data, ready for JSON, bounded in size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from embeddings.video.motion import Motion
from embeddings.video.sound import SoundMatch, SoundSegment

Agreement = Literal["agree", "disagree", "picture_only", "sound_only", "nothing"]
MAX_SECONDS = 600  # most points of the likeness curve in the evidence


@dataclass(frozen=True, kw_only=True)
class VideoSegment:
    """A part of the query and the part of the reference that it repeats, in seconds.

    speed: seconds of the reference shown in one second of the query; reversed: it runs backwards;
    score: mean likeness 0..1; verified: enough of its frames were proven, pixel by pixel, to show
    the same picture; motion: whether what moves in them moves alike ("cuts": they are of several
    shots; "still": nothing moves, so that time proves nothing; "moment": it shows one unmoving
    moment of a shot that moves; "disagrees": only the unmoving background is shared, which is
    no copy).
    """

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    speed: float
    mirrored: bool
    reversed: bool
    score: float
    verified: bool
    motion: Motion = "still"


@dataclass(frozen=True, kw_only=True)
class FramePair:
    """Two compared frames, for display. The _ms name the stored keyframes."""

    query_ms: int
    reference_ms: int
    similarity: float
    verified: bool
    mirrored: bool
    reason: str


@dataclass(frozen=True)
class SecondScore:
    """The likeness at one moment: 0..1."""

    query_s: float
    reference_s: float
    likeness: float


@dataclass(frozen=True, kw_only=True)
class VideoMatch:
    """The relation of a query video to one reference.

    similarity: 0..1, at least 0.95 exactly where ``verified``.
    partial: shared content was proven, but too little of either work for a copy.
    sound_only: only the sound makes it a copy: its own rules apply.
    agreement: whether picture and sound point to the same parts.
    query_coverage, reference_coverage: shares of the content, 0..1, in the deciding channel.
    matched_s: seconds of the query. looped: what is shared is a loop of pictures under other sound.
    """

    similarity: float
    verified: bool
    partial: bool
    sound_only: bool
    agreement: Agreement
    mirrored: bool
    query_coverage: float
    reference_coverage: float
    matched_s: float
    segments: tuple[VideoSegment, ...]
    pairs: tuple[FramePair, ...]
    seconds: tuple[SecondScore, ...]
    scores: Mapping[str, float]
    reason: str
    calibration: str
    sound: SoundMatch | None = None
    looped: bool = False

    @property
    def exchanged(self) -> bool:
        """False: films with other subtitles or another watermark are copies."""
        return False

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON types: proven segments of both channels, a thinned likeness curve."""
        step = -(-len(self.seconds) // MAX_SECONDS) or 1
        return {
            "similarity": self.similarity,
            "verified": self.verified,
            "partial": self.partial,
            "sound_only": self.sound_only,
            "looped": self.looped,
            "agreement": self.agreement,
            "mirrored": self.mirrored,
            "query_coverage": self.query_coverage,
            "reference_coverage": self.reference_coverage,
            "matched_s": self.matched_s,
            "segments": [
                *(
                    {**asdict(segment), "channel": "picture"}
                    for segment in self.segments
                    if segment.verified
                ),
                *(
                    _sound_segment(segment)
                    for segment in (
                        self.sound.segments
                        if self.sound is not None and self.sound.verified
                        else ()
                    )
                ),
            ],
            "unproven_segments": [
                asdict(segment) for segment in self.segments if not segment.verified
            ],
            "pairs": [asdict(pair) for pair in self.pairs],
            "seconds": [asdict(second) for second in self.seconds[::step]],
            "scores": dict(self.scores),
            "reason": self.reason,
            "calibration": self.calibration,
            "sound": self.sound.as_json() if self.sound is not None else None,
        }


def _sound_segment(segment: SoundSegment) -> dict[str, Any]:
    return {
        "query_start_s": segment.query_start_s,
        "query_end_s": segment.query_end_s,
        "reference_start_s": segment.reference_start_s,
        "reference_end_s": segment.reference_end_s,
        "speed": segment.speed,
        "score": segment.score,
        "channel": "sound",
    }
