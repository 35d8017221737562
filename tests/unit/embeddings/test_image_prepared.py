"""What is kept of a picture's features gives the same verdicts as finding them again."""

import numpy as np
import pytest
from support.sample_pictures import PLAIN_EDITS, as_picture, photograph

from embeddings.errors import BadProxy
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.prepared import Prepared, is_current, prepare, prepare_proxy, unpack
from embeddings.image.raster import encode_proxy

MAX_BYTES = 64 * 1024


def proxy_of(name: str) -> bytes:
    return encode_proxy(as_picture(photograph(name)))


def assert_equal(a: Prepared, b: Prepared) -> None:
    for name in ("points", "sizes", "angles", "codes", "descriptors"):
        left, right = getattr(a.features, name), getattr(b.features, name)
        assert left.dtype == right.dtype and np.array_equal(left, right), name
    assert a.size == b.size
    assert np.array_equal(a.thumbnail, b.thumbnail)
    assert np.array_equal(a.grey, b.grey)


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "china.jpg"])
def test_kept_features_are_equal_to_the_bit(name: str) -> None:
    proxy = proxy_of(name)
    computed = prepare_proxy(proxy)
    packed = computed.pack()
    assert len(packed) <= MAX_BYTES
    kept = unpack(packed, proxy)
    assert_equal(kept, computed)
    assert_equal(kept.mirrored, computed.mirrored)
    assert kept.pack() == packed


def test_a_blank_picture_has_no_features_and_is_kept() -> None:
    blank = prepare(np.full((90, 120, 3), 200, np.uint8))
    assert not len(blank.features.points)
    assert unpack(blank.pack(), b"").size == (120, 90)


def test_a_verdict_by_kept_features_is_the_verdict_by_the_proxy() -> None:
    analyzer, other = ImageAnalyzer.load(copy=False), ImageAnalyzer.load(copy=False)
    query = encode_proxy(as_picture(PLAIN_EDITS["cropped"](photograph("chelsea.png"))))
    for name in ("chelsea.png", "coffee.png"):
        proxy = proxy_of(name)
        kept = analyzer.features_of(proxy)
        assert other.verify_proxies(query, proxy, kept) == analyzer.verify_proxies(query, proxy)
    assert other.verify_proxies(query, proxy_of("chelsea.png")).verified


def test_features_of_another_version_are_computed_again() -> None:
    proxy = proxy_of("chelsea.png")
    computed = ImageAnalyzer.load(copy=False).features_of(proxy)
    stale = bytearray(computed)
    stale[stale.index(b"OPXF") + 4] += 1
    assert is_current(computed) and not is_current(bytes(stale))
    analyzer = ImageAnalyzer.load(copy=False)
    assert analyzer.verify_proxies(proxy, proxy, bytes(stale)).verified
    assert analyzer.features_of(proxy) == computed


@pytest.mark.parametrize("damage", [slice(0, 2400), slice(0, -9), slice(0, 0)])
def test_damaged_features_are_refused(damage: slice) -> None:
    packed = prepare_proxy(proxy_of("coffee.png")).pack()
    with pytest.raises(BadProxy):
        unpack(packed[damage], b"")
