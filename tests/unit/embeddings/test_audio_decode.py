"""Decoding: every door in, whatever the name says, and a clear word where there is nothing to
hear.
"""

import struct
from pathlib import Path

import av
import av.stream
import numpy as np
import pytest
import soundfile
import soxr
from support import clips, golden, sounds

from embeddings.audio.decode import (
    SAMPLE_RATE_HZ,
    SoundLimits,
    SoundStream,
    probe_sound,
    read_sound,
)
from embeddings.errors import CorruptMedia, EmptyMedia, MediaTooLong, NoSound, UnsupportedMedia
from embeddings.sniff import sniff


@pytest.fixture(scope="module")
def music() -> sounds.Samples:
    return sounds.tune(1, 6.0)


def av_file(
    path: Path, samples: sounds.Samples, codec: str, rate_hz: int = 44_100, **options: str
) -> Path:
    """A file that FFmpeg encodes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono", options=options)
        resampled = soxr.resample(samples, sounds.RATE_HZ, rate_hz)
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate_hz)
        for at in range(0, len(resampled), 4096):
            frame = av.AudioFrame.from_ndarray(
                resampled[None, at : at + 4096], format="flt", layout="mono"
            )
            frame.sample_rate, frame.pts = rate_hz, at
            for one in resampler.resample(frame):
                container.mux(stream.encode(one))
        container.mux(stream.encode(None))
    return path


def likeness(one: sounds.Samples, other: sounds.Samples) -> float:
    """Largest correlation over small delays (an encoder's)."""
    length = min(len(one), len(other)) - 2000
    middle = one[1000 : 1000 + length]
    return max(
        float(np.corrcoef(middle, other[1000 + d : 1000 + d + length])[0, 1])
        for d in range(-999, 1000, 3)
    )


def test_samples_are_those_of_librosa(tmp_path: Path, music: sounds.Samples) -> None:
    path = sounds.written(tmp_path, music)
    mine = read_sound(path)
    assert mine.duration_s == pytest.approx(6.0, abs=0.01)
    # what librosa.load does
    directly = soxr.resample(*soundfile.read(path, dtype="float32"), SAMPLE_RATE_HZ)
    for theirs in (golden.librosa()["loaded"], directly):
        assert np.corrcoef(mine.samples[50:-50], theirs[50 : len(mine.samples) - 50])[0, 1] > 0.9995


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_formats_of_libsndfile(tmp_path: Path, music: sounds.Samples, suffix: str) -> None:
    reference = read_sound(sounds.written(tmp_path, music)).samples
    assert (
        likeness(reference, read_sound(sounds.written(tmp_path, music, f"x.{suffix}")).samples)
        > 0.95
    )


@pytest.mark.parametrize(
    ("name", "codec"), [("x.m4a", "aac"), ("x.mka", "ac3"), ("x.webm", "libopus")]
)
def test_formats_of_ffmpeg(tmp_path: Path, music: sounds.Samples, name: str, codec: str) -> None:
    reference = read_sound(sounds.written(tmp_path, music)).samples
    path = av_file(tmp_path / name, music, codec, 48_000)
    decoded = read_sound(path)
    assert decoded.duration_s == pytest.approx(6.0, abs=0.15)
    assert likeness(reference, decoded.samples) > 0.95


@pytest.mark.parametrize(
    ("name", "codec", "mime"),
    [
        ("x.mp4", "aac", "audio/mp4"),
        ("x.mov", "aac", "audio/mp4"),
        ("x.mka", "libopus", "audio/x-matroska"),
        ("x.webm", "libopus", "audio/webm"),
        ("x.wma", "wmav2", "audio/x-ms-wma"),
        ("x.ts", "aac", "audio/mp2t"),
        ("x.avi", "mp3", "audio/x-msvideo"),
        ("x.flv", "aac", "audio/x-flv"),
        ("x.mpg", "mp2", "audio/x-mpeg-ps"),
        ("x.caf", "pcm_s16le", "audio/x-caf"),
        ("x.au", "pcm_s16be", "audio/basic"),
        ("x.w64", "pcm_s16le", "audio/x-w64"),
        ("x.aac", "aac", "audio/aac"),
    ],
)
def test_sound_in_any_container_is_a_sound(
    tmp_path: Path, music: sounds.Samples, name: str, codec: str, mime: str
) -> None:
    path = av_file(
        tmp_path / name, music, codec, 48_000 if codec == "libopus" else 44_100, b="64000"
    )
    found = sniff(path)
    assert (found.media_type, found.mime) == ("audio", mime)
    assert read_sound(path).duration_s == pytest.approx(6.0, abs=0.2)


@pytest.mark.parametrize("brand", [b"M4A ", b"isom"])
def test_an_mp4_is_what_its_tracks_are_whatever_its_texts_say(
    tmp_path: Path, music: sounds.Samples, brand: bytes
) -> None:
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        container.metadata["title"] = "official video, vide soun"
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(music[None, :44_100], format="flt", layout="mono")
        frame.sample_rate = 44_100
        for one in av.AudioResampler(format=stream.format, layout="mono", rate=44_100).resample(
            frame
        ):
            container.mux(stream.encode(one))
        container.mux(stream.encode(None))
    content = (tmp_path / "song.mp4").read_bytes()
    (tmp_path / "song.mp4").write_bytes(content[:8] + brand + content[12:])
    assert sniff(tmp_path / "song.mp4").media_type == "audio"
    film = clips.encode(tmp_path / "film.mp4", [clips.black()] * 10).read_bytes()
    (tmp_path / "film.mp4").write_bytes(film[:8] + brand + film[12:])
    assert sniff(tmp_path / "film.mp4").media_type == "video"


@pytest.mark.parametrize(
    "before",
    [b"", bytes(30_000), b"APETAGEX" + struct.pack("<4I8x", 2000, 40, 1, 1 << 31) + bytes(40)],
    ids=["half a frame", "zeros", "an APE tag"],
)
def test_mpeg_audio_that_starts_with_something_else(
    tmp_path: Path, music: sounds.Samples, before: bytes
) -> None:
    path = sounds.written(tmp_path, music, "x.mp3")
    content = path.read_bytes()
    path.write_bytes(before + content if before else content[1500:])
    assert sniff(path).mime == "audio/mpeg"
    assert read_sound(path).duration_s == pytest.approx(6.0, abs=0.5)


def test_an_mp3_is_read_past_the_end_that_its_first_frames_promise(tmp_path: Path) -> None:
    own = av_file(tmp_path / "own.mp3", sounds.tune(4, 3.0), "mp3", b="320000")
    taken = av_file(tmp_path / "taken.mp3", sounds.tune(5, 40.0), "mp3", b="32000")
    path = tmp_path / "both.mp3"
    path.write_bytes(own.read_bytes() + taken.read_bytes())
    assert read_sound(path).duration_s == pytest.approx(43.0, abs=0.5)


def test_every_link_of_a_chained_ogg_is_read(tmp_path: Path, music: sounds.Samples) -> None:
    path = tmp_path / "chain.ogg"
    links = [sounds.encoded(sounds.tune(seed, 4.0), "ogg") for seed in (6, 7, 8)]
    path.write_bytes(b"".join(links))
    assert read_sound(path).duration_s == pytest.approx(12.0, abs=0.3)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_recording_whose_sizes_were_never_written_is_read_to_its_end(
    tmp_path: Path, music: sounds.Samples, size: int
) -> None:
    content = bytearray(sounds.encoded(music))
    data = content.index(b"data") + 4
    content[4:8] = content[data : data + 4] = size.to_bytes(4, "little")
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    assert read_sound(path).duration_s == pytest.approx(6.0, abs=0.05)


def test_the_track_that_players_choose_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "two.mka"
    tunes = [sounds.tune(1, 3.0), sounds.tune(2, 3.0)]
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("flac", rate=sounds.RATE_HZ, layout="mono") for _ in tunes]
        streams[0].disposition, streams[1].disposition = 0, av.stream.Disposition.default
        for stream, tune in zip(streams, tunes, strict=True):
            frame = av.AudioFrame.from_ndarray(
                (tune[None] * 32767).astype(np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = sounds.RATE_HZ, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    decoded = read_sound(path)
    reference = read_sound(sounds.written(tmp_path, tunes[1])).samples
    assert likeness(reference, decoded.samples) > 0.95
    assert any("2 sound tracks" in note for note in decoded.notes)


def test_the_name_does_not_matter(tmp_path: Path, music: sounds.Samples) -> None:
    path = sounds.written(tmp_path, music, "x.mp3").rename(tmp_path / "holiday.jpg")
    assert read_sound(path).duration_s == pytest.approx(6.0, abs=0.1)


def test_192_khz_in_eight_channels(tmp_path: Path, music: sounds.Samples) -> None:
    high = soxr.resample(music, sounds.RATE_HZ, 192_000)
    path = tmp_path / "x.wav"
    soundfile.write(path, np.repeat(high[:, None], 8, axis=1), 192_000, subtype="PCM_24")
    reference = read_sound(sounds.written(tmp_path, music, "r.wav")).samples
    assert likeness(reference, read_sound(path).samples) > 0.99


def test_channels_made_to_cancel_each_other_are_heard(
    tmp_path: Path, music: sounds.Samples
) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.stack([music, -music], axis=1), sounds.RATE_HZ)
    sound = read_sound(path)
    assert float(np.abs(sound.samples).max()) > 0.5
    assert sound.notes == ("the channels cancel each other; the loudest one was analysed",)


def test_a_decoy_over_channels_that_cancel_hides_no_song(
    tmp_path: Path, music: sounds.Samples
) -> None:
    decoy = 0.3 * sounds.tune(2, 6.0)
    path, alone = tmp_path / "x.wav", sounds.written(tmp_path, music, "alone.wav")
    soundfile.write(path, np.stack([music, decoy - music], axis=1) * 0.7, sounds.RATE_HZ)
    sound = read_sound(path)
    song, hidden = (
        read_sound(alone).samples,
        read_sound(sounds.written(tmp_path, decoy, "decoy.wav")).samples,
    )
    assert (
        abs(np.corrcoef(sound.samples, song)[0, 1])
        > 0.9
        > abs(np.corrcoef(sound.samples, hidden)[0, 1])
    )
    assert sound.notes == ("the channels cancel each other; the loudest one was analysed",)


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_channels_that_are_silent_or_differ_do_not_cancel(
    tmp_path: Path, music: sounds.Samples, channels: int
) -> None:
    panned = np.zeros((len(music), channels), np.float32)
    panned[:, 0] = music
    different = np.stack([0.5 * sounds.noise(seed, 6.0) for seed in range(channels)], axis=1)
    for block in (panned, different):
        path = tmp_path / "x.wav"
        soundfile.write(path, block, sounds.RATE_HZ, subtype="FLOAT")
        sound = read_sound(path)
        mean = read_sound(sounds.written(tmp_path, block.mean(axis=1), "mean.wav")).samples
        assert sound.notes == () and np.corrcoef(sound.samples, mean)[0, 1] > 0.999


def test_only_a_demuxer_that_the_content_names_is_opened(
    tmp_path: Path, music: sounds.Samples
) -> None:
    """FFmpeg looks behind a tag when it guesses: there a list of files to join could lie, or a
    playlist.
    """
    sounds.written(tmp_path, music, "secret.flac")
    stream = av_file(tmp_path / "x.ts", music, "ac3", 48_000).read_bytes()
    path = tmp_path / "x.mp3"
    for content in (
        stream,
        b"ffconcat version 1.0\nfile secret.flac\n",
        b"#EXTM3U\n#EXTINF:1,\nsecret.flac\n",
    ):
        path.write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x14" + bytes(20) + content)
        with pytest.raises(CorruptMedia, match="cannot be opened"):
            read_sound(path)


@pytest.mark.parametrize(
    ("name", "codec"), [("x.aac", "aac"), ("x.mp3", "mp3"), ("x.flac", "flac")]
)
@pytest.mark.parametrize("tags", [1, 2])
def test_a_tag_in_front_hides_no_sound(
    tmp_path: Path, music: sounds.Samples, name: str, codec: str, tags: int
) -> None:
    """A cover picture is longer than what is read to tell the type."""
    path = av_file(tmp_path / name, music, codec)
    untagged = read_sound(path).samples
    picture = b"ID3\x04\x00\x00\x00\x02\x22\x33" + bytes(range(256)) * 256
    size = len(picture) - 10
    picture = picture[:6] + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + picture[10:]
    path.write_bytes(picture * tags + path.read_bytes())
    assert (
        sniff(path).mime == {"aac": "audio/aac", "mp3": "audio/mpeg", "flac": "audio/flac"}[codec]
    )
    found = read_sound(path)
    assert found.duration_s == pytest.approx(6.0, abs=0.2)
    assert likeness(untagged, found.samples) > 0.99 and not found.notes


def test_time_spent_on_decoding_is_limited(
    tmp_path: Path, music: sounds.Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("embeddings.work_time.time.monotonic", lambda: now)
    limits = SoundLimits(max_work_s=100.0)
    long = np.tile(music, 7)
    for path in (
        sounds.written(tmp_path, long, "x.flac"),
        av_file(tmp_path / "x.m4a", long, "aac", 8000),
    ):
        for block in SoundStream(path=path, limits=limits).blocks():
            now += 99.0 * len(block)  # what is done with the blocks does not count

        def slow(*_: object) -> None:
            nonlocal now
            now += 101.0

        with pytest.raises(MediaTooLong, match="given up after 100 s"):
            read_sound(path, limits=limits, progress=slow)


def test_broken_floats_become_silence(tmp_path: Path, music: sounds.Samples) -> None:
    broken = music.copy()
    broken[1000:1100], broken[2000] = np.nan, np.inf
    path = tmp_path / "x.wav"
    soundfile.write(path, broken, sounds.RATE_HZ, subtype="FLOAT")
    assert np.isfinite(read_sound(path).samples).all()


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac"])
def test_of_a_file_cut_short_what_decodes_is_kept(
    tmp_path: Path, music: sounds.Samples, suffix: str
) -> None:
    content = sounds.encoded(music, suffix)
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content[: len(content) * 6 // 10])
    assert 2.0 < read_sound(path).duration_s < 4.5


def test_what_is_missing_is_noted(tmp_path: Path, music: sounds.Samples) -> None:
    path = sounds.written(tmp_path, music, "x.flac")
    path.write_bytes(path.read_bytes()[:90_000])
    assert any("damaged" in note or "cut short" in note for note in read_sound(path).notes)


def test_a_file_without_its_index_is_corrupt(tmp_path: Path, music: sounds.Samples) -> None:
    path = tmp_path / "x.m4a"
    av_file(path, music, "aac")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CorruptMedia):
        read_sound(path)


def test_a_stream_is_bounded_and_tells_progress(tmp_path: Path) -> None:
    path = sounds.written(tmp_path, np.tile(sounds.noise(1, 10.0), 9), "x.flac")
    told: list[tuple[float, float | None]] = []
    stream = SoundStream(
        path=path, limits=SoundLimits(), progress=lambda done, total: told.append((done, total))
    )
    blocks = [len(block) for block in stream.blocks()]
    assert max(blocks) <= 21 * SAMPLE_RATE_HZ and len(blocks) >= 4
    assert sum(blocks) == pytest.approx(90 * SAMPLE_RATE_HZ, abs=5)
    assert told[-1] == (pytest.approx(90.0), pytest.approx(90.0))
    assert probe_sound(path) == pytest.approx(90.0)


def test_too_long_is_refused_from_the_header_and_on_the_way(
    tmp_path: Path, music: sounds.Samples
) -> None:
    for path in (sounds.written(tmp_path, music), av_file(tmp_path / "x.aac", music, "aac")):
        with pytest.raises(MediaTooLong, match="Send it in parts"):
            read_sound(path, limits=SoundLimits(max_seconds=4.0))


def test_nothing_to_hear(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    with pytest.raises(EmptyMedia):
        read_sound(empty)
    silent_film = tmp_path / "film.mp4"
    with av.open(str(silent_film), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(NoSound, match="no audio stream"):
        read_sound(silent_film)
    text = tmp_path / "x.mp3"
    text.write_text("words " * 99)
    with pytest.raises(UnsupportedMedia):
        read_sound(text)
    picture = tmp_path / "x.wav"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    with pytest.raises(UnsupportedMedia, match="picture"):
        read_sound(picture)


def test_one_sample_is_a_sound_of_one_sample(tmp_path: Path) -> None:
    assert read_sound(sounds.written(tmp_path, np.ones(1, np.float32))).duration_s < 0.001
