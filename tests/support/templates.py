"""Designs that many people buy and fill in: what shares a template, and what copies a result.

Every design takes two generators: ``look`` decides what the template is, ``say`` what its buyer
put in. Two of one ``look`` and other ``say`` share a template: nobody copied anybody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageOps

Colour = tuple[int, int, int]
Photos = Sequence[Image.Image]
Design = Callable[[Generator, Generator, Photos], Image.Image]
WORDS = [
    "anchor",
    "amber",
    "basil",
    "bridge",
    "candle",
    "canyon",
    "cedar",
    "copper",
    "cotton",
    "delta",
    "ember",
    "falcon",
    "forest",
    "garnet",
    "glacier",
    "harbor",
    "hazel",
    "island",
    "ivory",
    "jasper",
    "juniper",
    "kernel",
    "lagoon",
    "lantern",
    "lemon",
    "linen",
    "maple",
    "meadow",
    "mountain",
    "nectar",
    "olive",
    "orbit",
    "paper",
    "pepper",
    "planet",
    "prairie",
    "quartz",
    "raven",
    "river",
    "saddle",
    "saffron",
    "silver",
    "summit",
    "thistle",
    "timber",
    "tulip",
    "valley",
    "velvet",
    "walnut",
    "willow",
    "winter",
    "yonder",
    "zephyr",
]


def words(say: Generator, count: int) -> str:
    return " ".join(w.capitalize() for w in say.choice(WORDS, count))


def _colour(rng: Generator, low: int = 0, high: int = 256) -> Colour:
    r, g, b = (int(value) for value in rng.integers(low, high, 3))
    return r, g, b


def _ink_on(ground: Colour) -> Colour:
    return (20, 20, 24) if sum(ground) > 380 else (245, 245, 240)


def _grain(
    rng: Generator, size: tuple[int, int], colour: Colour, cell: int, levels: float
) -> Image.Image:
    """A textured ground: random cells, as on craft paper, glitter or linen."""
    grid = rng.normal(0, levels, (size[1] // cell + 1, size[0] // cell + 1, 1)).astype(np.float32)
    noise = cv2.resize(grid, (0, 0), fx=cell, fy=cell, interpolation=cv2.INTER_NEAREST)
    pixels = np.array(colour, np.float32) + noise[: size[1], : size[0]].reshape(size[1], size[0], 1)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _strokes(rng: Generator, image: Image.Image, count: int) -> None:
    draw = ImageDraw.Draw(image)
    w, h = image.size
    for _ in range(count):
        x, y, a = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0, math.tau)
        reach = rng.uniform(0.03, 0.15) * w
        end = (x + reach * math.cos(a), y + reach * math.sin(a))
        draw.line((x, y, *end), fill=_colour(rng), width=int(rng.integers(1, 5)))


def _confetti(rng: Generator, image: Image.Image, count: int) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(count):
        x, y = rng.uniform(0, image.width), rng.uniform(0, image.height)
        r = rng.uniform(0.004, 0.012) * image.width
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((x - r, y - r, x + r, y + r), fill=_colour(rng))


def _flowers(rng: Generator, image: Image.Image, count: int, band: tuple[float, float]) -> None:
    draw = ImageDraw.Draw(image)
    petal, eye = _colour(rng, 30, 220), _colour(rng, 120, 255)
    for _ in range(count):
        x, y = rng.uniform(0, image.width), rng.uniform(*band) * image.height
        r = 0.012 * image.width
        for k in range(5):
            px, py = x + 1.6 * r * math.cos(k * 1.257), y + 1.6 * r * math.sin(k * 1.257)
            draw.ellipse((px - r, py - r, px + r, py + r), fill=petal)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=eye)


def _ground(look: Generator, size: tuple[int, int]) -> Image.Image:
    """One of the grounds that designs are sold with."""
    dark = look.random() < 0.5
    colour = _colour(look, 5, 90) if dark else _colour(look, 140, 245)
    choice = int(look.integers(4))
    if choice == 0:
        image = Image.new("RGB", size, colour)
        _strokes(look, image, 90)
    elif choice == 1:
        image = _grain(look, size, colour, int(look.integers(3, 12)), 14)
    elif choice == 2:
        image = _grain(look, size, colour, 6, 10)
        _confetti(look, image, 160)
    else:
        image = Image.new("RGB", size, colour)
        _flowers(look, image, 120, (0.0, 1.0))
    return image


def _panel(image: Image.Image, box: Sequence[float], fill: Colour, radius: int = 16) -> None:
    w, h = image.size
    at = (box[0] * w, box[1] * h, box[2] * w, box[3] * h)
    ImageDraw.Draw(image).rounded_rectangle(at, radius, fill=fill)


def _text(
    image: Image.Image,
    at: tuple[float, float],
    said: str,
    fill: Colour,
    size: float,
    anchor: str = "la",
) -> None:
    ImageDraw.Draw(image).text(
        (at[0] * image.width, at[1] * image.height),
        said,
        fill=fill,
        font_size=max(9, round(size * image.width)),
        anchor=anchor,
    )


def result_card(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _ground(look, (900, 900))
    card = _colour(look, 200, 256)
    _text(image, (0.5, 0.12), "FULL TIME", _colour(look, 160, 256), 0.08, "mm")
    _panel(image, (0.08, 0.3, 0.92, 0.7), card)
    draw = ImageDraw.Draw(image)
    for x in (0.24, 0.76):
        draw.ellipse((x * 900 - 105, 340, x * 900 + 105, 550), fill=_colour(say))
        _text(image, (x, 0.65), words(say, 1).upper(), (20, 20, 20), 0.045, "mm")
    _text(image, (0.5, 0.47), f"{say.integers(8)} - {say.integers(8)}", (10, 10, 10), 0.09, "mm")
    _text(image, (0.5, 0.82), f"Sponsored by {words(look, 1)} Bank", (240, 240, 240), 0.035, "mm")
    return image


def record(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = Image.new("RGB", (800, 800), _colour(look, 180, 245))
    draw = ImageDraw.Draw(image)
    draw.ellipse((50, 50, 750, 750), fill=(16, 16, 16))
    for r in range(140, 345, int(look.integers(4, 8))):
        level = int(look.integers(25, 60))
        draw.ellipse((400 - r, 400 - r, 400 + r, 400 + r), outline=(level,) * 3, width=2)
    label = _colour(say, 30, 230)
    draw.ellipse((285, 285, 515, 515), fill=label)
    _text(image, (0.5, 0.45), words(say, 2), _ink_on(label), 0.03, "mm")
    _text(image, (0.5, 0.55), words(say, 2), _ink_on(label), 0.025, "mm")
    draw.ellipse((390, 390, 410, 410), fill=(220, 215, 205))
    return image


def poster(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _ground(look, (700, 960))
    card = _colour(look, 225, 256)
    _panel(image, (0.1, 0.14, 0.9, 0.86), card)
    ink = _colour(look, 0, 90)
    _text(image, (0.15, 0.19), words(say, 2), ink, 0.07)
    _text(image, (0.15, 0.31), "LIVE AT", ink, 0.035)
    _text(image, (0.15, 0.42), words(say, 2), ink, 0.055)
    _text(image, (0.15, 0.54), f"{say.integers(1, 29)} {words(say, 1)} 2026", ink, 0.045)
    _text(image, (0.15, 0.66), f"Doors {say.integers(17, 23)}:00", ink, 0.04)
    return image


def jar_label(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _grain(look, (700, 900), _colour(look, 160, 240), 5, 12)
    _flowers(look, image, 90, (0.0, 0.2))
    _flowers(look, image, 90, (0.8, 1.0))
    ink = _colour(look, 20, 90)
    ImageDraw.Draw(image).rectangle((70, 225, 630, 680), outline=ink, width=8)
    _text(image, (0.16, 0.3), words(say, 1).upper(), ink, 0.13)
    _text(image, (0.16, 0.45), f"with {words(say, 2).lower()}", ink, 0.06)
    _text(
        image,
        (0.16, 0.55),
        f"{say.integers(100, 999)} g  best before {say.integers(1, 13)}/2027",
        ink,
        0.04,
    )
    _text(image, (0.16, 0.66), f"made by {words(say, 2)}", ink, 0.04)
    return image


def podcast(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _ground(look, (800, 800))
    bright = _colour(look, 150, 256)
    _panel(image, (0.05, 0.05, 0.95, 0.95), _colour(look, 10, 110)) if look.random() < 0.4 else None
    _text(image, (0.08, 0.1), f"The {words(look, 1)} Hour".upper(), bright, 0.075)
    draw = ImageDraw.Draw(image)
    for i in range(22):
        tall = float(look.uniform(0.03, 0.2)) * 800
        draw.rounded_rectangle((60 + 31 * i, 400 - tall, 78 + 31 * i, 400 + tall), 9, fill=bright)
    _text(image, (0.08, 0.78), f"Episode {say.integers(1, 400)}", (245, 245, 245), 0.055)
    _text(image, (0.08, 0.86), words(say, 4), (245, 245, 245), 0.045)
    return image


def starting_soon(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _ground(look, (1100, 620))
    ink = _colour(look, 170, 256)
    _panel(image, (0.22, 0.26, 0.78, 0.52), _colour(look, 0, 60))
    _text(
        image,
        (0.5, 0.39),
        str(look.choice(["STARTING SOON", "BE RIGHT BACK", "STREAM OVER"])),
        ink,
        0.06,
        "mm",
    )
    _panel(image, (0.3, 0.6, 0.7, 0.72), _colour(look, 0, 60))
    _text(image, (0.5, 0.66), "@" + words(say, 2).replace(" ", "").lower(), ink, 0.035, "mm")
    _text(image, (0.5, 0.84), f"Today: {words(say, 3)}", ink, 0.03, "mm")
    return image


def quote(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _ground(look, (800, 800))
    card = _colour(look, 200, 256)
    _panel(image, (0.1, 0.15, 0.9, 0.85), card)
    ink = _colour(look, 0, 100)
    _text(image, (0.5, 0.25), "\u201c", ink, 0.16, "mm")
    for line in range(int(say.integers(3, 6))):
        _text(image, (0.5, 0.36 + 0.08 * line), words(say, 3).lower(), ink, 0.05, "mm")
    _text(image, (0.5, 0.79), words(say, 2), ink, 0.035, "mm")
    return image


def certificate(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = Image.new("RGB", (1000, 720), _colour(look, 235, 256))
    draw, line = ImageDraw.Draw(image), _colour(look, 60, 180)
    phase, turns = look.uniform(0, 6), int(look.integers(30, 60))
    for ring in range(5):
        points = []
        for t in np.linspace(0, 1, 900):
            edge = t * 4 % 1
            wave = 14 * math.sin(t * math.tau * turns + phase + ring * 1.2) + 32
            side = int(t * 4) % 4
            x, y = [
                (edge * 1000, wave),
                (1000 - wave, edge * 720),
                (1000 - edge * 1000, 720 - wave),
                (wave, 720 - edge * 720),
            ][side]
            points.append((x, y))
        draw.line(points, fill=line, width=2)
    ink = (40, 40, 60)
    _text(image, (0.5, 0.2), "CERTIFICATE", line, 0.07, "mm")
    _text(image, (0.5, 0.29), "of completion is awarded to", ink, 0.025, "mm")
    _text(image, (0.5, 0.43), words(say, 2), ink, 0.07, "mm")
    _text(image, (0.5, 0.56), f"for the course {words(say, 3)}", ink, 0.028, "mm")
    _text(
        image,
        (0.25, 0.76),
        f"{say.integers(1, 29)}.{say.integers(1, 13)}.202{say.integers(3, 7)}",
        ink,
        0.025,
        "mm",
    )
    _text(image, (0.75, 0.76), words(say, 2), ink, 0.025, "mm")
    draw.regular_polygon((500, 560, 50), 12, fill=_colour(look, 120, 230), outline=line)
    return image


def price_list(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _ground(look, (720, 980))
    _panel(image, (0.06, 0.2, 0.94, 0.96), _colour(look, 225, 256))
    _text(
        image,
        (0.5, 0.1),
        str(look.choice(["MENU", "PRICE LIST", "OUR SERVICES"])),
        _colour(look, 150, 256),
        0.1,
        "mm",
    )
    ink = _colour(look, 0, 80)
    for line in range(8):
        _text(image, (0.12, 0.25 + 0.085 * line), words(say, 2), ink, 0.045)
        _text(
            image,
            (0.88, 0.25 + 0.085 * line),
            f"{say.integers(3, 90)}.{say.integers(10)}0",
            ink,
            0.045,
            "ra",
        )
    return image


def meme(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """One known picture, everybody's own joke."""
    image = ImageOps.fit(photos[int(look.integers(len(photos)))], (760, 640))
    draw = ImageDraw.Draw(image)
    for y in (0.1, 0.88):
        for line in range(2):
            draw.text(
                (380, 640 * y + 52 * (line - 0.5)),
                words(say, 3).upper(),
                fill=(255, 255, 255),
                font_size=48,
                anchor="mm",
                stroke_width=4,
                stroke_fill=(0, 0, 0),
            )
    return image


