"""Credit goes to what was taken: to the author behind a copy, never to the oldest scrap."""

import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image
from support.photos import photo

from oracle import wiring
from oracle.originality.recompute import agrees
from oracle.settings import Settings
from storage.database import Database

Post = Callable[..., dict[str, Any]]
Agrees = Callable[[dict[str, Any]], bool]


def opened(name: str) -> Image.Image:
    with Image.open(io.BytesIO(photo(name))) as picture:
        return picture.convert("RGB").resize((900, 600))


def jpeg(picture: Image.Image, quality: int = 88) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def noisy(picture: Image.Image, seed: int, sigma: float = 6.0) -> Image.Image:
    pixels = np.asarray(picture, np.float32)
    grain = np.random.default_rng(seed).normal(0.0, sigma, pixels.shape)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


@pytest.fixture
def audited(settings: Settings, db: Database) -> Agrees:
    """Whether a decision comes out again from what is stored."""
    auditor = wiring.make_auditor(settings, db)
    return lambda decided: agrees(auditor.audit(UUID(decided["analysis_id"])))


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """One half of each."""
    both = Image.new("RGB", left.size)
    both.paste(left.crop((0, 0, 450, 600)), (0, 0))
    both.paste(right.crop((450, 0, 900, 600)), (450, 0))
    return both


def test_a_sticker_registered_early_does_not_take_the_credit(post: Post, audited: Agrees) -> None:
    sticker, stolen = opened("cat"), opened("temple")
    post(jpeg(sticker), "thief")
    post(jpeg(stolen), "alice")
    under = stolen.copy()
    under.paste(sticker.resize((270, 180)), (20, 20))
    judged = post(jpeg(under, 80), "bob")
    assert (judged["verdict"], judged["original"]["creator"]) == ("derivative", "alice")
    assert judged["redirect_bps"] > 2_000
    assert audited(judged)


def test_a_copy_of_a_copy_credits_the_author(post: Post, audited: Agrees) -> None:
    picture = opened("temple")
    post(jpeg(picture), "alice")
    crop = picture.crop((90, 60, 690, 480)).resize((900, 630))
    assert post(jpeg(crop, 80), "bob")["original"]["creator"] == "alice"
    for number in range(4):
        edit = noisy(crop.crop((0, 0, 840 - 10 * number, 600)), number, 12.0)
        judged = post(jpeg(edit, 55), f"carol{number}")
        assert (judged["verdict"], judged["original"]["creator"]) == ("derivative", "alice")
        assert audited(judged)


def test_the_copyists_own_half_is_the_copyists(post: Post, audited: Agrees) -> None:
    temple, cat = opened("temple"), opened("cat")
    post(jpeg(temple), "alice")
    both = beside(temple, cat)
    copied = post(jpeg(both), "bob")
    assert (copied["verdict"], copied["original"]["creator"]) == ("derivative", "alice")
    own = post(jpeg(noisy(both.crop((455, 0, 900, 600)), 1)), "carol")
    assert (own["verdict"], own["original"]["creator"]) == ("derivative", "bob")
    theirs = post(jpeg(noisy(both.crop((0, 0, 445, 600)), 2)), "dora")
    assert (theirs["verdict"], theirs["original"]["creator"]) == ("derivative", "alice")
    assert audited(own) and audited(theirs)


def test_ones_own_copy_excuses_nothing(post: Post, audited: Agrees) -> None:
    temple = opened("temple")
    post(jpeg(temple), "alice")
    assert post(jpeg(temple.crop((0, 0, 800, 560)), 80), "bob")["verdict"] == "derivative"
    again = post(jpeg(noisy(temple.crop((0, 0, 780, 540)), 3), 70), "bob")
    assert (again["verdict"], again["original"]["creator"]) == ("derivative", "alice")
    assert audited(again)


def test_ones_own_half_excuses_no_theft_of_the_other(post: Post, audited: Agrees) -> None:
    post(jpeg(opened("cat")), "thief")
    post(jpeg(opened("temple")), "alice")
    judged = post(jpeg(beside(opened("cat"), opened("temple"))), "thief")
    assert (judged["verdict"], judged["original"]["creator"]) == ("derivative", "alice")
    assert audited(judged)
