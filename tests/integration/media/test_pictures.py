"""Pictures that show more than one thing are judged by all that they show, as long as they do."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from support.photos import edited, photo

Post = Callable[..., dict[str, Any]]


def frame(name: str) -> Image.Image:
    if name.startswith("#"):
        return Image.new("RGB", (480, 360), name)
    with Image.open(io.BytesIO(photo(name))) as image:
        return image.convert("RGB").resize((480, 360))


def animation(format_name: str, *frames: tuple[str, int], **options: object) -> bytes:
    """Photographs, each with the milliseconds it is shown."""
    buffer = io.BytesIO()
    first, *rest = [frame(name) for name, _ in frames]
    first.save(
        buffer,
        format_name,
        save_all=True,
        append_images=rest,
        # Pillow counts the durations from the first picture that is shown
        duration=[shown for _, shown in frames[1 if "default_image" in options else 0 :]],
        **options,  # type: ignore[arg-type]
    )
    return buffer.getvalue()


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
def test_a_stolen_picture_in_any_place_of_an_animation_is_found(
    post: Post, format_name: str
) -> None:
    post(photo("temple"), "alice")
    for number, shown in enumerate(
        [
            (("cat", 20), ("temple", 10_000)),
            (("cat", 5_100), ("temple", 4_900)),
            (("cat", 900), ("rocket", 800), ("temple", 900)),
        ]
    ):
        judged = post(animation(format_name, *shown), f"thief{number}")
        assert judged["verdict"] == "derivative", shown
        assert judged["original"]["creator"] == "alice"


def test_plain_pictures_between_hide_no_stolen_one(post: Post) -> None:
    post(photo("temple"), "alice")
    plain = [(colour, 550) for colour in ("#000", "#fff", "#c00", "#00c", "#0a0", "#cc0")]
    judged = post(animation("GIF", ("cat", 650), ("temple", 600), *plain), "thief")
    assert judged["verdict"] == "derivative"
    assert judged["original"]["creator"] == "alice"


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
def test_two_animations_with_one_title_card_are_both_original(post: Post, format_name: str) -> None:
    post(animation(format_name, ("temple", 300), ("cat", 1500), ("rocket", 1500)), "alice")
    judged = post(
        animation(format_name, ("temple", 300), ("coffee", 1500), ("flower", 1500)), "bob"
    )
    assert judged["verdict"] == "original"


def test_a_hidden_default_picture_accuses_nobody_and_hides_nothing(post: Post) -> None:
    post(photo("temple"), "alice")
    hidden = animation("PNG", ("temple", 1), ("cat", 500), ("rocket", 500), default_image=True)
    assert post(hidden, "bob")["verdict"] == "original"
    decoy = animation("PNG", ("coffee", 1), ("temple", 500), ("flower", 500), default_image=True)
    assert post(decoy, "carol")["verdict"] == "derivative"


@pytest.mark.parametrize("format_name", ["GIF", "WEBP"])
def test_a_picture_from_any_place_of_an_animation_is_found(post: Post, format_name: str) -> None:
    post(animation(format_name, ("cat", 1500), ("rocket", 900), ("temple", 300)), "alice")
    for number, name in enumerate(("cat", "rocket", "temple")):
        judged = post(edited(photo(name), "captioned"), f"thief{number}")
        assert judged["verdict"] == "derivative", name
        assert judged["original"]["creator"] == "alice"


def test_an_animation_is_found_by_another_of_its_pictures(post: Post) -> None:
    post(animation("GIF", ("cat", 1500), ("rocket", 300), ("temple", 300)), "alice")
    judged = post(animation("GIF", ("coffee", 900), ("temple", 1200)), "thief")
    assert judged["verdict"] == "derivative"
    assert judged["original"]["creator"] == "alice"
    assert post(animation("GIF", ("retina", 900), ("flower", 900)), "bob")["verdict"] == "original"
