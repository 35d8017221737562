"""What must hold for every table, score and picture."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from embeddings.errors import EmbeddingError
from embeddings.image.calibration import load_calibration, lower_bound, parse_calibration
from embeddings.image.decode import decode_image
from embeddings.image.phash import hamming
from embeddings.image.raster import PROXY_SIDE_PX, decode_proxy, encode_proxy
from embeddings.sniff import sniff

TABLE = load_calibration()
SHARES = st.floats(0.0, 1.0)


@given(evidence=st.floats(-60, 60), more=st.floats(0, 30), strength=SHARES, stronger=SHARES)
def test_similarity_never_falls_with_more_evidence_or_strength(
    evidence: float, more: float, strength: float, stronger: float
) -> None:
    low = TABLE.similarity(evidence, min(strength, stronger))
    assert 0.0 <= low <= TABLE.similarity(evidence + more, max(strength, stronger)) <= 1.0


@given(evidence=st.floats(-60, 60), strength=SHARES)
def test_proven_is_exactly_at_or_above_095(evidence: float, strength: float) -> None:
    assert (TABLE.similarity(evidence, strength) >= 0.95) == (evidence >= TABLE.proven_at)


@given(
    scores=st.fixed_dictionaries(dict.fromkeys(TABLE.weights, SHARES)),
    name=st.sampled_from(sorted(TABLE.weights)),
    more=SHARES,
)
def test_no_score_speaks_against_a_copy_by_rising(
    scores: dict[str, float], name: str, more: float
) -> None:
    assert TABLE.evidence({**scores, name: scores[name] + more}) >= TABLE.evidence(scores)


@given(successes=st.integers(0, 300), failures=st.integers(0, 300))
def test_the_lower_bound_is_below_the_share_and_tightens(successes: int, failures: int) -> None:
    trials = successes + failures
    bound = lower_bound(successes, trials)
    assert 0.0 <= bound <= (successes / trials if trials else 0.0) + 1e-12
    assert bound <= lower_bound(10 * successes, 10 * trials) + 1e-12


@pytest.mark.parametrize(
    "change",
    [
        {"weights": {"region": -1.0}},
        {"knots": [[0, 0.5], [0, 0.6]]},
        {"knots": [[0, 0.5], [1, 0.4]]},
        {"knots": [[0, 0.1], [1, 0.96]]},
    ],
)
def test_tables_that_are_not_monotone_are_refused(change: dict[str, object]) -> None:
    sound = {
        "version": "t",
        "bias": 0.0,
        "weights": {"region": 1.0},
        "proven_at": 2.0,
        "knots": [[0, 0.1], [1, 0.9]],
    }
    assert parse_calibration(sound).version == "t"
    with pytest.raises(ValueError):
        parse_calibration({**sound, **change})


@given(a=st.binary(min_size=32, max_size=32), b=st.binary(min_size=32, max_size=32))
def test_hamming_is_a_distance(a: bytes, b: bytes) -> None:
    assert (
        hamming(a, b)
        == hamming(b, a)
        == sum((x ^ y).bit_count() for x, y in zip(a, b, strict=True))
    )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    content=st.binary(max_size=300),
    head=st.sampled_from(
        [
            b"",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0",
            b"GIF89a",
            b"RIFF\x10\x00\x00\x00WEBP",
            b"II*\x00",
            b"BM",
        ]
    ),
)
def test_any_bytes_decode_or_raise_our_own_error(
    tmp_path: Path, content: bytes, head: bytes
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(head + content)
    for step in (sniff, decode_image):
        try:
            step(path)
        except EmbeddingError as error:
            assert error.code and str(error)


@cache
def noise_in(format_name: str) -> bytes:
    """A small noisy picture, two frames of it where the format plays."""
    if format_name == "HEIF":
        return (Path(__file__).parents[2] / "golden" / "coffee.heic").read_bytes()
    buffer = io.BytesIO()
    first, second = (Image.effect_noise((64, 48), sigma) for sigma in (60, 90))
    if format_name in ("GIF", "WEBP", "PNG", "AVIF", "TIFF"):
        first.save(buffer, format_name, save_all=True, append_images=[second])
    else:
        first.save(buffer, format_name)
    return buffer.getvalue()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    format_name=st.sampled_from(
        ["JPEG", "JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "JXL", "HEIF"]
    ),
    cut=st.integers(1, 2000),
    flips=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 255)), max_size=6),
)
def test_a_damaged_picture_decodes_or_raises_our_own_error(
    tmp_path: Path, format_name: str, cut: int, flips: list[tuple[int, int]]
) -> None:
    raw = bytearray(noise_in(format_name))
    for at, value in flips:
        raw[at % len(raw)] ^= value
    path = tmp_path / "upload.jpg"
    path.write_bytes(bytes(raw[: max(1, len(raw) - cut)]))
    try:
        decode_image(path)
    except EmbeddingError as error:
        assert error.code and str(error)


@settings(max_examples=25, deadline=None)
@given(width=st.integers(1, 900), height=st.integers(1, 900), seed=st.integers(0, 99))
def test_proxies_of_any_shape_come_back(width: int, height: int, seed: int) -> None:
    from embeddings.image.decode import Picture

    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    proxy = encode_proxy(
        Picture(
            pixels=pixels,
            width=width,
            height=height,
            format="PNG",
            mime="image/png",
            mode="RGB",
            notes=(),
        )
    )
    back = decode_proxy(proxy)
    assert max(back.shape[:2]) == min(PROXY_SIDE_PX, max(width, height))


def test_the_shipped_table_says_what_a_proof_means() -> None:
    assert TABLE.different_pairs >= 100_000
    assert f"{TABLE.different_pairs:,}" in TABLE.statement and "95 %" in TABLE.statement
