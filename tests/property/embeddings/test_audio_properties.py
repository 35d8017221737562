"""Sound: what must hold for any blocks, any peaks, any evidence."""

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import sounds

from embeddings.audio import constellation
from embeddings.audio.align import Line, find_segments
from embeddings.audio.calibration import load_calibration
from embeddings.audio.decode import SAMPLE_RATE_HZ
from embeddings.audio.fingerprint import CHUNK_FRAMES, fingerprint_samples
from embeddings.audio.landmarks import MAX_DF, MAX_DT, MIN_DT, SPARSE_PAIRS, pair_peaks
from embeddings.audio.peaks import FINE, FinePeaks, no_peaks
from embeddings.audio.reference import ReferenceSound
from embeddings.audio.spectrum import BINS, FRAME_S
from embeddings.audio.survivors import survivors_of

LONG = np.interp(
    np.arange(0, 70 * sounds.RATE_HZ, 2.0),
    np.arange(70 * sounds.RATE_HZ),
    np.resize(sounds.tune(5, 30.0), 70 * sounds.RATE_HZ),
).astype(np.float32)  # more than one chunk
WHOLE = fingerprint_samples([LONG])


@st.composite
def constellations(draw: st.DrawFn, most: int = 120) -> FinePeaks:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    count = draw(st.integers(0, most))
    frames = np.sort(rng.integers(0, draw(st.integers(1, 600)), count)).astype(np.int32)
    return FinePeaks(
        frames,
        rng.integers(0, BINS, count).astype(np.int16),
        rng.integers(0, 256, count).astype(np.uint8),
        rng.integers(-FINE // 2, FINE // 2 + 1, count).astype(np.int8),
        rng.integers(-FINE // 2, FINE // 2 + 1, count).astype(np.int8),
        rng.integers(0, 256, count).astype(np.uint8),
    )


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, len(LONG)), max_size=12))
def test_the_fingerprint_does_not_depend_on_how_samples_arrive(cuts: list[int]) -> None:
    assert LONG.size / SAMPLE_RATE_HZ > CHUNK_FRAMES * FRAME_S
    made = fingerprint_samples(np.split(LONG, sorted(cuts)))
    assert made.reference == WHOLE.reference
    assert np.array_equal(made.hashes, WHOLE.hashes) and np.array_equal(made.frames, WHOLE.frames)
    assert np.array_equal(made.keys.hashes, WHOLE.keys.hashes)


@settings(deadline=None)
@given(constellations(), st.integers(0, 1 << 24))
def test_a_constellation_survives_storage(peaks: FinePeaks, frames: int) -> None:
    again, length = constellation.decode(constellation.encode(peaks, frames))
    assert length == frames
    for column in fields(FinePeaks):
        assert np.array_equal(getattr(again, column.name), getattr(peaks, column.name))


@settings(deadline=None)
@given(constellations())
def test_landmarks_stay_within_their_bits_and_bounds(peaks: FinePeaks) -> None:
    made = pair_peaks(peaks, SPARSE_PAIRS)
    hashes = made.hashes()
    assert np.array_equal(hashes & 63, made.dt) and np.array_equal(
        (hashes >> 6 & 127) - MAX_DF, made.df
    )
    assert np.array_equal(hashes >> 13, made.bin)
    assert ((made.dt >= MIN_DT) & (made.dt <= MAX_DT)).all() and (np.abs(made.df) <= MAX_DF).all()
    assert (np.diff(made.frame) >= 0).all()
    present = set(zip(peaks.frame.tolist(), peaks.bin.tolist(), strict=True))
    for frame, bin_, df, dt in zip(
        made.frame.tolist(), made.bin.tolist(), made.df.tolist(), made.dt.tolist(), strict=True
    ):
        assert (frame, bin_) in present and (frame + dt, bin_ + df) in present


@settings(deadline=None)
@given(constellations(60), constellations(60))
def test_survivors_agree_with_a_search_by_hand(whole: FinePeaks, half: FinePeaks) -> None:
    frames = int(max(whole.frame.max(initial=0), half.frame.max(initial=0))) + 1
    ground = survivors_of((whole, half), frames)
    at = {
        (2 * f + n, b)
        for n, p in enumerate((whole, half))
        for f, b in zip(p.frame.tolist(), p.bin.tolist(), strict=True)
    }
    rng = np.random.default_rng(1)
    rows = rng.integers(-3, ground.rows + 3, 300)
    bins = rng.integers(-3, BINS + 3, 300)
    rows[:50], bins[:50] = 0, rng.integers(0, BINS, 50)
    for row, bin_, hit in zip(
        rows.tolist(), bins.tolist(), ground.hits(rows, bins).tolist(), strict=True
    ):
        inside = 0 <= bin_ < BINS
        near = any((row, bin_ + d) in at for d in (-1, 0, 1)) if inside else False
        assert hit == (2 if inside and (row, bin_) in at else int(near))


@settings(deadline=None)
@given(constellations(200), st.floats(0.9, 1.1), st.floats(-40, 40))
def test_a_sound_fits_itself_best_where_it_is(peaks: FinePeaks, rate: float, start: float) -> None:
    reference = ReferenceSound(peaks, 700, np.empty(0, np.int32), np.empty(0, np.int32))
    ground = survivors_of((peaks, no_peaks()), 700)
    own = find_segments(Line(1.0, 0.0, 0.0), reference, ground, 16.0)
    elsewhere = find_segments(Line(rate, start, 0.0), reference, ground, 16.0)
    if own and elsewhere:
        assert elsewhere[0].evidence <= own[0].evidence + 1e-6
        assert own[0].survived == own[0].peaks
    spans = sorted((s.first, s.last) for s in elsewhere)
    assert all(b[0] >= a[1] - 1e-9 for a, b in pairwise(spans))


@settings(deadline=None)
@given(st.floats(0, 500), st.floats(0, 500))
def test_more_evidence_is_never_less_certain(one: float, other: float) -> None:
    table = load_calibration()
    low, high = sorted((one, other))
    assert table.p_false(high) <= table.p_false(low)
    assert (table.p_false(high) <= table.proven_p) == (
        high >= table.proven_at
    ) or high == pytest.approx(table.proven_at)
