"""Decode a video file to keyframes with their true times, and extract its sound track, in one pass.

A keyframe is the frame on display at a whole interval, with the time at which it appeared. So a
slide show with one frame in ten seconds gives one keyframe that spans ten seconds, whatever the
file's frame rate says. Memory is bounded by the number of keyframes, not by the length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from embeddings.containers import open_container, played_track
from embeddings.errors import CorruptMedia, MediaTooLarge, MediaTooLong, UnsupportedMedia
from embeddings.sniff import sniff
from embeddings.video.limits import VideoLimits
from embeddings.video.sound_track import SoundTrack
from embeddings.work_time import WorkTime

Progress = Callable[[float, float], None]
MAX_FAULTS = 2000  # undecodable packets after which the rest is given up
GOP_PEEK_S = 60.0
POSTER_LEVELS, POSTER_TRIES = 25.0, 8
# a sample as like the last one as this adds nothing: the largest difference of two thumbnails
THUMBNAIL_PX, STILL_LEVELS = 32, 2.0
# in streams that are cut and joined (MPEG-TS) a clock that jumps by more is set anew
_JOINED, JUMP_S = ("mpegts", "mpeg"), 10.0
# a header may claim this much more before the file counts as cut short
END_SLACK_S = 2.0


@dataclass(frozen=True, eq=False)
class Sample:
    """A frame as shown, (h, w, 3) uint8 sRGB, upright, from ``time_s`` for ``span_s`` seconds."""

    time_s: float
    span_s: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False, kw_only=True)
class DecodedVideo:
    """A decoded video.

    width, height: upright, as shown; interval_s: the spacing of the samples; notes: in plain words;
    other_pictures: how many picture tracks players do not choose; lost_sound: whether there is
    sound that could not be copied.
    """

    samples: tuple[Sample, ...]
    duration_s: float
    interval_s: float
    width: int
    height: int
    has_sound: bool
    notes: tuple[str, ...]
    other_pictures: int = 0
    lost_sound: bool = False


@dataclass(frozen=True)
class VideoFacts:
    """The facts of the header, checked by decoding one frame."""

    width: int
    height: int
    duration_s: float | None
    has_sound: bool
    codec: str


def probe_video(path: Path, limits: VideoLimits | None = None) -> VideoFacts:
    """Return the facts of a video, after decoding its first frame.

    Raises: EmptyMedia, UnsupportedMedia (no picture track, or an unknown codec), MediaTooLarge,
        MediaTooLong, CorruptMedia.
    """
    limits = limits or VideoLimits()
    with _opened(path) as container:
        stream = _picture_stream(container, limits)
        known = _known_duration(container, stream)
        for frame in _frames(container, stream, None, [], limits):
            width, height = _shown_size(frame, stream)
            return VideoFacts(
                width, height, known, bool(container.streams.audio), stream.codec_context.name
            )
    raise CorruptMedia("Not one frame of the video can be decoded; export it again.")


def read_video(
    path: Path,
    limits: VideoLimits | None = None,
    *,
    sound_to: Path | None = None,
    progress: Progress = lambda _done, _total: None,
) -> DecodedVideo:
    """Read a video of any length once.

    Args:
        sound_to: path for a Matroska file with the sound track as it is; not written where there is
            none.
        progress: called with seconds done, total seconds (0 if the header lacks them).
    Raises: as ``probe_video``. A truncated or partly damaged file gives what can be decoded, with a
        note.
    """
    limits = limits or VideoLimits()
    first, sampler = _read(path, limits, None, sound_to, progress)
    # A length is what a header claims, and a still adds nothing to look at: where less than that
    # moves, each second of it is looked at.
    wanted = limits.interval_for(sampler.changing_s(first.duration_s))
    if wanted >= first.interval_s:
        return first
    return _read(path, limits, wanted, sound_to, progress)[0]


def _read(
    path: Path,
    limits: VideoLimits,
    interval: float | None,
    sound_to: Path | None,
    progress: Progress,
) -> tuple[DecodedVideo, _Sampler]:
    """Read a video once, looking at it every `interval` seconds, or as often as its header asks."""
    notes: list[str] = []
    with _opened(path) as container:
        stream = _picture_stream(container, limits)
        known = _known_duration(container, stream)
        sparse = interval is None
        interval = interval or limits.interval_for(known or 0.0)
        if sparse and interval > limits.interval_s and interval >= _key_spacing(path, stream.index):
            # each sampled moment has a key frame of its own
            stream.codec_context.skip_frame = "NONKEY"
            notes.append(f"only key frames were decoded, about one in {interval:.0f} s")
        else:
            # Unreferenced frames are a few hundredths of a second from others; skipping them halves
            # the time.
            stream.codec_context.skip_frame = "NONREF"
        with SoundTrack(container, sound_to, notes) as sound:
            sampler = _Sampler(limits, interval, joined=container.format.name in _JOINED)
            end_s = 0.0
            for frame in _frames(container, stream, sound, notes, limits):
                if frame.width * frame.height > limits.max_pixels:
                    raise MediaTooLarge(_too_many_pixels(frame.width, frame.height, limits))
                start = sampler.start(frame, stream)
                end_s = max(end_s, start + _shown_for(frame, stream))
                if end_s > limits.max_seconds:
                    raise MediaTooLong(_too_long(end_s, limits))
                sampler.add(frame, start, stream)
                progress(min(end_s, known or end_s), known or 0.0)
        duration = _duration(known, end_s, notes)
        samples = sampler.finish(stream, duration)
        if not samples:
            raise CorruptMedia("Not one frame of the video can be decoded; export it again.")
        if sampler.jumps:
            notes.append(f"{sampler.jumps} jumps of the clock were joined")
        decoded = DecodedVideo(
            samples=samples,
            duration_s=duration,
            interval_s=sampler.interval,
            width=sampler.width,
            height=sampler.height,
            has_sound=sound.written,
            notes=tuple(notes),
            other_pictures=len(_picture_tracks(container)) - 1,
            lost_sound=sound.lost,
        )
        return decoded, sampler


def read_poster(path: Path, limits: VideoLimits | None = None) -> NDArray[np.uint8]:
    """Return a frame for display, (h, w, 3) uint8: the first non-blank among the first key frames.

    Raises: as ``probe_video``.
    """
    limits = limits or VideoLimits()
    best: NDArray[np.uint8] | None = None
    with _opened(path) as container:
        stream = _picture_stream(container, limits)
        stream.codec_context.skip_frame = "NONKEY"
        for number, frame in enumerate(_frames(container, stream, None, [], limits)):
            pixels = _upright_rgb(frame, stream, limits.side_px)
            if best is None or pixels.std() > best.std():
                best = pixels
            if pixels.std() > POSTER_LEVELS or number >= POSTER_TRIES:
                break
    if best is None:
        raise CorruptMedia("Not one frame of the video can be decoded; export it again.")
    return best


def read_moment(path: Path, at_s: float, limits: VideoLimits | None = None) -> NDArray[np.uint8]:
    """Return the frame on display `at_s` seconds after the first one, (h, w, 3) uint8, or the last
    one.

    Raises: as ``probe_video``.
    """
    limits = limits or VideoLimits()
    shown: NDArray[np.uint8] | None = None
    with _opened(path) as container:
        stream = _picture_stream(container, limits)
        base = float((stream.start_time or 0) * (stream.time_base or 0))
        with suppress(av.error.FFmpegError):  # a file without an index is read from its start
            container.seek(round((base + at_s) * av.time_base), backward=True)
        for frame in _frames(container, stream, None, [], limits):
            if shown is not None and frame.time is not None and frame.time - base > at_s:
                break
            shown = _upright_rgb(frame, stream, limits.side_px)
    if shown is None:
        raise CorruptMedia("Not one frame of the video can be decoded; export it again.")
    return shown


class _Sampler:
    """Samples the frame on display at each whole interval, where it has changed; doubles the
    interval when there are too many.

    joined: whether a jump of the clock is a seam between two streams, not a frame on display.
    """

    def __init__(self, limits: VideoLimits, interval_s: float, *, joined: bool) -> None:
        self.interval = interval_s
        self.width, self.height = 0, 0
        self.jumps = 0
        self._limits = limits
        self._joined = joined
        self._thumbnail: NDArray[np.float32] | None = None  # of the last sample
        self._base: float | None = None
        self._due = 0  # the next moment to sample, in intervals
        self._last: tuple[VideoFrame, float] | None = None
        self._samples: list[tuple[int, Sample]] = []

    def start(self, frame: VideoFrame, stream: VideoStream) -> float:
        """Return when the frame appears, in seconds from the first one; never before its
        predecessor.
        """
        known = float(frame.time) if frame.time is not None else None
        if self._base is None:
            self._base = known or 0.0
        if known is not None:
            if self._joined and self._last is not None:
                expected = self._last[1] + _shown_for(self._last[0], stream)
                if abs(known - self._base - expected) > JUMP_S:
                    self._base, self.jumps = known - expected, self.jumps + 1
            return max(self._last[1] if self._last else 0.0, known - self._base)
        stream.codec_context.skip_frame = "DEFAULT"  # without times every frame is needed
        return self._last[1] + _shown_for(self._last[0], stream) if self._last else 0.0

    def add(self, frame: VideoFrame, start: float, stream: VideoStream) -> None:
        self._sample_last(start, stream)
        self._last = (frame, start)

    def finish(self, stream: VideoStream, duration_s: float) -> tuple[Sample, ...]:
        self._sample_last(max(duration_s, 1e-3), stream)
        times = [sample.time_s for _, sample in self._samples] + [duration_s]
        return tuple(
            replace(sample, span_s=max(after - sample.time_s, 0.0))
            for (_, sample), after in zip(self._samples, times[1:], strict=True)
        )

    def changing_s(self, duration_s: float) -> float:
        """Seconds of a video that are not one unchanging picture, by its samples."""
        return min(duration_s, max(len(self._samples) - 1, 1) * self.interval)

    def _sample_last(self, until: float, stream: VideoStream) -> None:
        """Sample the last frame, shown up to ``until``, if a moment to sample lies before that."""
        if self._last is None or until <= self._due * self.interval:
            return
        frame, start = self._last
        pixels = _upright_rgb(frame, stream, self._limits.side_px)
        if not self.width:
            self.width, self.height = _shown_size(frame, stream)
        small = cv2.resize(pixels, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
        thumbnail = np.asarray(small, np.float32)
        if self._thumbnail is None or np.abs(thumbnail - self._thumbnail).max() > STILL_LEVELS:
            self._samples.append((self._due, Sample(start, 0.0, pixels)))
            self._thumbnail = thumbnail
        while self._due * self.interval < until:
            self._due += 1
        if len(self._samples) > self._limits.max_frames:
            self.interval *= 2
            self._samples = [(due // 2, sample) for due, sample in self._samples if due % 2 == 0]
            self._due = (self._due + 1) // 2


def _opened(path: Path) -> InputContainer:
    kind = sniff(path)
    if kind.media_type != "video":
        raise UnsupportedMedia(f"This is {kind.mime}, not a video.")
    try:
        return open_container(path, kind.mime)
    except av.FFmpegError as error:
        raise CorruptMedia(
            f"The video's header cannot be read ({error.strerror}); export it again."
        ) from error


def _picture_tracks(container: InputContainer) -> list[VideoStream]:
    cover = av.stream.Disposition.attached_pic
    return [track for track in container.streams.video if not track.disposition & cover]


def _picture_stream(container: InputContainer, limits: VideoLimits) -> VideoStream:
    streams = _picture_tracks(container)
    if not streams:
        raise UnsupportedMedia("The file has no picture track; send it as a sound.")
    stream: VideoStream = played_track(streams)
    if stream.codec_context is None:
        raise UnsupportedMedia(
            "The video's codec is not known here; export it as H.264, H.265, VP9 or AV1."
        )
    if stream.width * stream.height > limits.max_pixels:
        raise MediaTooLarge(_too_many_pixels(stream.width, stream.height, limits))
    duration = _known_duration(container, stream)
    joined = container.format.name in _JOINED  # tells the length from its first and last clock
    if duration is not None and duration > limits.max_seconds and not joined:
        raise MediaTooLong(_too_long(duration, limits))
    stream.thread_type = "AUTO"
    return stream


def _known_duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration and container.duration > 0 else None


def _key_spacing(path: Path, index: int) -> float:
    """Return the longest gap, in seconds, of key frames in the first minute, or infinity."""
    keys: list[float] = []
    with suppress(av.FFmpegError), _opened(path) as container:
        for packet in container.demux(container.streams[index]):
            if packet.pts is None or packet.time_base is None:
                continue
            at = float(packet.pts * packet.time_base)
            if packet.is_keyframe:
                keys.append(at)
            if keys and at - keys[0] > GOP_PEEK_S:
                keys.append(at)
                break
    return max((b - a for a, b in pairwise(keys)), default=float("inf"))


def _frames(
    container: InputContainer,
    stream: VideoStream,
    sound: SoundTrack | None,
    notes: list[str],
    limits: VideoLimits,
) -> Iterator[VideoFrame]:
    """Yield every decoded frame; skip and count damaged packets; end where the file breaks off.

    Raises: MediaTooLong where decoding takes too long: a kilobyte may hold a frame as slow as any.
    """
    streams = [stream, *([sound.source] if sound is not None and sound.source is not None else [])]
    packets = container.demux(*streams)
    faults = 0
    work = WorkTime(limits.max_work_s)
    while faults < MAX_FAULTS:
        work.check()
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            notes.append(f"the file breaks off ({error.strerror})")
            break
        if packet is None:
            break
        if packet.stream.type == "audio":
            if sound is not None:
                sound.take(packet)
            continue
        try:
            for frame in packet.decode():
                assert isinstance(frame, VideoFrame)
                if frame.is_corrupt:
                    faults += 1
                    continue
                yield frame
        except av.FFmpegError:
            faults += 1
    if faults:
        notes.append(f"{faults} damaged pieces of the picture track were skipped")


def _shown_for(frame: VideoFrame, stream: VideoStream) -> float:
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    return float(1 / stream.average_rate) if stream.average_rate else 0.0


def _shown_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Return width and height as shown: pixels made square, turned as the file says."""
    aspect = stream.codec_context.sample_aspect_ratio
    ratio = float(aspect) if aspect and 0.1 < float(aspect) < 10 else 1.0
    width, height = max(1, round(frame.width * ratio)), frame.height
    return (height, width) if frame.rotation % 180 else (width, height)


def _upright_rgb(frame: VideoFrame, stream: VideoStream, side_px: int) -> NDArray[np.uint8]:
    width, height = _shown_size(frame, stream)
    if frame.rotation % 180:
        width, height = height, width
    factor = min(1.0, side_px / max(width, height))
    size = {"width": max(2, round(width * factor)), "height": max(2, round(height * factor))}
    reduced = frame.reformat(**size, format="rgb24", interpolation=Interpolation.AREA)
    pixels = np.asarray(reduced.to_ndarray(), np.uint8)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def _duration(known: float | None, end_s: float, notes: list[str]) -> float:
    if known is not None and known - end_s > max(END_SLACK_S, 0.05 * known):
        notes.append(
            f"the picture ends at {end_s:.0f} s of the {known:.0f} s that the header promises"
        )
    return end_s


def _too_many_pixels(width: int, height: int, limits: VideoLimits) -> str:
    return (
        f"The video has {width}x{height} pixels; at most {limits.max_pixels:,} are decoded."
        " Send a smaller version."
    )


def _too_long(seconds: float, limits: VideoLimits) -> str:
    return (
        f"The video is {seconds / 60:.0f} minutes long; at most {limits.max_seconds / 60:.0f}"
        " are analysed."
    )
