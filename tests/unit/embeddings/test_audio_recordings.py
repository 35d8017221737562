"""One recording or one score: two renderings are no copy; a copy is one at any speed."""

from collections.abc import Callable

import numpy as np
import pytest
import soxr
from support import sounds
from support.scores import Player, performed, score

from embeddings.audio.analyzer import AudioAnalyzer, AudioMatch
from embeddings.audio.decode import SAMPLE_RATE_HZ
from embeddings.audio.recording import FEATURES, load_table, parse_table
from embeddings.audio.score import judge
from embeddings.audio.variants import VARIANTS

Samples = sounds.Samples
Match = Callable[[Samples, Samples], AudioMatch]
HUMAN = Player(seed=1, bpm=110.0, uneven_s=0.02, rubato=0.02, touch=0.1)


@pytest.fixture(scope="module")
def match() -> Match:
    analyzer = AudioAnalyzer.load()
    stored: dict[bytes, bytes] = {}

    def at_rate(samples: Samples) -> Samples:
        return soxr.resample(samples, sounds.RATE_HZ, SAMPLE_RATE_HZ).astype(np.float32)

    def compare(reference: Samples, query: Samples) -> AudioMatch:
        key = reference.tobytes()
        if key not in stored:
            made = analyzer.fingerprint_blocks([at_rate(reference)], search=False)
            stored[key] = made.reference
        return analyzer.match(analyzer.fingerprint_blocks([at_rate(query)]), stored[key])

    return compare


@pytest.fixture(scope="module")
def song() -> Samples:
    return sounds.tune(41, 50.0)


PERFORMANCES: dict[str, tuple[Player, int]] = {
    "another player": (Player(seed=2, bpm=108.0, uneven_s=0.02, rubato=0.05, touch=0.1), 1),
    "the same player on another day": (Player(seed=3, bpm=110.0, uneven_s=0.015, touch=0.1), 1),
    "strict time": (Player(bpm=110.0), 1),
    "another instrument": (Player(seed=4, bpm=110.0, uneven_s=0.02), 2),
    "another instrument in strict time": (Player(bpm=110.0), 3),
    "another tempo and instrument": (Player(bpm=104.0), 4),
}


