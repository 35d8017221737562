"""Real small files: what is kept of them, when it was shown, and what is said where they are
broken.
"""

import itertools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import av
import av.stream
import numpy as np
import pytest
from support import clips

from embeddings.errors import (
    CorruptMedia,
    EmptyMedia,
    MediaTooLarge,
    MediaTooLong,
    UnsupportedMedia,
)
from embeddings.video.decode import probe_video, read_moment, read_poster, read_video
from embeddings.video.limits import VideoLimits

RATE = 8000


def tone(seconds: float) -> tuple[np.ndarray, int]:
    return (0.3 * np.sin(2 * np.pi * 330 * np.arange(round(seconds * RATE)) / RATE)).astype(
        np.float32
    ), RATE


def numbered(count: int) -> list[clips.Frame]:
    """Frames whose grey tells their number: 10 + 8 per frame, brightest last."""
    return [np.full((90, 160, 3), 10 + 8 * (at % 30), np.uint8) for at in range(count)]


class _Pipe:
    """A file that can only be written on."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def number_of(pixels: clips.Frame) -> int:
    return round((float(pixels.mean()) - 10) / 8)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(frames: list[clips.Frame], name: str = "clip.mp4", **options: object) -> Path:
        return clips.encode(tmp_path / name, frames, **options)  # type: ignore[arg-type]

    return written


def test_one_frame_a_second_under_its_true_time(write: Callable[..., Path]) -> None:
    read = read_video(write(clips.scene("coffee.png", 25)))
    assert [round(sample.time_s, 2) for sample in read.samples] == pytest.approx(
        list(range(25)), abs=0.21
    )
    assert sum(sample.span_s for sample in read.samples) == pytest.approx(25.0, abs=0.11)
    assert read.interval_s == 1.0 and read.duration_s == pytest.approx(25.0, abs=0.11)
    assert (read.width, read.height) == clips.SIZE and read.samples[0].pixels.shape == (180, 320, 3)
    assert read.notes == () and not read.has_sound


def test_short_clips_are_looked_at_twice_a_second(write: Callable[..., Path]) -> None:
    assert read_video(write(clips.scene("coffee.png", 4))).interval_s == 0.5


def test_every_frame_shows_what_was_on_display(write: Callable[..., Path]) -> None:
    # At 2 fps half the frames are asked for; none of them is skipped as unreferenced in an
    # all-key-frame file.
    read = read_video(write(numbered(50), fps=2, gop=1))
    assert [number_of(s.pixels) for s in read.samples] == pytest.approx(
        [at % 30 for at in range(0, 50, 2)], abs=1
    )


def test_a_slide_show_keeps_each_slide_with_its_span(write: Callable[..., Path]) -> None:
    # the third slide appears after the first moment looked at
    times = [0.0, 0.1, 0.2, 9.0, 9.05, 21.0]
    read = read_video(write(numbered(6), times=times, gop=1), VideoLimits(short_s=0))
    kept = {round(s.time_s, 2): (number_of(s.pixels), round(s.span_s, 1)) for s in read.samples}
    assert kept[0.0][0] == 0 and kept[0.2] == (2, 8.8)
    assert kept[9.05] == (4, pytest.approx(11.9, abs=0.2)) and 21.0 in kept


def test_a_long_video_is_spread_over_its_whole_length(write: Callable[..., Path]) -> None:
    read = read_video(write(clips.scene("coffee.png", 50)), VideoLimits(max_frames=20, short_s=0))
    assert read.interval_s == 4.0 and len(read.samples) <= 20
    assert [s.time_s for s in read.samples] == pytest.approx(list(np.arange(0, 50, 4.0)), abs=0.25)


def test_a_length_that_no_header_tells_is_thinned_while_reading(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    stream = tmp_path / "live.mkv"
    path = write(clips.scene("coffee.png", 40))
    # As a browser records: what cannot seek back cannot write the length into the header.
    with (
        stream.open("wb") as file,
        av.open(str(path)) as source,
        av.open(_Pipe(file), "w", format="matroska") as live,
    ):
        copied = live.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copied
                live.mux(packet)
    seen: list[tuple[float, float]] = []
    read = read_video(
        stream, VideoLimits(max_frames=12), progress=lambda done, total: seen.append((done, total))
    )
    assert len(read.samples) <= 12 and read.interval_s >= 2.0
    assert {total for _, total in seen} == {0.0}, "no length is made up"
    gaps = np.diff([s.time_s for s in read.samples])
    assert gaps.max() < 2.5 * gaps.min(), "evenly over the length, not its first part"


@pytest.mark.parametrize("hours", [0.2, 2.0, 5.0])
def test_a_length_that_the_header_invents_hides_nothing(
    write: Callable[..., Path], hours: float
) -> None:
    path = write(clips.scene("coffee.png", 12), "clip.mkv")
    content = path.read_bytes()
    at = content.index(b"\x44\x89") + 2  # Matroska's Duration, in milliseconds
    assert content[at] == 0x88
    stated = struct.pack(">d", hours * 3_600_000)
    path.write_bytes(content[: at + 1] + stated + content[at + 9 :])
    read = read_video(path)
    assert read.duration_s == pytest.approx(12.0, abs=0.2)
    assert read.interval_s == 0.5 and len(read.samples) >= 20


def test_a_film_that_starts_late_is_looked_at_as_often(write: Callable[..., Path]) -> None:
    times = [3000 + at / clips.FPS for at in range(12 * clips.FPS)]
    read = read_video(write(clips.scene("coffee.png", 12), "clip.mkv", times=times))
    assert read.duration_s == pytest.approx(12.0, abs=0.2) and len(read.samples) >= 20
    assert read.samples[0].time_s == 0.0


@pytest.mark.parametrize("tail", ["black", "a still"])
def test_a_long_still_behind_a_film_thins_nothing(write: Callable[..., Path], tail: str) -> None:
    film = clips.scene("coffee.png", 12)
    last = clips.black() if tail == "black" else clips.whole("chelsea.png")
    times = [at / clips.FPS for at in range(len(film))] + [12.0 + 10 * at for at in range(200)]
    read = read_video(write(film + [last] * 200, "clip.mp4", times=times))
    assert read.duration_s > 1900 and read.interval_s <= 1.0
    assert len([s for s in read.samples if s.time_s < 12.0]) >= 12 and len(read.samples) < 30
    assert sum(s.span_s for s in read.samples) == pytest.approx(read.duration_s)


@pytest.mark.parametrize("marked", [None, 1])
def test_the_picture_track_that_players_show_is_judged(tmp_path: Path, marked: int | None) -> None:
    path = tmp_path / "two.mkv"
    sizes = ((160, 90), (640, 360))
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=clips.FPS) for _ in sizes]
        for at, (stream, (width, height)) in enumerate(zip(streams, sizes, strict=True)):
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            default = av.stream.Disposition.default
            stream.disposition = default if at == marked else av.stream.Disposition(0)
        for stream, (width, height) in zip(streams, sizes, strict=True):
            for at in range(20):
                frame = av.VideoFrame.from_ndarray(
                    np.full((height, width, 3), 10 * at, np.uint8), format="rgb24"
                )
                frame.pts = at
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert (read_video(path).width, read_video(path).height) == sizes[marked or 0]


def test_a_clock_that_jumps_is_joined(tmp_path: Path, write: Callable[..., Path]) -> None:
    pieces = []
    for number, start in enumerate((0.0, 25_000.0, 400.0)):
        frames = clips.scene("coffee.png", 8, seed=number)
        times = [start + at / clips.FPS for at in range(len(frames))]
        pieces.append(write(frames, f"{number}.ts", times=times).read_bytes())
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(pieces))
    assert probe_video(path).width == clips.SIZE[0]
    read = read_video(path)
    assert read.duration_s == pytest.approx(24.0, abs=0.7)
    assert any("2 jumps of the clock" in note for note in read.notes)


def test_sparse_key_frames_are_enough_for_a_sparse_look(write: Callable[..., Path]) -> None:
    path = write(clips.scene("coffee.png", 60), gop=20)  # a key frame every 2 s, one look every 4 s
    read = read_video(path, VideoLimits(max_frames=20))
    assert any("key frames" in note for note in read.notes)
    assert [s.time_s for s in read.samples] == pytest.approx(list(np.arange(0, 60, 4.0)), abs=0.05)
    assert not any("key frames" in note for note in read_video(path).notes)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "mpeg4"),
        ("a.webm", "libvpx"),
        ("a.avi", "mjpeg"),
        ("a.mkv", "libx264"),
        ("a.mpg", "mpeg2video"),
    ],
)
def test_codecs_and_containers(write: Callable[..., Path], name: str, codec: str) -> None:
    frames = clips.scene("chelsea.png", 3, fps=25)
    read = read_video(write(frames, name, codec=codec, fps=25), VideoLimits(short_s=0))
    assert len(read.samples) == 3 and read.duration_s == pytest.approx(3.0, abs=0.2)
    error = np.abs(read.samples[0].pixels.astype(int) - frames[0]).mean()
    assert error < 16, "colours survive"


def test_the_rotation_flag_turns_the_picture(tmp_path: Path, write: Callable[..., Path]) -> None:
    plain = write(clips.scene("coffee.png", 2))
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(_with_quarter_turn(plain.read_bytes()))
    upright, sideways = read_video(plain), read_video(turned)
    assert (sideways.width, sideways.height) == (upright.height, upright.width)
    clockwise = np.rot90(upright.samples[0].pixels, -1)
    assert np.abs(sideways.samples[0].pixels.astype(int) - clockwise).mean() < 2
    assert probe_video(turned).width == 180


def _with_quarter_turn(mp4: bytes) -> bytes:
    """Set the matrix of the first track header to a quarter turn clockwise (ISO/IEC 14496-12,
    8.3.2).
    """
    at = mp4.index(b"tkhd")
    start = at + 4 + 4 + 20 + 8 + 8  # version and flags, times and ids, reserved, layer and volume
    one = (1 << 16).to_bytes(4, "big")
    minus = ((1 << 32) - (1 << 16)).to_bytes(4, "big")
    matrix = (
        bytes(4)
        + one
        + bytes(4)
        + minus
        + bytes(4)
        + bytes(4)
        + bytes(4)
        + bytes(4)
        + (1 << 30).to_bytes(4, "big")
    )
    return mp4[:start] + matrix + mp4[start + 36 :]


def test_the_sound_track_comes_out_in_the_same_pass(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    target = tmp_path / "sound.mka"
    read = read_video(write(clips.scene("coffee.png", 5), sound=tone(5)), sound_to=target)
    assert read.has_sound
    with av.open(str(target)) as sound:
        samples = sum(frame.samples for frame in sound.decode(audio=0))
    assert samples / RATE == pytest.approx(5.0, abs=0.3)
    silent = read_video(
        write(clips.scene("coffee.png", 2), "b.mp4"), sound_to=tmp_path / "none.mka"
    )
    assert not silent.has_sound and not (tmp_path / "none.mka").exists()


def test_a_file_that_breaks_off_gives_what_it_has(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    whole = write(clips.scene("coffee.png", 30), "a.mkv").read_bytes()
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole[: len(whole) // 2])
    read = read_video(broken)
    assert 5 < read.duration_s < 25 and len(read.samples) > 5
    assert any("of the 30 s that the header promises" in note for note in read.notes), read.notes


def test_damage_in_the_middle_is_skipped_and_said(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    content = bytearray(
        write(clips.scene("coffee.png", 20, fps=10), "a.avi", codec="mpeg4", gop=10).read_bytes()
    )
    rng = np.random.default_rng(1)
    for at in rng.integers(len(content) // 3, len(content) // 2, 400):
        content[at] ^= 0xFF
    damaged = tmp_path / "damaged.avi"
    damaged.write_bytes(content)
    read = read_video(damaged)
    assert len(read.samples) >= 10 and read.duration_s > 15


def test_what_is_no_video_is_named(tmp_path: Path, write: Callable[..., Path]) -> None:
    empty, text, song = tmp_path / "empty", tmp_path / "text.mp4", tmp_path / "song.mp4"
    empty.touch()
    text.write_text("not a video")
    with av.open(str(song), "w") as container:
        track = container.add_stream("aac", rate=RATE, layout="mono")
        for packet in clips.encoded_sound(track, *tone(2)):
            container.mux(packet)
    header = tmp_path / "header.mp4"
    header.write_bytes(write(clips.scene("coffee.png", 1)).read_bytes()[:40])
    for path, error in (
        (empty, EmptyMedia),
        (text, UnsupportedMedia),
        (song, UnsupportedMedia),
        (header, CorruptMedia),
    ):
        with pytest.raises(error):
            probe_video(path)
        with pytest.raises(error):
            read_video(path)


def test_limits_are_kept(write: Callable[..., Path]) -> None:
    path = write(clips.scene("coffee.png", 4))
    for limits, error in (
        (VideoLimits(max_pixels=1000), MediaTooLarge),
        (VideoLimits(max_seconds=3), MediaTooLong),
    ):
        with pytest.raises(error):
            probe_video(path, limits)
        with pytest.raises(error):
            read_video(path, limits)


def test_time_spent_on_decoding_is_limited(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(clips.scene("coffee.png", 30))
    ticks = itertools.count()
    monkeypatch.setattr("embeddings.work_time.time.monotonic", lambda: float(next(ticks)))
    assert read_video(path, VideoLimits(max_work_s=1000.0)).samples
    for read in (
        read_video,
        probe_video,
        read_poster,
        lambda path, limits: read_moment(path, 29.0, limits),
    ):
        before = next(ticks)
        with pytest.raises(MediaTooLong, match="given up after 0 s"):
            read(path, VideoLimits(max_work_s=0.5))
        assert next(ticks) - before < 10, "it stops at once"


def test_a_playlist_reads_no_other_file(tmp_path: Path, write: Callable[..., Path]) -> None:
    secret = write(clips.scene("coffee.png", 1), "secret.ts")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnsupportedMedia):
        read_video(playlist)
    concat = tmp_path / "concat.txt"
    concat.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    with pytest.raises(UnsupportedMedia):
        read_video(concat)


def test_the_poster_is_not_the_black_beginning(write: Callable[..., Path]) -> None:
    path = write([clips.black()] * 30 + clips.scene("coffee.png", 5), gop=20)
    assert read_poster(path).std() > 20
    assert read_poster(write([clips.black()] * 10, "b.mp4")).max() < 20


def test_progress_tells_the_seconds(write: Callable[..., Path]) -> None:
    seen: list[tuple[float, float]] = []
    read_video(
        write(clips.scene("coffee.png", 6)), progress=lambda done, total: seen.append((done, total))
    )
    assert seen == sorted(seen) and seen[-1] == pytest.approx((6.0, 6.0), abs=0.11)
