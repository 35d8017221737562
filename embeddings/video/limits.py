"""Limits of one video: the spacing of its samples, and the sizes that are refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class VideoLimits:
    """Limits of one video.

    max_pixels: width x height of a frame; checked before anything is decoded.
    max_seconds: length; checked by the header, or as soon as a frame lies beyond it.
    max_frames: most samples. A video with more seconds is sampled every 2, 4, 8, ... seconds:
    nested grids, so that a copy cut short is sampled at the same moments.
    interval_s: spacing of the samples of a video of at most ``max_frames`` x ``interval_s``
    seconds; half of it for clips under ``short_s``, whose few samples would leave times and speed
    open.
    max_work_s: wall-clock seconds of decoding after which the video is given up.
    side_px: long side of the samples; nothing uses finer detail.
    """

    max_pixels: int = 36_000_000
    max_seconds: float = 6 * 3600.0
    max_frames: int = 300
    interval_s: float = 1.0
    short_s: float = 20.0
    max_work_s: float = 480.0
    side_px: int = 512

    def interval_for(self, duration_s: float) -> float:
        """Return the spacing of samples, in seconds, for a video of this length."""
        interval = self.interval_s / 2 if 0.0 < duration_s < self.short_s else self.interval_s
        while duration_s > interval * self.max_frames:
            interval *= 2
        return interval
