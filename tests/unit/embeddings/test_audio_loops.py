"""Songs over one bought loop are no copies of each other; copies of such songs are found."""

import time
from pathlib import Path

import numpy as np
import pytest
from support import sounds

from embeddings.audio.align import Line, Segment
from embeddings.audio.analyzer import AudioAnalyzer, AudioFingerprint
from embeddings.audio.compare import lag_between
from embeddings.audio.loops import MAX_LAGS, is_loop, rival_lags
from embeddings.audio.peaks import FinePeaks, Peaks
from embeddings.audio.reference import ReferenceSound
from embeddings.audio.spectrum import BINS
from embeddings.audio.survivors import survivors_of

RATE_HZ = sounds.RATE_HZ
ANALYZER = AudioAnalyzer.load()


def melody(seed: int, seconds: float = 20.0) -> sounds.Samples:
    """A plucked tune of one voice, RMS 0.1."""
    rng = np.random.default_rng(seed)
    out = np.zeros(int((seconds + 3) * RATE_HZ), np.float32)
    beat_s, root, at = 60 / rng.uniform(70, 140), rng.uniform(180, 330), 0.0
    while at < seconds:
        hz = root * 2 ** (rng.choice([0, 2, 3, 5, 7, 8, 10, 12, 14]) / 12)
        length = beat_s * rng.choice([0.5, 1, 1, 2])
        time = np.arange(int(length * 1.2 * RATE_HZ)) / RATE_HZ
        fade = np.minimum(time / 0.02, 1) * np.exp(-2 * time)
        tone = sum(np.sin(2 * np.pi * hz * n * time) / n**1.5 for n in (1, 2, 3, 4)) * fade
        start = int(at * RATE_HZ)
        out[start : start + len(tone)] += tone[: len(out) - start]
        at += length
    return at_level(out[: int(seconds * RATE_HZ)], 0.0)


def at_level(samples: sounds.Samples, level_db: float) -> sounds.Samples:
    rms = np.sqrt(np.mean(samples.astype(np.float64) ** 2))
    return (samples / rms * 0.1 * 10 ** (level_db / 20)).astype(np.float32)


def looped(seed: int, length_s: float, seconds: float = 20.0) -> sounds.Samples:
    """A bar of drums and bass, over and over, RMS 0.1."""
    bar = sounds.tune(seed, length_s)
    times = -(-int(seconds * RATE_HZ) // len(bar))
    return at_level(np.tile(bar, times)[: int(seconds * RATE_HZ)], 0.0)


def fingerprint(samples: sounds.Samples, folder: Path) -> AudioFingerprint:
    path = folder / f"{abs(hash(samples.tobytes()))}.wav"
    path.write_bytes(sounds.encoded(samples * (0.8 / np.abs(samples).max())))
    return ANALYZER.fingerprint(path)


@pytest.mark.parametrize("length_s", [1.9, 4.0, 8.0])
@pytest.mark.parametrize("level_db", [6.0, 0.0, -6.0])
def test_another_song_over_the_same_loop_is_no_copy(
    tmp_path: Path, length_s: float, level_db: float
) -> None:
    loop = looped(40 + int(length_s), length_s)
    earlier = fingerprint(melody(1) + loop, tmp_path)
    later = fingerprint(melody(2) + at_level(loop, level_db), tmp_path)
    match = ANALYZER.match(later, earlier.reference)
    assert match.similarity < 0.95, match.reason


@pytest.mark.parametrize("length_s", [1.9, 4.0, 8.0])
@pytest.mark.parametrize("over", ["noise", "another tune", "another song"])
def test_a_copy_of_a_song_over_a_loop_is_found(tmp_path: Path, length_s: float, over: str) -> None:
    song = at_level(melody(1) + looped(40 + int(length_s), length_s), 0.0)
    covers = {
        "noise": at_level(sounds.noise(3, 20.0), 0.0),
        "another tune": melody(9),
        "another song": at_level(sounds.tune(77, 20.0), 3.0),
    }
    earlier = fingerprint(song, tmp_path)
    match = ANALYZER.match(fingerprint(song + covers[over], tmp_path), earlier.reference)
    assert match.similarity >= 0.95, match.reason


def test_a_sound_that_repeats_for_ten_hours_is_judged_in_bounded_time() -> None:
    """Every second of a bar fits every other bar: 16 000 places."""
    rng = np.random.default_rng(5)
    bar, bars, most = 48, 16_000, 20
    at, pitch = rng.integers(0, bar, most), rng.integers(0, BINS, most)
    frames = (np.arange(bars)[:, None] * bar + np.sort(at)).ravel().astype(np.int32)
    bins = np.tile(pitch[np.argsort(at)], bars).astype(np.int16)
    once = rng.random(len(frames)) < 0.2
    bins[once] = rng.integers(0, BINS, np.count_nonzero(once))
    level = np.full(len(frames), 90, np.uint8)
    still = np.zeros(len(frames), np.int8)
    peaks = FinePeaks(frames, bins, level, still, still, level)
    minute = 60 * 22
    kept = ~once & (frames < minute)  # the query has only what repeats
    query = Peaks(frames[kept], bins[kept], level[kept])
    none = np.empty(0, np.int32)
    reference = ReferenceSound(peaks, bar * bars, none, none)
    whole = Segment(
        line=Line(1.0, 0.0, 0.0),
        first=0.0,
        last=float(minute),
        evidence=100.0,
        peaks=int(np.count_nonzero(frames < minute)),
        survived=int(np.count_nonzero(kept)),
        survival=0.8,
    )
    began = time.process_time()
    assert is_loop(whole, float(bar), reference, survivors_of((query,) * 2, minute))
    assert time.process_time() - began < 20.0
    assert len(rival_lags(float(bar), frames.astype(np.int64))) == MAX_LAGS


@pytest.mark.parametrize("rate", [1.0, -1.0, 0.8])
def test_the_lag_of_a_rival_is_the_same_in_every_direction(rate: float) -> None:
    def heard(start: float, query: tuple[float, float]) -> Segment:
        first, last = sorted(rate * at + start for at in query)
        line = Line(rate, start, 0.0)
        return Segment(
            line=line, first=first, last=last, evidence=60.0, peaks=9, survived=9, survival=0.9
        )

    best = heard(1000.0, (100.0, 500.0))
    assert lag_between(best, heard(1240.0, (150.0, 700.0))) == pytest.approx(240.0)
    assert lag_between(best, None) is None
