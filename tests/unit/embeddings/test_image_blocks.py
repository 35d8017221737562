"""Block agreement and geometry on pictures whose answer is known."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.sample_pictures import photograph, re_encoded

from embeddings.image.blocks import COARSE_SIDE_PX, block_photographic, compare_blocks, corner_strength, overlap_polygon
from embeddings.image.evidence import pure_region
from embeddings.image.features import extract
from embeddings.image.geometry import align, inverse, project

TURN = np.array([[0.9, -0.3, 40.0], [0.3, 0.9, -20.0], [0.0, 0.0, 1.0]])


def grey(image: Image.Image) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(image.convert("L").resize((480, 360)))


def warped(image: Image.Image, transform: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    back = inverse(transform)
    return np.asarray(
        image.convert("L")
        .resize((480, 360))
        .transform((480, 360), Image.Transform.AFFINE, back[:2].reshape(-1), Image.Resampling.BICUBIC)
    )


def test_alignment_recovers_a_known_transform() -> None:
    original = photograph("coffee.png")
    found = align(extract(grey(original)), extract(warped(original, TURN)))[0]
    corners = np.array([[100, 100], [300, 100], [300, 250]], np.float64)
    assert np.abs(project(found.transform, corners) - project(TURN, corners)).max() < 1.5
    assert found.inliers > 40 and found.displaced < 0.1 * found.inliers


def test_mirrored_features_are_the_features_of_the_mirrored_picture() -> None:
    picture = grey(photograph("chelsea.png"))
    flipped = extract(np.ascontiguousarray(picture[:, ::-1]))
    found = align(extract(picture).mirrored(), flipped)[0]
    assert np.abs(found.transform - np.eye(3)).max() < 1.0
    assert found.inliers > 100


@pytest.mark.parametrize("side_px", [320, COARSE_SIDE_PX])
def test_a_re_encoded_copy_agrees_nearly_everywhere(side_px: int) -> None:
    original = photograph("astronaut.png")
    report = compare_blocks(grey(re_encoded(original, 30)), grey(original), np.eye(3), side_px)
    assert report is not None
    assert report.agrees.sum() > 0.95 * (report.inside & report.textured).sum()


def test_a_small_misalignment_is_mended() -> None:
    original = photograph("coffee.png")
    moved = np.array([[1.0, 0.0, 2.5], [0.0, 1.0, -2.0], [0.0, 0.0, 1.0]])
    report = compare_blocks(warped(original, moved), grey(original), np.eye(3))
    assert report is not None
    assert np.abs(report.transform[:2, 2] + moved[:2, 2]).max() < 0.8
    assert report.agrees.sum() > 0.9 * (report.inside & report.textured).sum()


def test_strangers_agree_almost_nowhere() -> None:
    report = compare_blocks(grey(photograph("coffee.png")), grey(photograph("astronaut.png")), np.eye(3))
    assert report is not None
    assert report.agrees.sum() < 0.05 * (report.inside & report.textured).sum()


def test_too_little_overlap_is_no_comparison() -> None:
    apart = np.array([[1.0, 0.0, 5000.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    picture = grey(photograph("coffee.png"))
    assert compare_blocks(picture, picture, apart) is None
    assert overlap_polygon(apart, (480, 360), (480, 360)).shape == (0, 2)


def test_text_is_not_photographic_and_texture_is() -> None:
    card = Image.new("L", (320, 320), 245)
    draw = ImageDraw.Draw(card)
    for line in range(10):
        draw.text((10, 10 + 30 * line), "words are shared by strangers", fill=15, font_size=22)
    text = block_photographic(np.asarray(card, np.float32), 16)
    texture = block_photographic(np.asarray(photograph("gravel.png").convert("L").resize((320, 320)), np.float32), 16)
    assert text.mean() < 0.15 and texture.mean() > 0.6


def test_a_straight_edge_has_no_corner_strength_and_texture_has() -> None:
    edge = np.repeat(np.where(np.arange(64) < 30, 40.0, 200.0)[:, None], 64, axis=1).astype(np.float32)
    assert corner_strength(edge, 16).max() < 0.01
    gravel = np.asarray(photograph("gravel.png").convert("L").resize((320, 320)), np.float32)
    assert corner_strength(gravel, 16).min() > 2.0


def test_the_pure_region_leaves_out_scattered_agreement() -> None:
    considered = np.ones((12, 12), np.bool_)
    agreed = np.zeros((12, 12), np.bool_)
    agreed[:, :6] = True  # one half agrees: all of it but its rim is pure
    assert pure_region(agreed, considered)[1:-1, 1:5].all() and not pure_region(agreed, considered)[:, 6:].any()
    scattered = (np.indices((12, 12)).sum(axis=0) % 2).astype(np.bool_)
    assert not pure_region(scattered, considered).any()
