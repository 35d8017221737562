"""Plain copies are found and different pictures stay silent, on real photographs."""

import itertools
import json

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from support.sample_pictures import PHOTOGRAPHS, PLAIN_EDITS, as_picture, photograph, re_encoded

from embeddings.errors import BadProxy
from embeddings.image.analyzer import ImageAnalyzer, ImageFingerprint
from embeddings.image.phash import hamming

Colour = tuple[int, int, int]
COPIED = (*PHOTOGRAPHS[:8], "china.jpg", "flower.jpg")


@pytest.fixture(scope="module")
def analyzer() -> ImageAnalyzer:
    return ImageAnalyzer.load(clip=None)


@pytest.fixture(scope="module")
def originals(analyzer: ImageAnalyzer) -> dict[str, ImageFingerprint]:
    names = (*PHOTOGRAPHS, "china.jpg", "flower.jpg", "motorcycle_right.png")
    return {name: analyzer.fingerprint(as_picture(photograph(name))) for name in names}


@pytest.mark.parametrize("edit", PLAIN_EDITS)
def test_plain_copies_are_proven(
    analyzer: ImageAnalyzer, originals: dict[str, ImageFingerprint], edit: str
) -> None:
    for name in COPIED:
        copy = analyzer.fingerprint(as_picture(PLAIN_EDITS[edit](photograph(name))))
        match = analyzer.verify(copy, originals[name].proxy)
        assert match.verified and match.similarity >= 0.95, (name, match)
        if edit != "cropped":
            assert match.similarity >= 0.99, (name, match)


def test_different_pictures_stay_silent(
    analyzer: ImageAnalyzer, originals: dict[str, ImageFingerprint]
) -> None:
    for (_, a), (_, b) in itertools.combinations(originals.items(), 2):
        match = analyzer.verify(a, b.proxy)
        assert not match.verified and match.similarity < 0.70, match


def test_two_photographs_of_one_scene_are_not_a_copy(
    analyzer: ImageAnalyzer, originals: dict[str, ImageFingerprint]
) -> None:
    match = analyzer.verify(
        originals["motorcycle_left.png"], originals["motorcycle_right.png"].proxy
    )
    assert match.inliers > 50, "the stereo pair should align well: that is what makes it hard"
    assert not match.verified


def test_a_mirrored_copy_is_found_and_said_to_be_mirrored(
    analyzer: ImageAnalyzer, originals: dict[str, ImageFingerprint]
) -> None:
    mirrored = photograph("coffee.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    match = analyzer.verify(
        analyzer.fingerprint(as_picture(mirrored)), originals["coffee.png"].proxy
    )
    assert match.verified and match.mirrored and match.similarity > 0.99


def test_similarity_falls_with_the_share_that_is_used(
    analyzer: ImageAnalyzer, originals: dict[str, ImageFingerprint]
) -> None:
    original, other = photograph("astronaut.png"), photograph("gravel.png")
    similarities = []
    for covered in (0.0, 0.15, 0.3, 0.5):
        image = original.copy()
        image.paste(other.crop((0, 0, image.width, round(image.height * covered))), (0, 0))
        match = analyzer.verify(
            analyzer.fingerprint(as_picture(image)), originals["astronaut.png"].proxy
        )
        assert match.verified, (covered, match)
        similarities.append(match.similarity)
    assert similarities == sorted(similarities, reverse=True)
    assert similarities[0] > 0.998 and similarities[3] < 0.98


def test_the_matched_regions_say_where(
    analyzer: ImageAnalyzer, originals: dict[str, ImageFingerprint]
) -> None:
    ground = photograph("gravel.png").resize((900, 900))
    # the upper right quarter
    ground.paste(photograph("astronaut.png").resize((450, 450)), (450, 0))
    match = analyzer.verify(
        analyzer.fingerprint(as_picture(ground)), originals["astronaut.png"].proxy
    )
    assert match.verified
    x, y = np.array(match.query_region).T
    assert x.min() == pytest.approx(0.5, abs=0.03) and x.max() == pytest.approx(1.0, abs=0.03)
    assert y.min() == pytest.approx(0.0, abs=0.03) and y.max() == pytest.approx(0.5, abs=0.03)
    assert match.reference_coverage > 0.9 and 0.15 < match.query_coverage < 0.35


def test_a_verdict_repeats_and_is_plain_json(
    analyzer: ImageAnalyzer, originals: dict[str, ImageFingerprint]
) -> None:
    copy = analyzer.fingerprint(as_picture(re_encoded(photograph("chelsea.png"))))
    again = ImageAnalyzer.load(clip=None)
    first = analyzer.verify(copy, originals["chelsea.png"].proxy).as_json()
    assert json.loads(json.dumps(first)) == json.loads(
        json.dumps(again.verify(copy, originals["chelsea.png"].proxy).as_json())
    )
    assert analyzer.model_digest == again.model_digest and len(again.model_digest) == 32