def game(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """One game's interface around two scenes."""
    image = ImageOps.fit(photos[int(say.integers(len(photos)))], (1000, 600))
    draw, panel = ImageDraw.Draw(image), _colour(look, 20, 90)
    draw.rectangle((0, 520, 1000, 600), fill=panel)
    draw.rectangle((800, 0, 1000, 200), fill=panel)
    for i in range(9):
        draw.rounded_rectangle(
            (20 + 85 * i, 530, 90 + 85 * i, 592),
            6,
            fill=_colour(look),
            outline=(230, 220, 160),
            width=3,
        )
        _strokes_in(look, draw, (20 + 85 * i, 530, 90 + 85 * i, 592))
    for i, name in enumerate(("Health", "Armor", "Gold")):
        _text(
            image, (0.81, 0.03 + 0.1 * i), f"{name} {say.integers(10, 999)}", (240, 230, 190), 0.024
        )
    return image


def _strokes_in(
    rng: Generator, draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float]
) -> None:
    for _ in range(7):
        x, y = rng.uniform(box[0], box[2], 2), rng.uniform(box[1], box[3], 2)
        draw.line((x[0], y[0], x[1], y[1]), fill=_colour(rng), width=4)


def city_map(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """Two places in one map's style: the same legend, scale and frame."""
    ground, road, main = _colour(look, 215, 245), _colour(look, 245, 256), _colour(look, 190, 240)
    image = Image.new("RGB", (800, 800), ground)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = say.uniform(0, 800, 2)
        r = say.uniform(40, 140)
        draw.regular_polygon(
            (x, y, r), int(say.integers(4, 8)), fill=(190, 220, 180), rotation=int(say.integers(90))
        )
    for i in range(26):
        a, off = say.uniform(0, math.pi), say.uniform(-100, 900)
        dx, dy = 900 * math.cos(a), 900 * math.sin(a)
        draw.line(
            (off - dx, 400 - dy, off + dx, 400 + dy),
            fill=main if i < 5 else road,
            width=14 if i < 5 else 6,
        )
    for _ in range(14):
        draw.text(
            (say.uniform(0, 640), say.uniform(0, 680)),
            words(say, 1),
            fill=(90, 90, 90),
            font_size=22,
        )
    draw.rectangle((0, 700, 800, 800), fill=(250, 250, 250))
    draw.rectangle((0, 0, 799, 799), outline=(70, 70, 70), width=10)
    for i, name in enumerate(words(look, 5).split()):
        draw.rectangle((30 + 150 * i, 730, 60 + 150 * i, 760), fill=_colour(look))
        draw.text((66 + 150 * i, 732), name, fill=(60, 60, 60), font_size=20)
    return image


def shirt(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """One mock-up photograph; the shirt has the buyer's colour, and for half of them his print."""
    ground = np.asarray(_grain(look, (700, 800), _colour(look, 170, 230), 4, 9)).astype(np.float32)
    shape = Image.new("L", (700, 800), 0)
    ImageDraw.Draw(shape).polygon(
        [
            (200, 120),
            (280, 90),
            (350, 130),
            (420, 90),
            (500, 120),
            (640, 250),
            (560, 330),
            (510, 280),
            (510, 720),
            (190, 720),
            (190, 280),
            (140, 330),
            (60, 250),
        ],
        fill=255,
    )
    folds = cv2.GaussianBlur(look.normal(0, 1, (800, 700)).astype(np.float32), (0, 0), 14)
    folds += 0.3 * cv2.GaussianBlur(look.normal(0, 1, (800, 700)).astype(np.float32), (0, 0), 3)
    shade = 1.0 + 0.22 * np.clip(folds / folds.std(), -2, 2)
    same_print = look.random() < 0.5
    cloth = np.full((800, 700, 3), _colour(say, 40, 230), np.float32)
    printed = Image.fromarray(cloth.astype(np.uint8))
    hand = look if same_print else say
    draw, ink = ImageDraw.Draw(printed), _colour(hand)
    draw.regular_polygon(
        (350, 360, 90), int(hand.integers(3, 9)), fill=ink, rotation=int(hand.integers(90))
    )
    draw.text((350, 500), words(hand, 1).upper(), fill=ink, font_size=52, anchor="mm")
    worn = np.asarray(printed).astype(np.float32) * shade[..., None]
    mask = (np.asarray(shape).astype(np.float32) / 255)[..., None]
    return Image.fromarray(np.clip(worn * mask + ground * (1 - mask), 0, 255).astype(np.uint8))


def art_frame(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """Two pictures in one bought frame."""
    image = _grain(look, (800, 800), _colour(look, 60, 200), 5, 16)
    _flowers(look, image, 220, (0.0, 1.0)) if look.random() < 0.5 else _strokes(look, image, 200)
    art = ImageOps.fit(photos[int(say.integers(len(photos)))], (520, 520))
    ImageDraw.Draw(image).rectangle((132, 132, 668, 668), fill=_colour(look))
    image.paste(art, (140, 140))
    return image


def profile(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _ground(look, (640, 900))
    _panel(image, (0.08, 0.28, 0.92, 0.92), _colour(look, 225, 256))
    portrait = ImageOps.fit(photos[int(say.integers(len(photos)))], (200, 200))
    mask = Image.new("L", (200, 200), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, 199, 199), fill=255)
    image.paste(portrait, (220, 150), mask)
    ink = (40, 40, 50)
    _text(image, (0.5, 0.48), words(say, 2), ink, 0.07, "mm")
    _text(image, (0.5, 0.55), words(say, 3), ink, 0.04, "mm")
    for i, name in enumerate(("Posts", "Fans", "Following")):
        _text(image, (0.25 + 0.25 * i, 0.68), str(say.integers(10, 9999)), ink, 0.055, "mm")
        _text(image, (0.25 + 0.25 * i, 0.74), name, (120, 120, 130), 0.035, "mm")
    return image


def chart(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """One office's chart style with other figures."""
    image = Image.new("RGB", (900, 640), (255, 255, 255))
    draw, colours = ImageDraw.Draw(image), [_colour(look, 20, 200) for _ in range(3)]
    _text(image, (0.5, 0.06), words(look, 3), (30, 30, 30), 0.035, "mm")
    for i in range(7):
        y = 110 + 70 * i
        draw.line((90, y, 860, y), fill=(210, 210, 210), width=2)
        _text(image, (0.09, y / 640), str(60 - 10 * i), (60, 60, 60), 0.022, "rm")
    for i in range(10):
        _text(image, (0.14 + 0.08 * i, 0.87), str(2017 + i), (60, 60, 60), 0.02, "mm")
        for k, colour in enumerate(colours):
            tall = say.uniform(30, 400)
            x = 105 + 74 * i + 19 * k
            draw.rectangle((x, 530 - tall, x + 16, 530), fill=colour)
    for k, name in enumerate(words(look, 3).split()):
        draw.rectangle((220 + 180 * k, 592, 242 + 180 * k, 614), fill=colours[k])
        _text(image, (0.28 + 0.2 * k, 0.942), name, (40, 40, 40), 0.022, "lm")
    return image


def day_card(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """A challenge's card: only the day and what was done are the creator's."""
    image = _ground(look, (800, 800))
    card = _colour(look, 215, 256)
    _panel(image, (0.15, 0.2, 0.85, 0.8), card)
    ink = _colour(look, 0, 100)
    _text(image, (0.5, 0.3), "100 DAYS OF DRAWING", ink, 0.045, "mm")
    _text(image, (0.5, 0.52), str(say.integers(1, 100)), ink, 0.25, "mm")
    _text(image, (0.5, 0.72), words(say, 2), ink, 0.05, "mm")
    return image


def weather(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image = _ground(look, (720, 900))
    _panel(image, (0.1, 0.1, 0.9, 0.9), _colour(look, 20, 100))
    draw = ImageDraw.Draw(image)
    _text(image, (0.5, 0.2), words(say, 1), (245, 245, 245), 0.09, "mm")
    _text(image, (0.5, 0.36), f"{say.integers(-9, 36)}\u00b0", (255, 255, 255), 0.2, "mm")
    for i, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri")):
        y = 0.52 + 0.07 * i
        _text(image, (0.2, y), day, (230, 230, 230), 0.045)
        sun = say.random() < 0.5
        draw.ellipse(
            (360, y * 900, 400, y * 900 + 40), fill=(250, 210, 60) if sun else (170, 180, 195)
        )
        _text(image, (0.8, y), f"{say.integers(-9, 36)}\u00b0", (230, 230, 230), 0.045, "ra")
    return image


DESIGNS: dict[str, Design] = {
    design.__name__: design
    for design in (
        result_card,
        record,
        poster,
        jar_label,
        podcast,
        starting_soon,
        quote,
        certificate,
        price_list,
        meme,
        game,
        city_map,
        shirt,
        art_frame,
        profile,
        chart,
        day_card,
        weather,
    )
}


def filled_in(kind: str, seed: int, buyer: int, photos: Photos) -> Image.Image:
    """One buyer's result of one template."""
    look, say = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2, buyer])
    return DESIGNS[kind](look, say, photos)
