"""What the rule from matched seconds to one similarity promises, whatever the seconds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddings.video.lines import best_run
from embeddings.video.nominate import Hit, nominate
from embeddings.video.score import COPY, PARTIAL_FROM, UNVERIFIED_TO, Extent, VideoPolicy, score

SECONDS = st.floats(0.0, 36_000.0, allow_nan=False)
SHARE = st.floats(0.0, 1.0, allow_nan=False)
POLICY = VideoPolicy()


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    query, reference = draw(st.floats(0.5, 36_000.0)), draw(st.floats(0.5, 36_000.0))
    matched = draw(SHARE)
    return Extent(matched * query, query, min(matched * query, reference), reference)


@given(extents(), SHARE, SHARE)
def test_a_copy_is_exactly_what_reaches_95_percent(
    extent: Extent, likeness: float, fidelity: float
) -> None:
    found = score(extent, verified=True, likeness=likeness, fidelity=fidelity, policy=POLICY)
    assert found.copy == (found.similarity >= COPY) and 0.0 <= found.similarity <= 1.0
    assert not (found.copy and found.partial)
    if extent.query_s > 0:
        assert found.similarity >= PARTIAL_FROM


@given(extents(), SHARE, SHARE)
def test_what_was_not_verified_never_costs_anything(
    extent: Extent, likeness: float, fidelity: float
) -> None:
    found = score(extent, verified=False, likeness=likeness, fidelity=fidelity, policy=POLICY)
    assert found.similarity <= UNVERIFIED_TO and not found.copy and not found.partial


@given(extents(), SHARE, st.floats(1.0, 3.0))
def test_more_matched_seconds_never_lower_the_similarity(
    extent: Extent, fidelity: float, more: float
) -> None:
    larger = Extent(
        min(extent.query_s * more, extent.query_content_s),
        extent.query_content_s,
        min(extent.reference_s * more, extent.reference_content_s),
        extent.reference_content_s,
    )
    small, large = (
        score(e, verified=True, likeness=1.0, fidelity=fidelity, policy=POLICY).similarity
        for e in (extent, larger)
    )
    assert large >= small - 1e-12


@pytest.mark.parametrize(
    ("extent", "copy"),
    [
        (Extent(5, 600, 5, 60), False),  # five seconds quoted in a review of ten minutes
        (Extent(60, 600, 60, 60), True),  # a whole clip in a longer film
        (Extent(60, 60, 60, 600), True),  # one scene of a film, and nothing else
        (Extent(30, 60, 30, 60), True),
        (Extent(29, 60, 29, 60), False),
        (Extent(2, 600, 2, 2), True),  # all of a clip that is shorter than the least seconds
        (Extent(2, 600, 2, 3.9), False),
        (Extent(60, 600, 0, 0), True),  # a registered picture that fills a tenth of the video
        (Extent(30, 600, 0, 0), False),
        (Extent(0, 60, 0, 60), False),
    ],
)
def test_the_documented_cases(extent: Extent, copy: bool) -> None:
    assert score(extent, verified=True, likeness=1.0, fidelity=1.0, policy=POLICY).copy is copy


def test_a_whole_copy_is_worth_more_than_half_of_one() -> None:
    whole = score(Extent(60, 60, 60, 60), verified=True, likeness=1.0, fidelity=1.0, policy=POLICY)
    half = score(Extent(60, 120, 60, 60), verified=True, likeness=1.0, fidelity=1.0, policy=POLICY)
    assert whole.similarity == 1.0 and half.similarity == pytest.approx(0.975)


@given(st.lists(st.floats(-3, 3, allow_nan=False), max_size=40))
def test_the_best_run_is_the_best_of_all_runs(gains: list[float]) -> None:
    start, end, total = best_run(np.array(gains))
    every = [sum(gains[a:b]) for a in range(len(gains)) for b in range(a + 1, len(gains) + 1)]
    assert total == pytest.approx(max([0.0, *every]))
    assert total == pytest.approx(sum(gains[start:end]))


HITS = st.lists(
    st.builds(
        Hit, st.integers(0, 20), st.sampled_from("abcdef"), st.just("phash"), st.floats(0, 256)
    ),
    max_size=40,
)


@given(HITS, st.randoms())
def test_the_order_of_hits_is_irrelevant(hits: list[Hit[str]], random: object) -> None:
    shuffled = list(hits)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert nominate(hits, 3) == nominate(shuffled, 3)


def test_a_long_vague_likeness_and_one_sure_frame_are_both_nominated() -> None:
    vague = [Hit(frame, "long", "model", 0.45) for frame in range(60)]
    sure = [Hit(7, "still", "phash", 2.0)]
    noise = [Hit(frame, f"noise{frame % 9}", "model", 0.66) for frame in range(60)]
    assert {nominee.work for nominee in nominate([*vague, *sure, *noise], 2)} == {"long", "still"}
