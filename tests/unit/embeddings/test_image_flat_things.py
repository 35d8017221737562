"""Two photographs of one board or poster accuse nobody; a photograph of a print is a copy."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from support.flat_things import board, photographed
from support.sample_pictures import PHOTOGRAPHS, as_picture, photograph

from embeddings.image.calibration import load_calibration
from embeddings.image.match import ImageMatch
from embeddings.image.prepared import prepare
from embeddings.image.raster import decode_proxy, encode_proxy
from embeddings.image.verify import verify_pair

ROOMS = [photograph(name) for name in PHOTOGRAPHS if name != "ihc.png"]
TABLE = load_calibration()


def compared(query: Image.Image, reference: Image.Image) -> ImageMatch:
    first, second = (
        prepare(decode_proxy(encode_proxy(as_picture(image)))) for image in (query, reference)
    )
    return verify_pair(first, second, TABLE)


def thing(number: int, rng: np.random.Generator) -> Image.Image:
    """A board, or the printed front of a box."""
    return board(rng) if number % 2 else ImageOps.fit(ROOMS[number % len(ROOMS)], (480, 360))


@pytest.mark.parametrize("number", range(6))
def test_two_photographs_of_one_flat_thing_are_no_copy(number: int) -> None:
    rng = np.random.default_rng([78, number])
    shown = thing(number, rng)
    first, second = (
        photographed(shown, ROOMS[(number + step) % len(ROOMS)], rng) for step in (3, 7)
    )
    match = compared(second, first)
    assert match.inliers >= 10, "they should align well: that is what makes it hard"
    assert not match.verified, match


@pytest.mark.parametrize("number", range(4))
def test_a_photograph_of_a_print_is_a_copy(number: int) -> None:
    rng = np.random.default_rng([79, number])
    original = photographed(thing(number, rng), ROOMS[number + 3], rng)
    print_of_it = photographed(original, ROOMS[number + 5], rng, share=0.85)
    assert compared(print_of_it, original).verified