def test_fingerprints_are_small_and_searchable(
    originals: dict[str, ImageFingerprint], analyzer: ImageAnalyzer
) -> None:
    mirrored = photograph("coffee.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    views = analyzer.fingerprint(as_picture(mirrored)).query_views
    stored = originals["coffee.png"]
    assert views[0].name == "whole" and len({view.name for view in views}) == len(views)
    assert min(hamming(view.phash, stored.phash) for view in views) <= 31
    assert hamming(views[0].phash, stored.phash) > 60
    assert all(len(fingerprint.proxy) < 100_000 for fingerprint in originals.values())


def text_card(ground: Colour = (250, 250, 248), ink: Colour = (20, 20, 20)) -> Image.Image:
    image = Image.new("RGB", (800, 600), ground)
    draw = ImageDraw.Draw(image)
    for line in range(9):
        draw.text(
            (60, 40 + 58 * line), "to be or not to be, that is the question", fill=ink, font_size=36
        )
    return image


def ring() -> Image.Image:
    image = Image.new("RGB", (512, 512), (128, 128, 128))
    ImageDraw.Draw(image).ellipse((140, 140, 370, 370), outline=(255, 255, 255), width=14)
    return image


def horizon(sky: int, ground: int) -> Image.Image:
    rows = np.concatenate([np.linspace(sky - 60, sky, 200), np.linspace(ground, ground + 70, 200)])
    return Image.fromarray(np.tile(rows[:, None], (1, 500)).astype(np.uint8)).convert("RGB")


def test_two_horizons_are_not_a_copy_even_with_a_sticker_on_one(analyzer: ImageAnalyzer) -> None:
    reference = analyzer.fingerprint(as_picture(horizon(200, 60)))
    stickered = horizon(230, 40)
    stickered.paste(photograph("coffee.png").resize((110, 90)), (50, 40))
    for image in (horizon(230, 40), stickered):
        assert not analyzer.verify(
            analyzer.fingerprint(as_picture(image)), reference.proxy
        ).verified


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image.new("RGB", (400, 300), (120, 130, 140)), "flat"),
        (Image.linear_gradient("L").resize((400, 300)), "blank"),
        (photograph("coffee.png").resize((80, 50)), "80x50"),
        (text_card(), "text"),
        (text_card((230, 170, 60), (150, 150, 60)), "text"),
        (horizon(200, 60), "edges"),
        (ring(), "shapes"),
        (re_encoded(text_card(), 60), "text"),
    ],
)
def test_too_plain_to_decide(analyzer: ImageAnalyzer, image: Image.Image, words: str) -> None:
    reason = analyzer.fingerprint(as_picture(image)).insufficient_detail
    assert reason is not None and words in reason


def stars(count: int = 300) -> Image.Image:
    """A photograph of the night sky: dots on black, with the sensor's noise."""
    rng = np.random.default_rng(3)
    sky = rng.normal(8, 2, (480, 640)).astype(np.float32)
    at = rng.integers(4, 470, count), rng.integers(4, 630, count)
    sky[at] += 4 * rng.exponential(90, count).astype(np.float32)
    soft = cv2.GaussianBlur(sky, (0, 0), 1.2)
    return Image.fromarray(np.clip(soft, 0, 255).astype(np.uint8)).convert("RGB")


def cells() -> Image.Image:
    """Nuclei under a microscope: soft discs of two sizes on black."""
    rng, image = np.random.default_rng(4), Image.new("RGB", (640, 480), (5, 5, 20))
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, r = rng.uniform(0, 640), rng.uniform(0, 480), rng.uniform(6, 16)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(40, 60, int(rng.integers(120, 255))))
    return image.filter(ImageFilter.GaussianBlur(2))


def playing_card() -> Image.Image:
    """A seven: two signs of its value, and seven equal pips."""
    image = Image.new("RGB", (400, 560), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    for x, y in (
        (130, 130),
        (270, 130),
        (200, 205),
        (130, 280),
        (270, 280),
        (130, 430),
        (270, 430),
    ):
        draw.regular_polygon((x, y, 36), 4, fill=(200, 20, 40))
    for x, y in ((30, 20), (340, 490)):
        draw.text((x, y), "7", fill=(200, 20, 40), font_size=50)
    draw.rounded_rectangle((4, 4, 396, 556), 20, outline=(90, 90, 90), width=3)
    return image


@pytest.mark.parametrize("image", [stars(), cells(), playing_card()])
def test_what_is_sparse_is_judged_where_a_copy_of_it_could_be_proven(
    analyzer: ImageAnalyzer, image: Image.Image
) -> None:
    original = analyzer.fingerprint(as_picture(image))
    copy = analyzer.fingerprint(as_picture(re_encoded(image, 60)))
    assert original.insufficient_detail is None and copy.insufficient_detail is None
    assert analyzer.verify(copy, original.proxy).verified


def test_photographs_are_not_too_plain(originals: dict[str, ImageFingerprint]) -> None:
    assert {
        name: f.insufficient_detail for name, f in originals.items() if f.insufficient_detail
    } == {}


@pytest.mark.parametrize(
    "proxy", [b"", b"nonsense", b"OPXI\x01" + bytes(40), b"OPXI\xc8" + bytes(40)]
)
def test_an_unreadable_proxy_is_named(
    analyzer: ImageAnalyzer, originals: dict[str, ImageFingerprint], proxy: bytes
) -> None:
    with pytest.raises(BadProxy) as caught:
        analyzer.verify(originals["coffee.png"], proxy)
    assert caught.value.code == "proxy_unreadable"
