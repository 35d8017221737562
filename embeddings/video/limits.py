"""Bounds on one video: how much of it is looked at, and from which size on it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VideoLimits:
    """What is looked at, and what is refused.

    max_pixels: width x height of a frame; beyond it the video is refused before anything is
        decoded.
    max_seconds: length; beyond it the video is refused, from the header or as soon as a frame lies
        beyond it.
    max_frames: most frames that are kept. A video with more seconds than that is looked at every 2,
        4, 8, ... seconds: nested grids, so that a copy cut short at its end is still looked at in
        the same moments.
    interval_s: spacing of the frames of a video of at most ``max_frames`` x ``interval_s`` seconds;
        half of it for clips under ``short_s``, whose few frames would otherwise leave their times
        and speed open.
    max_work_s: wall-clock seconds of decoding after which the video is given up.
    side_px: long side of the frames that are handed on; nothing downstream looks at finer detail.
    """

    max_pixels: int = 36_000_000
    max_seconds: float = 6 * 3600.0
    max_frames: int = 300
    interval_s: float = 1.0
    short_s: float = 20.0
    max_work_s: float = 480.0
    side_px: int = 512

    def interval_for(self, duration_s: float) -> float:
        """The spacing, in seconds, at which a video of this length is looked at."""
        interval = self.interval_s / 2 if 0.0 < duration_s < self.short_s else self.interval_s
        while duration_s > interval * self.max_frames:
            interval *= 2
        return interval
