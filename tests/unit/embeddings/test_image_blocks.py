"""Block agreement and geometry on pictures whose answer is known."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.sample_pictures import photograph, re_encoded

from embeddings.image.blocks import COARSE_SIDE_PX, compare_blocks, overlap_polygon
from embeddings.image.calibration import load_calibration
from embeddings.image.evidence import displaced_points, grouped, is_second_view, weigh
from embeddings.image.features import extract
from embeddings.image.geometry import Alignment, align, inverse, project
from embeddings.image.texture import block_photographic, block_pictorial, corner_strength

TURN = np.array([[0.9, -0.3, 40.0], [0.3, 0.9, -20.0], [0.0, 0.0, 1.0]])


def grey(image: Image.Image) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(image.convert("L").resize((480, 360)))


def warped(image: Image.Image, transform: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    back = inverse(transform)
    return np.asarray(
        image.convert("L")
        .resize((480, 360))
        .transform(
            (480, 360), Image.Transform.AFFINE, back[:2].reshape(-1), Image.Resampling.BICUBIC
        )
    )


def test_alignment_recovers_a_known_transform() -> None:
    original = photograph("coffee.png")
    found = align(extract(grey(original)), extract(warped(original, TURN)))[0]
    corners = np.array([[100, 100], [300, 100], [300, 250]], np.float64)
    assert np.abs(project(found.transform, corners) - project(TURN, corners)).max() < 1.5
    assert found.inliers > 40 and len(found.displaced) < 0.1 * found.inliers


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
    report = compare_blocks(
        grey(photograph("coffee.png")), grey(photograph("astronaut.png")), np.eye(3)
    )
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
    texture = block_photographic(
        np.asarray(photograph("gravel.png").convert("L").resize((320, 320)), np.float32), 16
    )
    assert text.mean() < 0.15 and texture.mean() > 0.6


def test_a_straight_edge_has_no_corner_strength_and_texture_has() -> None:
    edge = np.repeat(np.where(np.arange(64) < 30, 40.0, 200.0)[:, None], 64, axis=1).astype(
        np.float32
    )
    assert corner_strength(edge, 16).max() < 0.01
    gravel = np.asarray(photograph("gravel.png").convert("L").resize((320, 320)), np.float32)
    assert corner_strength(gravel, 16).min() > 2.0


def test_text_is_not_pictorial_and_a_shaded_drawing_is() -> None:
    card = Image.new("L", (320, 320), 245)
    draw = ImageDraw.Draw(card)
    for line in range(10):
        draw.text((10, 10 + 30 * line), "words are shared by strangers", fill=15, font_size=22)
    assert block_pictorial(np.asarray(card, np.float32), 16).mean() < 0.1
    drawing = np.full((320, 320), 120, np.uint8)
    for i, level in enumerate((40, 90, 150, 200)):
        drawing[:, 4 * i :: 16] = level
    assert block_pictorial(drawing.astype(np.float32), 16).mean() > 0.9


def test_scattered_agreement_counts_for_nothing() -> None:
    weight = np.zeros((12, 12), np.float32)
    weight[:, :6] = 1.0
    assert grouped(weight, 0.15, 4) == 72
    scattered = np.zeros((12, 12), np.float32)
    scattered[::3, ::3] = 1.0
    assert grouped(scattered, 0.15, 4) == 0


def test_what_moved_by_its_depth_is_displaced_and_what_is_covered_is_not() -> None:
    scene = grey(photograph("gravel.png"))
    stepped_aside = scene.copy()
    stepped_aside[:, 220:] = scene[:, 205:-15]
    report = compare_blocks(stepped_aside, scene, np.eye(3))
    assert report is not None
    assert (
        report.displaced.sum() > 0.3 * (report.inside & report.textured).sum()
        and report.agrees.sum() > 50
    )
    covered = scene.copy()
    covered[:, 220:] = grey(photograph("coffee.png"))[:, 220:]
    report = compare_blocks(covered, scene, np.eye(3))
    assert report is not None
    assert report.displaced.sum() < 0.05 * report.agrees.sum()


def test_a_pattern_that_repeats_is_not_displaced_where_it_is_covered() -> None:
    tile = grey(photograph("gravel.png"))[100:130, 100:130]
    wall = np.tile(tile, (12, 16))
    covered = wall.copy()
    covered[:, 240:] = grey(photograph("coffee.png"))[:, 240:]
    report = compare_blocks(covered, wall, np.eye(3))
    assert report is not None
    assert report.agrees.sum() > 50
    assert report.displaced.sum() < 0.1 * report.agrees.sum()


def test_what_looks_the_same_when_moved_along_itself_proves_nothing() -> None:
    rng = np.random.default_rng(5)
    planks = (
        np.repeat(rng.integers(40, 210, (60, 1)), 6, axis=0).repeat(480, axis=1).astype(np.float32)
    )
    noisy = [
        np.clip(planks + rng.normal(0, 12, planks.shape), 0, 255).astype(np.uint8) for _ in range(2)
    ]
    report = compare_blocks(noisy[0], noisy[1], np.eye(3))
    assert report is not None
    assert (report.ncc > 0.8).mean() > 0.9
    assert report.agrees.mean() < 0.05


def test_a_key_point_found_elsewhere_counts_only_where_its_block_does_not_agree() -> None:
    scene = grey(photograph("gravel.png"))
    covered = scene.copy()
    covered[:, 240:] = 128
    report = compare_blocks(covered, scene, np.eye(3))
    assert report is not None
    none, points = (
        np.zeros((0, 2), np.float32),
        np.array([[100, 100], [120, 200], [400, 100]], np.float32),
    )
    assert displaced_points(Alignment(np.eye(3), none, none, points), report) == 1.0
    assert displaced_points(Alignment(np.eye(3), none, none, none), report) == 0.0


def test_a_tilt_that_key_points_missed_is_mended() -> None:
    original = grey(photograph("coffee.png"))
    tilt = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [4e-5, 2e-5, 1.0]])
    tilted = cv2.warpPerspective(original, tilt, (480, 360))
    report = compare_blocks(np.asarray(tilted, np.uint8), original, np.eye(3))
    assert report is not None
    assert report.agrees.sum() > 0.9 * (report.inside & report.textured).sum()


@pytest.mark.parametrize(
    ("change", "second_view"),
    [
        ({}, False),
        ({"parallax": 0.4}, True),
        ({"displaced": 80.0}, True),
        ({"parallax": 0.2, "displaced": 20.0}, True),
        ({"parallax": 0.1, "displaced": 5.0}, False),
        ({"foreign_sides": 2.0}, False),
        ({"foreign_sides": 3.0}, True),
    ],
)
def test_what_may_be_a_second_photograph_is_never_proven(
    change: dict[str, float], second_view: bool
) -> None:
    table = load_calibration()
    plenty = dict.fromkeys(table.weights, 5.0) | {
        "whole": 1.5,
        "parallax": 0.0,
        "inliers": 100.0,
        "displaced": 0.0,
    }
    scores = plenty | change
    assert is_second_view(scores) == second_view
    assert (weigh(scores, table) >= table.proven_at) != second_view
    assert weigh(scores, table) <= table.evidence(scores)
