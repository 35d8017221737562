"""A template that two people filled in accuses nobody; a copy of what one of them made is found."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from support.sample_pictures import PHOTOGRAPHS, as_picture, photograph, re_encoded, recoloured
from support.templates import DESIGNS, filled_in

from embeddings.image.calibration import load_calibration
from embeddings.image.evidence import is_template
from embeddings.image.exchange import measure_exchange
from embeddings.image.match import ImageMatch
from embeddings.image.prepared import prepare
from embeddings.image.raster import decode_proxy, encode_proxy
from embeddings.image.verify import verify_pair
from embeddings.video.verify import as_of_films

PHOTOS = [photograph(name) for name in PHOTOGRAPHS]
TABLE = load_calibration()
Edit = Callable[[Image.Image], Image.Image]


def compared(query: Image.Image, reference: Image.Image) -> ImageMatch:
    first, second = (
        prepare(decode_proxy(encode_proxy(as_picture(image)))) for image in (query, reference)
    )
    return verify_pair(first, second, TABLE)


def shrunk(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.BICUBIC)


def trimmed(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((width // 20, height // 25, width - width // 30, height - height // 20))


def stickered(image: Image.Image) -> Image.Image:
    image, side = image.copy(), image.width // 7
    draw = ImageDraw.Draw(image)
    draw.ellipse((side, side, 2 * side, 2 * side), fill=(250, 210, 40), outline=(0, 0, 0), width=3)
    draw.arc((side * 1.2, side * 1.2, side * 1.8, side * 1.8), 10, 170, fill=(0, 0, 0), width=4)
    return image


def captioned(image: Image.Image) -> Image.Image:
    image, size = image.copy(), image.width // 16
    ImageDraw.Draw(image).text(
        (image.width // 3, image.height // 2),
        "look what I made",
        fill=(255, 255, 255),
        font_size=size,
        stroke_width=size // 12,
        stroke_fill=(0, 0, 0),
    )
    return image


def signed(image: Image.Image) -> Image.Image:
    image = image.copy()
    draw = ImageDraw.Draw(image)
    x, y = image.width * 0.8, image.height * 0.9
    draw.rectangle((x, y, x + image.width * 0.15, y + image.height * 0.06), fill=(20, 20, 20))
    draw.text((x + 6, y + 4), "@thief", fill=(240, 240, 240), font_size=image.width // 34)
    return image


EDITS: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (re_encoded, shrunk, trimmed, recoloured, stickered, captioned, signed)
} | {
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "soft": lambda image: image.filter(ImageFilter.GaussianBlur(image.width / 400)),
}


@pytest.mark.parametrize("kind", DESIGNS)
def test_two_uses_of_one_template_are_no_copy(kind: str) -> None:
    match = compared(filled_in(kind, 7, 1, PHOTOS), filled_in(kind, 7, 2, PHOTOS))
    assert match.exchanged or not match.verified, match


def marked(image: Image.Image, text: str, left: float) -> Image.Image:
    image = image.copy()
    at, size = (image.width * left, image.height * 0.88), image.width // 18
    ImageDraw.Draw(image).text(at, text, fill=(255, 255, 255), font_size=size)
    return image


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coins.png", "rocket.jpg"])
def test_a_photograph_under_another_watermark_or_subtitle_is_for_people(name: str) -> None:
    one = photograph(name)
    for first, second, left in (
        ("Alice Adams", "by bob_pics", 0.55),
        ("I was out in the garden", "where have you been all", 0.15),
    ):
        match = compared(marked(one, second, left), marked(one, first, left))
        assert match.verified and match.exchanged and match.similarity > 0.95, match.reason
        assert as_of_films(match).verified  # a film with other subtitles is a copy
        assert not compared(marked(one, second, left), one).exchanged


def test_a_card_with_other_words_and_another_disc_proves_no_film() -> None:
    match = compared(
        *(Image.fromarray(card("LANTERN", disc)) for disc in ((200, 60, 50), (50, 70, 190)))
    )
    assert match.exchanged and not as_of_films(match).verified, match


def test_a_template_that_is_mostly_filled_in_anew_is_not_proven() -> None:
    for kind in ("shirt", "art_frame", "starting_soon"):
        match = compared(filled_in(kind, 7, 1, PHOTOS), filled_in(kind, 7, 2, PHOTOS))
        assert not match.verified and match.similarity < 0.95, (kind, match)


@pytest.mark.parametrize("at", range(len(DESIGNS)))
def test_a_copy_of_a_filled_in_template_is_found(at: int) -> None:
    kind, edit = list(DESIGNS)[at], list(EDITS)[at % len(EDITS)]
    original = filled_in(kind, 8, 1, PHOTOS)
    match = compared(EDITS[edit](original), original)
    assert match.verified, (kind, edit, match)


def card(word: str, disc: tuple[int, int, int] = (200, 60, 50)) -> np.ndarray:  # type: ignore[type-arg]
    image = photograph("gravel.png").resize((480, 360))
    draw = ImageDraw.Draw(image)
    draw.rectangle((60, 40, 420, 320), fill=(245, 240, 230))
    draw.text((90, 70), word, fill=(30, 30, 40), font_size=44)
    draw.ellipse((180, 160, 300, 280), fill=disc)
    return np.asarray(image)


def shares(query: np.ndarray, reference: np.ndarray) -> tuple[bool, bool]:  # type: ignore[type-arg]
    found = measure_exchange(query, reference, np.eye(3))
    return found.ink > 0.005, found.fill > 0.03


def test_what_was_exchanged_is_told_from_what_was_added() -> None:
    one = card("LANTERN")
    assert shares(card("MEADOW"), one) == (True, False)
    assert shares(card("LANTERN", (50, 70, 190)), one) == (False, True)
    for add in (stickered, captioned, signed):
        added = np.asarray(add(Image.fromarray(one)))
        assert shares(added, one) == shares(one, added) == (False, False)


def test_other_words_straight_on_a_photograph_are_exchanged() -> None:
    def titled(words: str) -> Image.Image:
        image = photograph("astronaut.png")
        draw = ImageDraw.Draw(image)
        for shift, ink in ((2, (0, 0, 0)), (0, (250, 250, 250))):
            draw.text((90 + shift, 250 + shift), words, fill=ink, font_size=40)
        return image

    bare = np.asarray(photograph("astronaut.png"))
    one, other = np.asarray(titled("Harbor Lantern")), np.asarray(titled("Meadow Thistle"))
    assert shares(other, one) == (True, False)
    assert shares(one, bare) == shares(bare, one) == (False, False)


def test_a_disc_of_another_colour_on_a_dark_ground_is_no_filter() -> None:
    def label(colour: tuple[int, int, int]) -> np.ndarray:  # type: ignore[type-arg]
        dark = np.asarray(photograph("gravel.png").resize((400, 400))) // 12
        image = Image.fromarray(dark.astype(np.uint8))
        draw = ImageDraw.Draw(image)
        draw.ellipse((90, 90, 310, 310), fill=colour)
        draw.text((200, 150), "Side A", fill=(250, 250, 250), font_size=36, anchor="mm")
        return np.asarray(image)

    assert shares(label((110, 110, 10)), label((220, 40, 50))) == (False, True)


def test_art_that_is_alike_at_its_edges_fills_a_frame_all_the_same() -> None:
    def framed(seed: int) -> np.ndarray:  # type: ignore[type-arg]
        image = photograph("gravel.png").resize((400, 400))
        draw = ImageDraw.Draw(image)
        draw.rectangle((80, 80, 320, 320), fill=(240, 200, 60))
        draw.rectangle((90, 90, 310, 310), fill=(40, 40, 45))
        rng = np.random.default_rng(seed)
        for x, y, r in zip(*rng.integers(100, 300, (2, 40)), rng.integers(8, 26, 40), strict=True):
            box = np.clip((x - r, y - r, x + r, y + r), 92, 308).tolist()
            draw.ellipse(box, fill=tuple(rng.integers(60, 256, 3).tolist()))
        return np.asarray(image)

    assert shares(framed(1), framed(2)) == (False, True)


def test_a_filter_over_everything_exchanges_nothing() -> None:
    one = Image.fromarray(card("LANTERN"))
    for name in ("re_encoded", "recoloured", "grey", "soft"):
        assert shares(np.asarray(EDITS[name](one)), np.asarray(one)) == (False, False), name


@pytest.mark.parametrize(
    ("ink", "fill", "template"),
    [
        (0.0, 0.0, False),
        (0.0006, 0.0, False),
        (0.001, 0.0, True),
        (0.0, 0.028, False),
        (0.0, 0.04, True),
        (0.0004, 0.02, True),
    ],
)
def test_either_kind_of_exchange_makes_a_template(ink: float, fill: float, template: bool) -> None:
    assert is_template({"exchanged_ink": ink, "exchanged_fill": fill}) is template
    assert not is_template({})
