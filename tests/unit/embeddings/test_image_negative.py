"""A negative is found as what it is; a small part of an upload accuses nobody."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from support.sample_pictures import as_picture, photograph, re_encoded

from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.match import ImageMatch
from embeddings.image.phash import hamming
from embeddings.image.raster import encode_proxy
from embeddings.image.views import hash_views

ANALYZER = ImageAnalyzer.load(copy=False)


def compared(query: Image.Image, reference: Image.Image) -> ImageMatch:
    return ANALYZER.verify_proxies(
        encode_proxy(as_picture(query)), encode_proxy(as_picture(reference))
    )


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coffee.png"])
def test_a_negative_is_proven_and_nominated(name: str) -> None:
    one = photograph(name)
    for posted in (ImageOps.invert(one), re_encoded(ImageOps.mirror(ImageOps.invert(one)))):
        match = compared(posted, one)
        assert match.verified and match.query_coverage > 0.8
        assert "as its negative" in match.reason
        earlier = hash_views(np.asarray(one), {})[0].phash
        views = hash_views(np.asarray(posted), {})
        assert min(hamming(view.phash, earlier) for view in views) <= 31


def test_the_negative_of_another_picture_proves_nothing() -> None:
    assert not compared(
        ImageOps.invert(photograph("coffee.png")), photograph("chelsea.png")
    ).verified


def test_what_is_a_twentieth_of_the_upload_is_too_little() -> None:
    scene, small = photograph("brick.png").resize((900, 900)), photograph("chelsea.png")
    match_by_side = {}
    for side in (195, 420):
        upload = scene.copy()
        upload.paste(ImageOps.fit(small, (side, side)), (100, 100))
        match_by_side[side] = compared(upload, ImageOps.fit(small, (450, 450)))
    assert match_by_side[420].verified
    assert not match_by_side[195].verified
    assert match_by_side[195].reason.startswith("Too little to go by")
