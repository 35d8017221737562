"""A loop of pictures is told from film that runs on, and from film cut to and fro."""

import numpy as np
import pytest
from support import clips, films

from embeddings.image.analyzer import ImageAnalyzer
from embeddings.video.fingerprint import ReferenceVideo, as_reference
from embeddings.video.loops import is_loop

IMAGES = ImageAnalyzer.load(clip=None)


def reference(frames: list[clips.Frame]) -> ReferenceVideo:
    return as_reference(films.fingerprint(frames[: 24 * clips.FPS], IMAGES))


@pytest.mark.parametrize("period_s", [4.0, 7.5, 10.0])
@pytest.mark.parametrize("name", ["china.jpg", "coffee.png", "rocket.jpg"])
def test_a_loop_comes_back_under_other_words(name: str, period_s: float) -> None:
    loop = clips.scene(name, period_s) * 8
    assert is_loop(reference(loop))
    words = [clips.captioned(frame, f"line {at // 30}") for at, frame in enumerate(loop[:240])]
    assert is_loop(reference(words))


@pytest.mark.parametrize("name", ["china.jpg", "coffee.png", "rocket.jpg"])
def test_other_film_does_not(name: str) -> None:
    there = clips.scene(name, 24.0)
    assert not is_loop(reference(there))
    back = clips.scene("chelsea.png", 24.0, seed=4)
    rng, cut, shot = np.random.default_rng(1), [], 0
    while len(cut) < len(there):
        length = int(rng.uniform(15, 50))
        cut += (there, back)[shot][len(cut) : len(cut) + length]
        shot = 1 - shot
    assert not is_loop(reference(cut))
    assert not is_loop(reference([there[0]] * 240)), "one still picture is no loop"
