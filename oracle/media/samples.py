"""Tunes and films from scratch, and files of them."""

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

RATE_HZ = 22_050
FPS = 15
SIZE = (320, 180)
SHOT_S = 6.0
SCALE = (0, 2, 4, 5, 7, 9, 11, 12)

Sound = NDArray[np.float32]


def tune(seed: int, seconds: float) -> Sound:
    """Make (n,) float32 samples at RATE_HZ: melody, chords and a drum; a piece for each seed."""
    rng = np.random.default_rng(seed)
    beat, root = 60 / rng.uniform(90, 150), rng.uniform(110, 220)
    out = np.zeros(round((seconds + 2) * RATE_HZ), np.float32)
    for number in range(int(seconds / beat)):
        chord = SCALE[rng.integers(7)] if number % 4 == 0 else 0
        hits = [
            (root / 2 * 2 ** (chord / 12), beat, 0.3),
            (root * 2 * 2 ** (SCALE[rng.integers(8)] / 12), beat / 2, 0.4),
        ]
        hits.append((root * 3 * 2 ** (SCALE[rng.integers(8)] / 12), beat / 3, 0.25))
        for hz, length, level in hits:
            _add(out, number * beat + rng.choice([0.0, beat / 2]), _note(hz, length, level))
        drum = rng.standard_normal(RATE_HZ // 12) * np.exp(-np.arange(RATE_HZ // 12) / 300)
        _add(out, number * beat, (0.2 * drum).astype(np.float32))
    piece: Sound = out[: round(seconds * RATE_HZ)]
    return piece * np.float32(0.8 / np.abs(piece).max())


def noise(seed: int, seconds: float) -> Sound:
    """Make (n,) float32 samples at RATE_HZ of noise well below the level of the music."""
    return (0.02 * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))).astype(
        np.float32
    )


def shots(pictures: Iterable[bytes]) -> Iterator[Image.Image]:
    """Yield frames of a camera that moves over one picture after another."""
    for number, data in enumerate(pictures):
        with Image.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGB")
        width = picture.width * 2 // 3
        height = width * SIZE[1] // SIZE[0]
        positions = np.linspace(0, 1, round(SHOT_S * FPS))
        for at in positions if number % 2 else positions[::-1]:
            left, top = (picture.width - width) * at, (picture.height - height) * (1 - at)
            yield picture.resize(SIZE, box=(left, top, left + width, top + height))


def movie(frames: Iterable[Image.Image], sound: Sound | None, *, fps: int = FPS) -> bytes:
    """Encode frames and sound as an MP4 file."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        picture_stream = container.add_stream(
            "libx264", rate=fps, options={"preset": "veryfast", "crf": "23"}
        )
        picture_stream.width, picture_stream.height = SIZE
        picture_stream.pix_fmt = "yuv420p"
        sound_stream = (
            container.add_stream("aac", rate=RATE_HZ, layout="mono") if sound is not None else None
        )
        for number, frame in enumerate(frames):
            video_frame = av.VideoFrame.from_ndarray(np.asarray(frame.resize(SIZE)), format="rgb24")
            video_frame.pts, video_frame.time_base = number, Fraction(1, fps)
            container.mux(picture_stream.encode(video_frame))
        container.mux(picture_stream.encode(None))
        if sound_stream is not None and sound is not None:
            for start in range(0, len(sound) - 1024, 1024):
                audio_frame = av.AudioFrame.from_ndarray(
                    sound[None, start : start + 1024], format="fltp", layout="mono"
                )
                audio_frame.pts, audio_frame.rate = start, RATE_HZ
                audio_frame.time_base = Fraction(1, RATE_HZ)
                container.mux(sound_stream.encode(audio_frame))
            container.mux(sound_stream.encode(None))
    return out.getvalue()


def _note(hz: float, seconds: float, level: float) -> Sound:
    at = np.arange(round(2 * seconds * RATE_HZ)) / RATE_HZ
    wave: NDArray[np.float64] = sum(
        np.sin(2 * np.pi * hz * k * at) / k**1.5 for k in range(1, 6)
    ) * np.exp(-3 * at / seconds)
    return (level * wave * np.minimum(at * 200, 1)).astype(np.float32)


def _add(out: Sound, at_s: float, sound: Sound) -> None:
    start = round(at_s * RATE_HZ)
    end = min(start + len(sound), len(out))
    out[start:end] += sound[: end - start]


def wav(samples: Sound) -> bytes:
    return _file(samples, "WAV")


def mp3(samples: Sound) -> bytes:
    return _file(samples, "MP3")


def _file(samples: Sound, file_format: str) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.clip(samples, -1, 1), RATE_HZ, format=file_format)
    return out.getvalue()


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
