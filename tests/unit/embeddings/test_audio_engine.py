"""The engine on real (made) music: what is a copy, how it is placed, and what is not one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr
from support import golden, sounds

from embeddings.audio import constellation
from embeddings.audio.analyzer import AudioAnalyzer, AudioFingerprint, AudioMatch
from embeddings.audio.decode import SAMPLE_RATE_HZ
from embeddings.audio.landmarks import MAX_DF, SPARSE_PAIRS, Pairing, pair_peaks, weight
from embeddings.audio.peaks import SPARSE, Peaks, find_peaks
from embeddings.audio.spectrum import BINS, frame_count, levels_of
from embeddings.errors import BadProxy

Prints = Callable[..., AudioFingerprint]


def at_rate(samples: sounds.Samples) -> sounds.Samples:
    return soxr.resample(samples, sounds.RATE_HZ, SAMPLE_RATE_HZ)


@pytest.fixture(scope="module")
def analyzer() -> AudioAnalyzer:
    return AudioAnalyzer.load()


@pytest.fixture(scope="module")
def song() -> sounds.Samples:
    return sounds.tune(1, 40.0)


@pytest.fixture(scope="module")
def other() -> sounds.Samples:
    return sounds.tune(2, 40.0)


@pytest.fixture(scope="module")
def reference(analyzer: AudioAnalyzer, song: sounds.Samples) -> bytes:
    return analyzer.fingerprint_blocks([at_rate(song)], search=False).reference


@pytest.fixture(scope="module")
def judge(analyzer: AudioAnalyzer, reference: bytes) -> Callable[[sounds.Samples], AudioMatch]:
    return lambda samples: analyzer.match(
        analyzer.fingerprint_blocks([at_rate(samples)]), reference
    )


def bin_frequency_hz(bin_: float) -> float:
    """The centre of a bin: 36 an octave, from 240 Hz on."""
    return float(240.0 * 2.0 ** (bin_ / 36))


def test_levels_are_librosa_s_spectrum(song: sounds.Samples) -> None:
    samples = at_rate(song)[: 3 * SAMPLE_RATE_HZ]
    levels = levels_of(samples)
    power, lines = golden.librosa()["power"], golden.librosa()["lines_hz"]
    assert levels.shape == (frame_count(len(samples)), BINS) == (power.shape[1], BINS)
    for bin_ in range(BINS):
        hz = bin_frequency_hz(bin_)
        width = max(hz * (bin_frequency_hz(1) / bin_frequency_hz(0) - 1), lines[1])
        if width == lines[1]:  # a triangle one line wide interpolates between two lines
            wanted = np.array([np.interp(hz, lines, column) for column in power.T])
            assert np.allclose(levels[:, bin_], 10 * np.log10(wanted + 1e-4), atol=0.02)
        near = power[np.abs(lines - hz) < width]
        low, high = near.min(axis=0) * 0.99, near.max(axis=0) * 1.01 + 1e-3
        assert (
            (10 ** (levels[:, bin_] / 10) >= low) & (10 ** (levels[:, bin_] / 10) <= high)
        ).all()


def test_a_tone_peaks_where_it_sounds() -> None:
    levels = levels_of(at_rate(sounds.tone(1000.0, 2.0)))
    assert bin_frequency_hz(int(np.bincount(levels.argmax(axis=1)).argmax())) == pytest.approx(
        1000.0, rel=0.012
    )


def test_density_is_as_stated(song: sounds.Samples, analyzer: AudioAnalyzer) -> None:
    made = analyzer.fingerprint_blocks([at_rate(song)])
    peaks, frames = constellation.decode(made.reference)
    assert 15 <= len(peaks) / made.duration_s <= 20.6
    assert 25 <= len(made.hashes) / made.duration_s <= 40.5
    assert frames == frame_count(int(40 * SAMPLE_RATE_HZ))
    assert len(made.reference) / made.duration_s < 100
    landmarks = pair_peaks(peaks, SPARSE_PAIRS)
    assert np.array_equal(landmarks.hashes(), made.hashes) and np.array_equal(
        landmarks.frame, made.frames
    )
    assert int(np.abs(landmarks.df).max()) <= MAX_DF


def test_a_louder_or_softer_recording_has_the_same_peaks(song: sounds.Samples) -> None:
    samples = at_rate(song)
    loud, soft = (
        find_peaks(levels_of(samples * g), SPARSE, upto=10**6)
        for g in (np.float32(1.0), np.float32(0.05))
    )
    at = [set((peaks.frame * np.int32(BINS) + peaks.bin).tolist()) for peaks in (loud, soft)]
    common = at[0] & at[1]
    assert len(common) > 0.97 * len(loud)


@pytest.mark.parametrize("start_s", [0.0, 7.37, 21.123])
def test_five_seconds_of_it_are_a_copy_in_their_place(
    song: sounds.Samples, judge: Callable[[sounds.Samples], AudioMatch], start_s: float
) -> None:
    match = judge(sounds.part(song, start_s, 5.0))
    assert (
        match.verified and not match.partial and match.similarity >= 0.95 and match.p_false < 1e-12
    )
    segment = match.segments[0]
    assert segment.reference_start_s - segment.query_start_s == pytest.approx(start_s, abs=0.05)
    assert (segment.query_start_s, segment.query_end_s) == pytest.approx((0.0, 5.0), abs=0.3)
    assert segment.speed == 1.0 and segment.pitch_semitones == 0.0
    assert (
        max(match.histogram.votes) == match.histogram.votes[32] or max(match.histogram.votes) > 50
    )
    assert 10 < len(match.aligned) <= 200
    assert all(r - q == pytest.approx(start_s, abs=0.3) for q, r in match.aligned)


EDITS: dict[str, tuple[Callable[[sounds.Samples], sounds.Samples], float, float]] = {
    "pink noise 0 dB": (lambda x: sounds.mixed(x, sounds.noise(3, 10.0), 0.0), 1.0, 0.0),
    "another song as loud": (lambda x: sounds.mixed(x, sounds.tune(9, 10.0), 0.0), 1.0, 0.0),
    "clipped": (lambda x: np.clip(x * 6, -0.5, 0.5), 1.0, 0.0),
    "5 % faster": (lambda x: sounds.faster(x, 1.05), 1.05, 0.84),
    "5 % slower": (lambda x: sounds.faster(x, 0.95), 0.95, -0.89),
    "tempo +10 %": (lambda _: golden.edited("tempo_110"), 1.1, 0.0),
    "a semitone higher": (lambda _: golden.edited("semitone_higher"), 1.0, 1.0),
}


@pytest.mark.parametrize("name", EDITS)
def test_edited_copies_are_found_and_described(
    song: sounds.Samples, judge: Callable[[sounds.Samples], AudioMatch], name: str
) -> None:
    edit, speed, pitch = EDITS[name]
    match = judge(edit(sounds.part(song, 12.0, 10.0)))
    assert match.verified and match.similarity >= 0.95, match.reason
    segment = match.segments[0]
    assert segment.reference_start_s == pytest.approx(
        12.0 + segment.query_start_s * speed, abs=0.15
    )
    assert segment.speed == pytest.approx(speed, abs=0.012)
    assert segment.pitch_semitones == pytest.approx(pitch, abs=0.35)


def test_other_music_is_nothing(judge: Callable[[sounds.Samples], AudioMatch]) -> None:
    for seed in range(20, 32):
        match = judge(sounds.tune(seed, 10.0))
        assert not match.verified and not match.segments and match.similarity <= 0.5
        assert match.p_false > 1e-6 and match.query_coverage == 0.0


def test_both_songs_of_a_mix_are_found(
    analyzer: AudioAnalyzer, song: sounds.Samples, other: sounds.Samples, reference: bytes
) -> None:
    mix = analyzer.fingerprint_blocks([at_rate(sounds.mixed(song, other, 0.0))])
    second = analyzer.fingerprint_blocks([at_rate(other)], search=False).reference
    assert all(analyzer.match(mix, one).similarity >= 0.95 for one in (reference, second))


def test_a_sample_in_a_longer_piece_is_a_partial_match(
    song: sounds.Samples, other: sounds.Samples, judge: Callable[[sounds.Samples], AudioMatch]
) -> None:
    quoting = np.concatenate(
        [other[: 15 * sounds.RATE_HZ], sounds.part(song, 10.0, 4.0), other[15 * sounds.RATE_HZ :]]
    )
    match = judge(quoting)
    assert match.verified and match.partial and 0.6 <= match.similarity < 0.95
    (segment,) = match.segments
    assert (segment.query_start_s, segment.query_end_s) == pytest.approx((15.0, 19.0), abs=0.4)
    assert segment.reference_start_s - segment.query_start_s == pytest.approx(-5.0, abs=0.05)
    assert match.query_coverage == pytest.approx(4 / 44, abs=0.02)


def test_a_loop_that_comes_back_counts_once(
    analyzer: AudioAnalyzer, song: sounds.Samples, judge: Callable[[sounds.Samples], AudioMatch]
) -> None:
    match = judge(np.tile(sounds.part(song, 10.0, 2.5), 12))
    assert match.verified and match.partial and match.query_coverage < 0.2
    assert len(match.segments) >= 6


def test_cut_and_pasted_parts_are_all_shown(
    song: sounds.Samples, judge: Callable[[sounds.Samples], AudioMatch]
) -> None:
    parts = [sounds.part(song, start, 6.0) for start in (30.0, 2.0, 17.0)]
    match = judge(np.concatenate(parts))
    assert match.similarity >= 0.95
    starts = {round(s.reference_start_s - s.query_start_s) for s in match.segments}
    assert {30, 2 - 6, 17 - 12} <= starts


def test_a_whole_work_inside_a_longer_one_is_a_copy(
    song: sounds.Samples, other: sounds.Samples, judge: Callable[[sounds.Samples], AudioMatch]
) -> None:
    match = judge(np.concatenate([other, other[::-1], song, other]))
    assert (
        match.similarity >= 0.95 and match.query_coverage < 0.5 and match.reference_coverage > 0.9
    )


def test_landmarks_that_all_music_has_must_be_stronger_to_be_asked_for() -> None:
    strength, df = (
        np.array([100, 100, 100, 9, 255], np.uint8),
        np.array([5, 0, -36, 0, 0], np.int32),
    )
    found = weight(strength, df)
    assert found[0] == 100 and found[2] == 81 and found[1] == 65, (
        "a pitch held is most common, then the octave"
    )
    assert found[3] == 0 and found[4] == 220
    peaks = Peaks(
        *(
            np.array(column, kind)
            for column, kind in (
                ([0, 0, 5, 5], np.int32),
                ([40, 80, 40, 87], np.int16),
                ([60, 50, 60, 55], np.uint8),
            )
        )
    )
    one = pair_peaks(peaks, Pairing(successors=60, fan_out=12, per_slot=1))
    other = pair_peaks(peaks, Pairing(successors=60, fan_out=12, per_slot=1, distinctive=True))
    assert (one.df.tolist(), other.df.tolist()) == ([0], [47])


def test_what_an_hour_has_in_common_with_itself_is_thinned_and_says_the_same(
    analyzer: AudioAnalyzer, song: sounds.Samples, reference: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = analyzer.fingerprint_blocks([at_rate(song)])
    whole = analyzer.match(query, reference)
    assert whole.scores["common_landmarks"] > 2000
    monkeypatch.setattr("embeddings.audio.reference.MAX_HITS", 1000)
    thinned = analyzer.match(query, reference)
    assert thinned.scores["common_landmarks"] == 1000 and thinned == analyzer.match(
        query, reference
    )
    assert thinned.similarity == pytest.approx(whole.similarity, abs=0.005)
    assert thinned.segments[0].reference_end_s == pytest.approx(
        whole.segments[0].reference_end_s, abs=0.1
    )


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (np.zeros(10 * sounds.RATE_HZ, np.float32), "silent"),
        (np.full(10 * sounds.RATE_HZ, 0.3, np.float32), "silent"),
        (sounds.tone(440.0, 10.0), "silent|few tones"),
        (sounds.beeps(880.0, 10.0), "few tones"),
        (sounds.tune(1, 0.5), "0.50 s long"),
        (np.ones(1, np.float32), "0.00 s long"),
    ],
)
def test_what_is_too_plain_says_why(
    analyzer: AudioAnalyzer, tmp_path: Path, samples: sounds.Samples, why: str
) -> None:
    made = analyzer.fingerprint(sounds.written(tmp_path, samples))
    assert made.insufficient_detail is not None
    assert any(part in made.insufficient_detail for part in why.split("|")), (
        made.insufficient_detail
    )


def test_a_match_is_plain_json(
    song: sounds.Samples, judge: Callable[[sounds.Samples], AudioMatch]
) -> None:
    import json

    document = judge(sounds.part(song, 3.0, 6.0)).as_json()
    assert json.loads(json.dumps(document)) == json.loads(json.dumps(document, sort_keys=True))
    assert len(json.dumps(document)) < 20_000
    assert document["segments"][0]["query_end_s"] > 5


def test_a_stored_constellation_that_is_damaged_is_refused(
    analyzer: AudioAnalyzer, song: sounds.Samples, reference: bytes
) -> None:
    query = analyzer.fingerprint_blocks([at_rate(sounds.part(song, 3.0, 6.0))])
    for damaged in (b"", b"PNG!" + reference[4:], reference[:50], reference[:4] + bytes(80)):
        with pytest.raises(BadProxy, match="re-index"):
            analyzer.match(query, damaged)


def test_what_is_only_to_be_found_cannot_be_looked_up(
    analyzer: AudioAnalyzer, song: sounds.Samples, reference: bytes
) -> None:
    stored = analyzer.fingerprint_blocks([at_rate(song)], search=False)
    assert len(stored.keys) == 0
    with pytest.raises(ValueError, match="search=True"):
        analyzer.match(stored, reference)
