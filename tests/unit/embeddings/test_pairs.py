"""Key points that two pictures have in common lie where the alignment says."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from support.photos import photo

from embeddings.image.pairs import alignment_of, common_points

SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_of_a_crop_are_where_they_were(mirrored: bool) -> None:
    whole = Image.open(io.BytesIO(photo("cat"))).convert("RGB")
    width, height = whole.size
    crop = whole.crop((width // 4, 0, width, height))
    kept = np.array([[0.25, 0], [1, 0], [1, 1], [0.25, 1]], np.float64)
    if mirrored:
        crop, kept = ImageOps.mirror(crop), kept[[1, 0, 3, 2]]
    alignment = alignment_of(SQUARE, kept)
    assert alignment is not None
    points = common_points(np.asarray(crop), np.asarray(whole), alignment, limit=50)
    assert len(points) == 50
    x, y, x_there, y_there = points.T
    back = (1 - x if mirrored else x) * 0.75 + 0.25
    assert np.abs(back - x_there).max() < 0.03 and np.abs(y - y_there).max() < 0.03


def test_another_picture_has_next_to_none() -> None:
    first, second = (
        np.asarray(Image.open(io.BytesIO(photo(name))).convert("RGB")) for name in ("cat", "rocket")
    )
    assert len(common_points(first, second, np.eye(3), limit=50)) < 10


def test_regions_that_fit_no_alignment_have_none() -> None:
    assert alignment_of(SQUARE[:3], SQUARE[:3]) is None
    assert alignment_of(SQUARE, SQUARE[:3]) is None
    assert alignment_of(SQUARE, np.zeros((4, 2))) is None
