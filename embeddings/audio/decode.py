"""Decode any file with sound to mono float32 at 11 025 Hz, in blocks of bounded memory.

libsndfile reads plain samples, whose length their size tells. PyAV reads whatever is compressed, to
its end: libsndfile stops where the first frames of an MP3 promise the end, or the first link of an
Ogg stream ends.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from embeddings.audio.mono import NOTE, Mono
from embeddings.containers import open_container, played_track
from embeddings.errors import CorruptMedia, EmptyMedia, MediaTooLong, NoSound, UnsupportedMedia
from embeddings.sniff import sniff
from embeddings.work_time import WorkTime

SAMPLE_RATE_HZ = 11_025
BLOCK_S = 20.0  # of output in memory at once
# samples x channels per read: 8 MB of float32, whatever the rate and the layout
READ_VALUES = 1 << 21
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
_PLAIN = ("audio/wav", "audio/aiff", "audio/basic", "audio/x-caf", "audio/x-w64")
_SNDFILE_ERRORS = (soundfile.LibsndfileError, RuntimeError, ValueError, OSError)
_AV_ERRORS = (av.error.FFmpegError, ValueError, OSError, EOFError, IndexError)

Samples = NDArray[np.float32]
Progress = Callable[[float, float | None], None]


@dataclass(frozen=True)
class SoundLimits:
    """max_seconds: longest sound, refused by its header or when reached. max_work_s: wall-clock
    seconds of decoding before it is given up.
    """

    max_seconds: float = 10 * 3600.0
    max_work_s: float = 480.0


@dataclass(frozen=True, eq=False)
class Sound:
    """A whole decoded sound.

    samples: (n,) float32 mono at 11 025 Hz, about -1..1; notes: the parts left out.
    """

    samples: Samples
    duration_s: float
    notes: tuple[str, ...]


@dataclass(eq=False, kw_only=True)
class SoundStream:
    """A file being read. Iterate ``blocks()`` once; ``notes`` are complete when it ends."""

    path: Path
    limits: SoundLimits
    progress: Progress | None = None
    # which of several sound tracks: None for the one that players choose
    track: int | None = None
    notes: list[str] = field(default_factory=list)
    duration_s: float = 0.0
    _mono: Mono = field(default_factory=Mono, init=False)

    def blocks(self) -> Generator[Samples, None, None]:
        """Yield (n,) float32 mono at 11 025 Hz, finite, each at most about ``BLOCK_S`` long.

        Raises: EmptyMedia, UnsupportedMedia, NoSound (no audio stream), CorruptMedia (nothing
            decodes), MediaTooLong (its length, or the time to decode it).
        """
        if self.path.stat().st_size == 0:
            raise EmptyMedia()
        kind = sniff(self.path)
        if kind.media_type == "image":
            raise UnsupportedMedia(f"This is a picture ({kind.mime}), not sound.")
        work = WorkTime(self.limits.max_work_s)
        if kind.mime in _PLAIN and (file := _open_sndfile(self.path)):
            source = self._from_sndfile(file, kind.mime, work)
        else:
            source = self._from_av(kind.mime, work)
        for block in source:
            self.duration_s += len(block) / SAMPLE_RATE_HZ
            self._check_length(self.duration_s)
            with work.paused():
                yield block

    def _check_length(self, seconds: float) -> None:
        if seconds > self.limits.max_seconds:
            raise MediaTooLong(
                f"The sound is longer than {self.limits.max_seconds:,.0f} s, the most that is"
                " analysed. Send it in parts."
            )

    def _from_sndfile(
        self, file: soundfile.SoundFile, mime: str, work: WorkTime
    ) -> Iterator[Samples]:
        with file:
            total = file.frames / file.samplerate if 0 < file.frames < 1 << 60 else None
            if total is not None:
                self._check_length(total)
            resampler = _Resampler(file.samplerate)
            frames = max(1, min(READ_VALUES // file.channels, int(BLOCK_S * file.samplerate)))
            done = 0
            while True:
                work.check()
                try:
                    block = file.read(frames, dtype="float32", always_2d=True)
                except _SNDFILE_ERRORS as error:
                    # libsndfile returns nothing of a block that it cannot finish: read less at once
                    frames //= 8
                    if frames > file.samplerate // 50 and _try_seek(file, done):
                        continue
                    self.notes.append(
                        f"the file is damaged after {done / file.samplerate:.1f} s ({error})"
                    )
                    break
                if not len(block):
                    break
                done += len(block)
                yield from resampler.push(self._to_mono(block))
                if self.progress:
                    self.progress(done / file.samplerate, total)
            yield from resampler.flush()
        if total is not None and total - done / file.samplerate > 0.5 and not self.notes:
            self.notes.append(
                f"cut short: {done / file.samplerate:.1f} s of {total:.1f} s could be read"
            )
        if done == 0 and self.notes:
            yield from self._from_av(mime, work)  # FFmpeg may read what libsndfile cannot

    def _from_av(self, mime: str, work: WorkTime) -> Iterator[Samples]:
        try:
            container = open_container(self.path, mime)
        except _AV_ERRORS as error:
            raise CorruptMedia(
                f"The file cannot be opened as sound ({error}); export it again."
            ) from error
        with container:
            if not container.streams.audio:
                raise NoSound()
            tracks = container.streams.audio
            stream = played_track(tracks) if self.track is None else tracks[self.track]
            if self.track is None and len(container.streams.audio) > 1:
                self.notes.append(
                    f"of {len(container.streams.audio)} sound tracks the one that players choose"
                    " was judged"
                )
            total = float(container.duration) / av.time_base if container.duration else None
            if total is not None:
                self._check_length(total)
            yield from self._decode_av(container, stream, total, work)

    def _decode_av(
        self, container: Any, stream: Any, total: float | None, work: WorkTime
    ) -> Iterator[Samples]:
        resampler: _Resampler | None = None
        pending: list[Samples] = []
        pending_count = decoded = damaged = 0
        for frame in _av_frames(container, stream, work):
            if frame is None:
                damaged += 1
                continue
            mono = self._to_mono(_as_float(frame))
            decoded += len(mono)
            if resampler is None or resampler.rate_hz != frame.sample_rate:
                # The rate changes inside the stream: finish the part before.
                if resampler is not None:
                    yield from resampler.push(_concatenate(pending))
                    yield from resampler.flush()
                    pending, pending_count = [], 0
                resampler = _Resampler(frame.sample_rate)
            pending.append(mono)
            pending_count += len(mono)
            if pending_count >= BLOCK_S * resampler.rate_hz:
                yield from resampler.push(_concatenate(pending))
                pending, pending_count = [], 0
                if self.progress:
                    self.progress(decoded / resampler.rate_hz, total)
        if damaged:
            self.notes.append(f"{damaged} damaged packets were left out")
        if resampler is None:
            raise CorruptMedia("The sound track is damaged or empty: nothing of it can be decoded.")
        yield from resampler.push(_concatenate(pending))
        yield from resampler.flush()
        if self.progress:
            self.progress(decoded / resampler.rate_hz, total)
        if total is not None and total - decoded / resampler.rate_hz > 1.0:
            self.notes.append(
                f"{decoded / resampler.rate_hz:.1f} s of sound in a file of {total:.1f} s"
            )

    def _to_mono(self, block: Samples) -> Samples:
        mono = self._mono.mix(block)
        if self._mono.cancelled and NOTE not in self.notes:
            self.notes.append(NOTE)
        return mono


def read_sound(
    path: Path, *, limits: SoundLimits | None = None, progress: Progress | None = None
) -> Sound:
    """Decode a whole file; memory grows with its length (44 kB a second), so stream long ones.

    Raises: as ``SoundStream.blocks``.
    """
    stream = SoundStream(path=path, limits=limits or SoundLimits(), progress=progress)
    samples = _concatenate(list(stream.blocks()))
    return Sound(samples, len(samples) / SAMPLE_RATE_HZ, tuple(stream.notes))


def probe_sound(path: Path, limits: SoundLimits | None = None) -> float | None:
    """Decode the first block of a file, to check that it can be read.

    Returns: its length in seconds, if stated. Raises: as ``SoundStream.blocks``.
    """
    lengths: list[float] = []
    stream = SoundStream(
        path=path,
        limits=limits or SoundLimits(),
        progress=lambda _, total: lengths.append(total or 0.0),
    )
    blocks = stream.blocks()
    for _ in blocks:
        if lengths:
            blocks.close()
            return lengths[0] or None
    return stream.duration_s


class _Resampler:
    """A streaming resampler to 11 025 Hz."""

    def __init__(self, rate_hz: int) -> None:
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise UnsupportedMedia(
                f"A sample rate of {rate_hz} Hz is not sound that can be analysed."
            )
        self.rate_hz = rate_hz
        self._stream = (
            None
            if rate_hz == SAMPLE_RATE_HZ
            else soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="MQ")
        )

    def push(self, samples: Samples) -> Iterator[Samples]:
        resampled = self._stream.resample_chunk(samples) if self._stream is not None else samples
        if len(resampled):
            yield resampled

    def flush(self) -> Iterator[Samples]:
        if self._stream is not None:
            rest = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
            if len(rest):
                yield rest


def _open_sndfile(path: Path) -> soundfile.SoundFile | None:
    try:
        file = soundfile.SoundFile(path)
    except _SNDFILE_ERRORS:
        return None
    # No length: a recorder never came to write it, and players read to the end of the file.
    if file.samplerate <= 0 or file.channels <= 0 or file.frames <= 0:
        file.close()
        return None
    return file


def other_tracks(path: Path) -> list[int]:
    """Return the numbers of the sound tracks that players do not choose; [] for plain samples.

    Raises: EmptyMedia, UnsupportedMedia.
    """
    kind = sniff(path)
    if kind.mime in _PLAIN:
        return []
    try:
        with open_container(path, kind.mime) as container:
            tracks = list(container.streams.audio)
            played = played_track(tracks) if tracks else None
            return [number for number, track in enumerate(tracks) if track is not played]
    except _AV_ERRORS:
        return []


def _try_seek(file: soundfile.SoundFile, frame: int) -> bool:
    """Seek to a frame. Returns: whether that worked."""
    try:
        return bool(file.seek(frame) == frame)
    except _SNDFILE_ERRORS:
        return False


def _av_frames(container: Any, stream: Any, work: WorkTime) -> Iterator[Any]:
    """Yield decoded audio frames, None for each undecodable packet. Raises: MediaTooLong."""
    packets = container.demux(stream)
    while True:
        work.check()
        try:
            packet = next(packets)
        except StopIteration:
            return
        except _AV_ERRORS:
            yield None  # the container itself is damaged from here on
            return
        try:
            yield from packet.decode()
        except _AV_ERRORS:
            yield None


def _as_float(frame: Any) -> Samples:
    """Return (n, channels) float32 from any sample format."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, len(frame.layout.channels)).T
    if values.dtype.kind == "u":
        values = (values.astype(np.float32) - 128.0) / 128.0
    elif values.dtype.kind == "i":
        values = values.astype(np.float32) / float(1 << (8 * values.dtype.itemsize - 1))
    result: Samples = np.ascontiguousarray(values.T, dtype=np.float32)
    return result


def _concatenate(parts: list[Samples]) -> Samples:
    return np.concatenate(parts) if parts else np.empty(0, np.float32)
