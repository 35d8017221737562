"""The frame of a moment, for people to see what was overlaid on what."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from support import clips

from embeddings.video.decode import read_moment


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[clips.Frame]]:
    frames = clips.montage(("coffee.png", "astronaut.png", "chelsea.png"), 4, seed=3)
    return clips.encode(tmp_path_factory.mktemp("moment") / "film.mp4", frames), frames


@pytest.mark.parametrize("at_s", [0.1, 5.0, 11.0, 99.0])
def test_the_frame_on_display_is_read_wherever_it_lies(
    film: tuple[Path, list[clips.Frame]], at_s: float
) -> None:
    path, frames = film
    shown = read_moment(path, at_s)
    expected = np.asarray(frames[min(int(at_s * clips.FPS), len(frames) - 1)])
    expected = cv2.resize(expected, shown.shape[1::-1])
    assert np.abs(shown.astype(float) - expected).mean() < 6
