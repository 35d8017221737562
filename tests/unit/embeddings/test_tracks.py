"""A file of several tracks: what was not judged is counted, and no such file is called original."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support import clips, sounds

from embeddings.audio.analyzer import AudioAnalyzer
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.video.analyzer import VideoAnalyzer
from oracle.media.audio import AudioHandler
from oracle.media.video import VideoHandler

SOUNDS = AudioAnalyzer.load()
SONG, OTHER = sounds.tune(1, 12.0), sounds.tune(2, 12.0)
SILENT = np.zeros_like(SONG)


def file_of(
    path: Path, tracks: Sequence[sounds.Samples], default: int = 0, pictures: int = 0
) -> Path:
    """A Matroska file with these sounds, and with that many different films."""
    with av.open(str(path), "w") as container:
        films = [container.add_stream("libx264", rate=10) for _ in range(pictures)]
        for film in films:
            film.height, film.width, film.pix_fmt = 180, 320, "yuv420p"
            film.codec_context.time_base = Fraction(1, 10)
        streams = [container.add_stream("flac", rate=sounds.RATE_HZ, layout="mono") for _ in tracks]
        for number, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition.default if number == default else 0
        for name, film in zip(("china.jpg", "flower.jpg"), films, strict=False):
            scene = clips.scene(name, 6.0)
            for at, picture in enumerate(scene):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                frame.pts, frame.time_base = at, Fraction(1, 10)
                container.mux(film.encode(frame))
            container.mux(film.encode(None))
        for stream, samples in zip(streams, tracks, strict=True):
            sound = av.AudioFrame.from_ndarray(
                (samples[None] * 32767).astype(np.int16), format="s16", layout="mono"
            )
            sound.sample_rate, sound.pts = sounds.RATE_HZ, 0
            container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
    return path


TRACKS = {
    "one": ([SONG], 0),
    "the same twice": ([SONG, 0.7 * SONG], 0),
    "a silent one beside": ([SONG, SILENT], 0),
    "another song": ([SONG, OTHER], 1),
    "two more": ([SONG, OTHER, sounds.tune(3, 12.0)], 2),
    "half of it beside": ([SONG, SONG[: len(SONG) // 2]], 1),
}


@pytest.mark.parametrize("case", TRACKS.values(), ids=TRACKS.keys())
def test_what_else_is_heard_is_counted(
    tmp_path: Path, case: tuple[list[sounds.Samples], int]
) -> None:
    tracks, expected = case
    extraction = AudioHandler(SOUNDS, 20).extract(file_of(tmp_path / "x.mka", tracks))
    assert extraction.other_tracks == expected
    assert (extraction.unjudged is None) == (expected == 0)


def test_a_film_is_judged_by_the_tracks_that_players_choose(tmp_path: Path) -> None:
    handler = VideoHandler(VideoAnalyzer(ImageAnalyzer.load(clip=None), SOUNDS), 20)
    loud = np.clip(1.2 * OTHER, -1, 1).astype(np.float32)
    extraction = handler.extract(file_of(tmp_path / "x.mkv", [loud, SONG], default=1, pictures=2))
    sound = extraction.fingerprint.sound
    assert sound is not None
    assert "1 more picture track and 1 more sound track" in (extraction.unjudged or "")
    song = SOUNDS.fingerprint(sounds.written(tmp_path, SONG))
    assert SOUNDS.match(song, sound.reference).verified
    assert handler.extract(file_of(tmp_path / "y.mkv", [SONG], pictures=1)).unjudged is None


def film_with(path: Path, codec: str, samples: sounds.Samples) -> Path:
    """A QuickTime film with a sound track of that codec."""
    with av.open(str(path), "w", format="mov") as container:
        film = container.add_stream("libx264", rate=10)
        film.height, film.width, film.pix_fmt = 180, 320, "yuv420p"
        sound = container.add_stream(codec, rate=sounds.RATE_HZ, layout="mono")
        for picture in clips.scene("china.jpg", 6.0):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(film.encode(frame))
        container.mux(film.encode(None))
        size = sound.codec_context.frame_size or 1024
        resampler = av.AudioResampler("s16p", "mono", sounds.RATE_HZ, frame_size=size)
        whole = av.AudioFrame.from_ndarray(
            (samples[None] * 32767).astype(np.int16), format="s16", layout="mono"
        )
        whole.sample_rate, whole.pts = sounds.RATE_HZ, 0
        for part in resampler.resample(whole):
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def test_sound_that_matroska_cannot_hold_is_judged(tmp_path: Path) -> None:
    handler = VideoHandler(VideoAnalyzer(ImageAnalyzer.load(clip=None), SOUNDS), 20)
    film = film_with(tmp_path / "x.mov", "adpcm_ima_qt", SONG)
    extraction = handler.extract(film)
    sound = extraction.fingerprint.sound
    assert sound is not None and extraction.unjudged is None
    song = SOUNDS.fingerprint(sounds.written(tmp_path, SONG))
    assert SOUNDS.match(song, sound.reference).similarity >= 0.95

    # A codec that is not known here may be known to a player.
    unknown = tmp_path / "y.mov"
    unknown.write_bytes(film.read_bytes().replace(b"ima4", b"zzz9"))
    extraction = handler.extract(unknown)
    assert extraction.fingerprint.sound is None
    assert extraction.unjudged == "its sound could not be read"


def test_a_second_track_that_cannot_be_decoded_is_counted(tmp_path: Path) -> None:
    path = file_of(tmp_path / "x.mka", [SONG, OTHER])
    data = path.read_bytes()
    second = data.index(b"A_FLAC", data.index(b"A_FLAC") + 1)
    path.write_bytes(data[:second] + b"A_ZZZZ" + data[second + 6 :])
    extraction = AudioHandler(SOUNDS, 20).extract(path)
    assert extraction.other_tracks == 1