@pytest.mark.parametrize("kind", PERFORMANCES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_performances_are_not_one_recording(match: Match, seed: int, kind: str) -> None:
    notes = score(seed)
    player, instrument = PERFORMANCES[kind]
    found = match(performed(notes, HUMAN), performed(notes, player, instrument))
    assert found.similarity < 0.95, found.reason
    if found.verified and "repeating" not in found.reason and "little sound" not in found.reason:
        assert "same composition, not the same recording" in found.reason.lower()
        assert found.partial and found.similarity == 0.6


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_score_by_two_instruments_in_one_time_is_two_recordings(
    match: Match, seed: int
) -> None:
    notes, strict = score(seed), Player(bpm=110.0)
    found = match(performed(notes, strict, 5), performed(notes, strict, 6))
    assert found.similarity < 0.95, found.reason


COPIES: dict[str, Callable[[Samples], Samples]] = {
    "as it is": lambda x: x,
    "in noise": lambda x: sounds.mixed(x, sounds.noise(3, 20.0), 0.0),
    "under another song": lambda x: sounds.mixed(x, sounds.tune(9, 20.0), 0.0),
    "clipped": lambda x: np.clip(x * 4, -0.5, 0.5),
    "a little faster": lambda x: sounds.faster(x, 1.04),
    "another tempo": lambda x: sounds.stretched(x, 1.08),
}


@pytest.mark.parametrize("edit", COPIES)
def test_a_copy_of_a_performance_is_one_recording(match: Match, edit: str) -> None:
    recording = performed(score(4), HUMAN)
    found = match(recording, COPIES[edit](sounds.part(recording, 3.0, 18.0)))
    assert found.similarity >= 0.95, (found.reason, found.scores)


def backwards(samples: Samples) -> Samples:
    return samples[::-1].copy()


SPEEDS: dict[str, tuple[Callable[[Samples], Samples], float, float]] = {
    "30 % slower": (lambda x: sounds.faster(x, 0.7), 0.7, -6.2),
    "slowed by 20 %": (lambda x: sounds.faster(x, 0.8), 0.8, -3.9),
    "nightcore": (lambda x: sounds.faster(x, 1.25), 1.25, 3.9),
    "44.1 kHz marked 48 kHz": (lambda x: sounds.faster(x, 48 / 44.1), 48 / 44.1, 1.5),
    "half as fast again": (lambda x: sounds.faster(x, 1.5), 1.5, 7.0),
    "60 % faster": (lambda x: sounds.faster(x, 1.6), 1.6, 8.1),
    "twice as fast": (lambda x: sounds.faster(x, 2.0), 2.0, 12.0),
    "tempo + 20 %": (lambda x: sounds.stretched(x, 1.2), 1.2, 0.0),
    "tempo - 15 %": (lambda x: sounds.stretched(x, 0.85), 0.85, 0.0),
    "three semitones higher": (
        lambda x: sounds.faster(sounds.stretched(x, 2 ** (-3 / 12)), 2 ** (3 / 12)),
        1.0,
        3.0,
    ),
    "backwards": (backwards, -1.0, 0.0),
}


@pytest.mark.parametrize("edit", SPEEDS)
def test_a_copy_is_found_at_any_speed_pitch_and_direction(
    match: Match, song: Samples, edit: str
) -> None:
    change, speed, pitch = SPEEDS[edit]
    found = match(song, change(sounds.part(song, 10.0, 30.0)))
    assert found.similarity >= 0.95, (found.reason, found.scores)
    segment = found.segments[0]
    assert segment.speed == pytest.approx(speed, rel=0.02)
    assert segment.pitch_semitones == pytest.approx(pitch, abs=0.4)
    assert (segment.reference_start_s, segment.reference_end_s) == pytest.approx(
        (10.0, 40.0), abs=0.6
    )
    assert found.query_coverage > 0.9
    assert ("backwards" in found.reason) is (edit == "backwards")


def test_strangers_are_nothing_at_any_speed(match: Match, song: Samples) -> None:
    for seed in range(60, 66):
        found = match(song, sounds.faster(sounds.tune(seed, 20.0), 1.25))
        assert not found.verified and found.similarity <= 0.5


def test_the_variants_reach_as_far_as_stated() -> None:
    speeds = [v.rate for v in VARIANTS if v.shift and v.rate != 1.0]
    tempos = [v.rate for v in VARIANTS if not v.shift]
    pitches = [v.shift for v in VARIANTS if v.shift and v.rate == 1.0]
    assert min(speeds) < 0.7 and max(speeds) > 2.0
    assert min(tempos) == -1.0 and min(abs(rate) for rate in tempos) < 0.7 and max(tempos) > 2.0
    assert (min(pitches), max(pitches)) == (-12, 12)
    assert len(set(VARIANTS)) == len(VARIANTS)


def test_what_is_played_again_costs_nobody_anything() -> None:
    whole = [(0.0, 60.0)]
    judged = judge(
        whole, whole, query_s=60, reference_s=60, share=0.9, repeating=False, played_again=True
    )
    assert judged.partial and judged.similarity == 0.6


def test_a_table_of_other_features_is_refused() -> None:
    table = {name: getattr(load_table(), name) for name in ("version", "gamma", "bias", "same_at")}
    with pytest.raises(ValueError, match="other features"):
        parse_table({**table, "features": FEATURES[1:]})


WOWS = {"0.5 Hz": (0.5, 0.002), "0.2 Hz": (0.2, 0.005), "0.1 Hz": (0.1, 0.02)}


@pytest.mark.parametrize("seed", [4, 5])
@pytest.mark.parametrize("kind", WOWS)
def test_a_recording_from_a_tape_that_runs_unevenly_is_one(
    match: Match, kind: str, seed: int
) -> None:
    hz, most_s = WOWS[kind]
    recording = performed(score(seed), HUMAN)
    copy = sounds.part(recording, 2.0, 20.0)
    at = np.arange(len(copy)) / sounds.RATE_HZ
    uneven = np.interp(at + most_s * np.sin(2 * np.pi * hz * at), at, copy).astype(np.float32)
    found = match(recording, uneven)
    assert found.similarity >= 0.95, (found.reason, found.scores)
