"""A second shop's designs: composed at random of grounds, panels, slots and fonts.

Nothing is shared with ``support.templates``, on which limits were set before. As there, ``look``
decides what the template is, ``say`` what its buyer put in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

Colour = tuple[int, int, int]
Photos = Sequence[Image.Image]
Box = tuple[float, float, float, float]
SYLLABLES = (
    *("ka", "lo", "mi", "ren", "tas", "vo", "shi", "dar", "el", "num", "pre", "qua", "sto", "wex"),
    *("yal", "zin", "bru", "fe", "gol", "hap", "ion"),
)
FONTS: list[Path] = []  # of ``--fonts``; without them Pillow's own


def name(say: Generator, count: int = 2) -> str:
    """Made-up words."""
    made = ["".join(say.choice(SYLLABLES, int(say.integers(2, 4)))) for _ in range(count)]
    return " ".join(made).title()


def shade(rng: Generator, low: float, high: float) -> Colour:
    """A colour of any hue and of a lightness between the two, 0..1."""
    hue, value, strength = rng.integers(180), rng.uniform(low, high), rng.uniform(0.1, 0.9)
    hsv = np.uint8([[[hue, strength * 255, value * 255]]])  # type: ignore[arg-type]
    r, g, b = (int(c) for c in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])
    return r, g, b


class Face:
    """Two fonts of a template."""

    def __init__(self, look: Generator) -> None:
        self.files = [FONTS[int(look.integers(len(FONTS)))] for _ in range(2)] if FONTS else []

    def write(
        self,
        image: Image.Image,
        at: tuple[float, float],
        said: str,
        fill: Colour,
        tall: float,
        *,
        anchor: str = "mm",
        title: bool = False,
        shadow: bool = False,
    ) -> None:
        """Place a line; of ``tall`` x the picture's height, narrower where it would not fit."""
        draw, size = ImageDraw.Draw(image), max(8, round(tall * image.height))
        while True:
            font = (
                ImageFont.truetype(self.files[not title], size)
                if self.files
                else ImageFont.load_default(size)
            )
            if size <= 8 or font.getlength(said) < 0.86 * image.width:
                break
            size = int(0.9 * size)
        x, y = at[0] * image.width, at[1] * image.height
        if shadow:
            draw.text((x + 2, y + 2), said, fill=(0, 0, 0), font=font, anchor=anchor)
        draw.text((x, y), said, fill=fill, font=font, anchor=anchor)


def gradient(rng: Generator, size: tuple[int, int], low: float, high: float) -> Image.Image:
    """From one shade to another, in some direction."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    angle = rng.uniform(0, math.tau)
    along = np.cos(angle) * x / size[0] + np.sin(angle) * y / size[1]
    along = ((along - along.min()) / np.ptp(along))[..., None]
    a, b = (np.array(shade(rng, low, high), np.float32) for _ in range(2))
    return Image.fromarray((a * (1 - along) + b * along).astype(np.uint8))


def clouds(rng: Generator, size: tuple[int, int], low: float, high: float) -> Image.Image:
    """Marble, plaster, watercolour: noise of several sizes between two shades."""
    field = np.zeros((size[1], size[0]), np.float32)
    for cell in (4, 12, 40, 130):
        grid = rng.normal(0, 1, (size[1] // cell + 2, size[0] // cell + 2)).astype(np.float32)
        field += cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC) * cell**0.5
    share = np.clip(0.5 + field / (4 * field.std()), 0, 1)[..., None]
    a, b = (np.array(shade(rng, low, high), np.float32) for _ in range(2))
    return Image.fromarray((a * (1 - share) + b * share).astype(np.uint8))


def pattern(rng: Generator, size: tuple[int, int], low: float, high: float) -> Image.Image:
    """Dots, stripes, triangles or rings in shades near each other."""
    image = gradient(rng, size, low, high)
    draw, step, kind = ImageDraw.Draw(image), int(rng.integers(18, 60)), int(rng.integers(4))
    for y in range(0, size[1] + step, step):
        for x in range(0, size[0] + step, step):
            if rng.random() < 0.2:
                continue
            fill, r = shade(rng, low, high), step * rng.uniform(0.15, 0.45)
            if kind == 0:
                draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
            elif kind == 1:
                draw.line((x, y, x + step, y + step), fill=fill, width=int(rng.integers(1, 7)))
            elif kind == 2:
                draw.regular_polygon((x, y, r), 3, int(rng.integers(360)), fill=fill)
            else:
                draw.arc((x - r, y - r, x + r, y + r), 0, int(rng.integers(90, 360)), fill, 3)
    return image


def scene(rng: Generator, size: tuple[int, int], photos: Photos, veil: float = 0.0) -> Image.Image:
    """A stock photograph, perhaps darkened."""
    photo = ImageOps.fit(photos[int(rng.integers(len(photos)))], size)
    return Image.blend(photo, Image.new("RGB", size, shade(rng, 0.0, 0.15)), veil)


def ground(look: Generator, size: tuple[int, int], photos: Photos, *, dark: bool) -> Image.Image:
    """Any ground."""
    low, high = (0.05, 0.4) if dark else (0.7, 1.0)
    made = (gradient, clouds, pattern)[int(look.integers(3))](look, size, low, high)
    return scene(look, size, photos, 0.55) if dark and look.random() < 0.35 else made


def bits(rng: Generator, image: Image.Image, count: int, inside: Box = (0, 0, 1, 1)) -> None:
    """Leaves, stars, sparks: the ornaments of a template."""
    draw = ImageDraw.Draw(image)
    for _ in range(count):
        x = rng.uniform(inside[0], inside[2]) * image.width
        y = rng.uniform(inside[1], inside[3]) * image.height
        r, turn = rng.uniform(4, 22), rng.uniform(0, math.tau)
        points = [
            (
                x + r * (1 - 0.6 * (k % 2)) * math.cos(turn + k * math.pi / 5),
                y + r * (1 - 0.6 * (k % 2)) * math.sin(turn + k * math.pi / 5),
            )
            for k in range(10)
        ]
        draw.polygon(points, fill=shade(rng, 0.2, 1.0))


def panel(image: Image.Image, box: Box, fill: Colour, look: Generator) -> None:
    w, h = image.size
    at = (box[0] * w, box[1] * h, box[2] * w, box[3] * h)
    ImageDraw.Draw(image).rounded_rectangle(at, int(look.integers(0, 40)), fill=fill)


def place(image: Image.Image, picture: Image.Image, box: Box) -> None:
    w, h = image.size
    size = (round((box[2] - box[0]) * w), round((box[3] - box[1]) * h))
    image.paste(ImageOps.fit(picture, size), (round(box[0] * w), round(box[1] * h)))


def match_day(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = ground(look, (1000, 800), photos, dark=True), Face(look)
    bits(look, image, 25)
    ink = shade(look, 0.8, 1.0)
    face.write(image, (0.5, 0.14), f"ROUND {look.integers(1, 30)}", ink, 0.09, title=True)
    draw = ImageDraw.Draw(image)
    for x in (0.25, 0.75):
        fill, r = shade(say, 0.2, 1.0), 90
        draw.regular_polygon((x * 1000, 400, r), int(look.integers(5, 9)), fill=fill)
        face.write(image, (x, 0.7), name(say, 1).upper(), ink, 0.055)
    face.write(image, (0.5, 0.5), f"{say.integers(6)}:{say.integers(6)}", ink, 0.16, title=True)
    face.write(image, (0.5, 0.9), name(look, 3), ink, 0.035)
    return image


def record_label(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = clouds(look, (860, 860), 0.03, 0.2), Face(look)
    draw, base = ImageDraw.Draw(image), shade(look, 0.3, 0.9)
    for r in range(420, 250, -int(look.integers(3, 7))):
        draw.ellipse(
            (430 - r, 430 - r, 430 + r, 430 + r), outline=(int(look.integers(10, 60)),) * 3
        )
    fill = tuple(int(np.clip(c + say.integers(-120, 120), 0, 255)) for c in base)
    draw.ellipse((190, 190, 670, 670), fill=fill)
    ink = (15, 15, 20) if sum(fill) > 330 else (240, 238, 230)
    draw.arc((205, 205, 655, 655), 20, 160, ink, 3)
    face.write(image, (0.5, 0.34), name(look, 1).upper() + " RECORDS", ink, 0.035, title=True)
    face.write(image, (0.5, 0.6), name(say, 2), ink, 0.032)
    face.write(image, (0.5, 0.66), name(say, 1), ink, 0.025)
    face.write(image, (0.32, 0.5), f"SIDE {'AB'[int(say.integers(2))]}", ink, 0.022)
    face.write(image, (0.68, 0.5), f"{say.integers(33, 46)} rpm", ink, 0.022)
    draw.ellipse((416, 416, 444, 444), fill=(230, 230, 225))
    return image


def gig_poster(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """Lettering straight on a photograph."""
    image, face = scene(look, (720, 1020), photos, look.uniform(0.15, 0.5)), Face(look)
    ink = shade(look, 0.85, 1.0)
    for y, tall in ((0.16, 0.09), (0.27, 0.06), (0.72, 0.05)):
        face.write(image, (0.5, y), name(say, 2), ink, tall, title=True, shadow=True)
    face.write(image, (0.5, 0.82), f"{say.integers(1, 29)}.{say.integers(1, 13)}.", ink, 0.05)
    face.write(image, (0.5, 0.93), "TICKETS AT THE DOOR", ink, 0.03)
    return image


def show_cover(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = ground(look, (800, 800), photos, dark=bool(look.random() < 0.6)), Face(look)
    place(image, scene(look, (400, 400), photos), (0.3, 0.28, 0.7, 0.68))
    light = np.asarray(image.resize((1, 1)))[0, 0].sum() < 380
    ink = shade(look, 0.9, 1.0) if light else shade(look, 0.0, 0.2)
    face.write(image, (0.5, 0.13), name(look, 2).upper(), ink, 0.08, title=True)
    face.write(image, (0.5, 0.77), f"#{say.integers(2, 300)}", ink, 0.07, title=True)
    face.write(image, (0.5, 0.87), f"with {name(say, 2)}", ink, 0.05)
    return image


def stream_screen(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = ground(look, (1120, 630), photos, dark=True), Face(look)
    bits(look, image, 40)
    ink = shade(look, 0.8, 1.0)
    face.write(image, (0.5, 0.4), "WE GO LIVE IN A MOMENT", ink, 0.1, title=True)
    face.write(image, (0.5, 0.58), f"twitch.example/{name(say, 1).lower()}", ink, 0.05)
    face.write(image, (0.87, 0.9), f"{say.integers(10, 24)}:{say.integers(10, 60)}", ink, 0.06)
    return image


def folds(look: Generator, size: tuple[int, int]) -> np.ndarray:
    light = np.asarray(
        clouds(look, size, 0.5, 1.0).convert("L").filter(ImageFilter.GaussianBlur(9))
    )
    return np.asarray(0.6 + 0.5 * (light - light.min()) / max(int(np.ptp(light)), 1), np.float32)


def shirt_of(cloth: Colour, look: Generator, back: Image.Image) -> Image.Image:
    w, h = back.size
    flat = Image.new("RGB", back.size, cloth)
    lit = np.asarray(flat, np.float32) * folds(look, back.size)[..., None]
    mask, body = Image.new("L", back.size, 0), [(0.3, 0.08), (0.7, 0.08), (0.95, 0.28), (0.84, 0.4)]
    body += [(0.75, 0.33), (0.76, 0.95), (0.24, 0.95), (0.25, 0.33), (0.16, 0.4), (0.05, 0.28)]
    ImageDraw.Draw(mask).polygon([(x * w, y * h) for x, y in body], fill=255)
    shirt = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
    back.paste(shirt, (0, 0), mask.filter(ImageFilter.GaussianBlur(1)))
    return back


def shirt_colour(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """One print and one mock-up, in the colours that two people ordered."""
    back = clouds(look, (760, 820), 0.75, 0.95)
    image, face = shirt_of(shade(say, 0.1, 1.0), look, back), Face(look)
    disc = ImageOps.fit(scene(look, (220, 220), photos), (220, 220))
    image.paste(disc, (270, 280))
    face.write(image, (0.5, 0.68), name(look, 2).upper(), (250, 250, 250), 0.04, shadow=True)
    return image


def shirt_print(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """One mock-up, another print."""
    back = clouds(look, (760, 820), 0.75, 0.95)
    image, face = shirt_of(shade(look, 0.1, 1.0), look, back), Face(look)
    bits(say, image, 16, (0.34, 0.3, 0.66, 0.6))
    face.write(image, (0.5, 0.68), name(say, 1).upper(), (250, 250, 250), 0.05, shadow=True)
    return image


def known_meme(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """Words on a known picture, on its things or above it."""
    image, face = scene(look, (760, 700), photos), Face(look)
    if look.random() < 0.5:
        place(image, image.copy(), (0, 0.22, 1, 1))
        panel(image, (0, 0, 1, 0.22), (255, 255, 255), np.random.default_rng(0))
        for y in (0.07, 0.15):
            face.write(image, (0.5, y), name(say, 4), (10, 10, 10), 0.055)
        return image
    for _ in range(3):
        at = float(look.uniform(0.25, 0.75)), float(look.uniform(0.15, 0.9))
        face.write(image, at, name(say, 2), (255, 255, 255), 0.06, title=True, shadow=True)
    return image


def diploma(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = clouds(look, (1040, 740), 0.86, 1.0), Face(look)
    draw, line = ImageDraw.Draw(image), shade(look, 0.2, 0.6)
    for x, y in [(x, y) for x in range(20, 1030, 36) for y in (20, 715)] + [
        (x, y) for y in range(20, 730, 36) for x in (20, 1015)
    ]:
        draw.regular_polygon((x, y, 15), 6, int(look.integers(60)), outline=line)
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), outline=line, width=2)
    face.write(image, (0.5, 0.2), "Diploma", line, 0.13, title=True)
    face.write(image, (0.5, 0.45), name(say, 2), (30, 30, 50), 0.09, title=True)
    face.write(image, (0.5, 0.6), f"for {name(say, 3).lower()}", (60, 60, 80), 0.04)
    face.write(image, (0.28, 0.82), f"20{say.integers(10, 27)}", (60, 60, 80), 0.035)
    face.write(image, (0.72, 0.82), name(say, 2), (60, 60, 80), 0.035)
    return image


def bistro_menu(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    dark = bool(look.random() < 0.5)
    image, face = ground(look, (740, 1040), photos, dark=dark), Face(look)
    ink = shade(look, 0.85, 1.0) if dark else shade(look, 0.0, 0.25)
    for i in range(3):
        place(image, scene(look, (200, 200), photos), (0.08 + 0.3 * i, 0.04, 0.33 + 0.3 * i, 0.2))
    face.write(image, (0.5, 0.27), "menu", ink, 0.08, title=True)
    for i in range(9):
        face.write(image, (0.1, 0.36 + 0.065 * i), name(say, 2), ink, 0.03, anchor="lm")
        price = f"{say.integers(4, 40)},{say.integers(10)}0"
        face.write(image, (0.9, 0.36 + 0.065 * i), price, ink, 0.03, anchor="rm")
    return image


def quote_on_photo(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = scene(look, (800, 800), photos, look.uniform(0.2, 0.6)), Face(look)
    for i in range(int(say.integers(2, 5))):
        face.write(image, (0.5, 0.34 + 0.1 * i), name(say, 3).lower(), (250, 250, 250), 0.06)
    face.write(image, (0.5, 0.85), name(say, 2), (240, 240, 220), 0.035, title=True)
    return image


def on_the_wall(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """Two painters' works in one shop's frame on one shop's wall."""
    image = clouds(look, (760, 900), 0.45, 0.95)
    frame, (x, y) = shade(look, 0.1, 0.5), (float(look.uniform(0.18, 0.24)), 0.15)
    panel(image, (x, y, 1 - x, 0.75), frame, np.random.default_rng(0))
    panel(image, (x + 0.03, y + 0.025, 0.97 - x, 0.725), (245, 243, 238), np.random.default_rng(0))
    made = (scene(say, (500, 500), photos), pattern(say, (500, 500), 0.2, 1.0))
    art = made[int(say.random() < 0.5)]
    place(image, art, (x + 0.08, y + 0.07, 0.92 - x, 0.68))
    for _ in range(2):
        left = float(look.uniform(0, 0.8))
        place(image, scene(look, (300, 150), photos), (left, 0.84, left + 0.2, 0.98))
    return image


def invitation(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = clouds(look, (700, 980), 0.88, 1.0), Face(look)
    bits(look, image, 60, (0, 0, 1, 0.16))
    bits(look, image, 60, (0, 0.86, 1, 1))
    ink = shade(look, 0.1, 0.5)
    face.write(image, (0.5, 0.25), "you are invited", ink, 0.05, title=True)
    for y, tall in ((0.38, 0.07), (0.48, 0.07)):
        face.write(image, (0.5, y), name(say, 1), ink, tall, title=True)
    face.write(image, (0.5, 0.62), f"{say.integers(1, 29)} / {say.integers(1, 13)}", ink, 0.05)
    face.write(image, (0.5, 0.72), name(say, 3), ink, 0.03)
    return image


def house_for_sale(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = pattern(look, (900, 900), 0.05, 0.5), Face(look)
    place(image, scene(say, (600, 400), photos), (0.06, 0.2, 0.62, 0.62))
    for i in range(2):
        box = (0.66, 0.2 + 0.22 * i, 0.94, 0.4 + 0.22 * i)
        place(image, scene(say, (300, 300), photos), box)
    face.write(image, (0.5, 0.1), "JUST LISTED", shade(look, 0.9, 1.0), 0.1, title=True)
    panel(image, (0.06, 0.67, 0.94, 0.93), shade(look, 0.85, 1.0), look)
    face.write(image, (0.5, 0.74), f"{say.integers(1, 99)} {name(say, 1)} Road", (20, 20, 30), 0.05)
    face.write(image, (0.5, 0.86), f"{say.integers(90, 990)} 000", (20, 20, 30), 0.06, title=True)
    return image


def sale_banner(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    """Hardly anything differs but the price."""
    image, face = ground(look, (1100, 560), photos, dark=True), Face(look)
    bits(look, image, 35)
    place(image, scene(look, (400, 400), photos), (0.06, 0.15, 0.4, 0.85))
    ink = shade(look, 0.85, 1.0)
    face.write(image, (0.7, 0.25), "BIG SALE", ink, 0.17, title=True)
    face.write(image, (0.7, 0.52), f"{say.integers(10, 90)} %", ink, 0.24, title=True)
    face.write(image, (0.7, 0.8), name(say, 1).lower() + ".example", ink, 0.06)
    return image


def countdown(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = ground(look, (800, 800), photos, dark=bool(look.random() < 0.5)), Face(look)
    bits(look, image, 50)
    fill = shade(look, 0.1, 0.9)
    ImageDraw.Draw(image).ellipse((200, 200, 600, 600), fill=fill)
    ink = (20, 20, 20) if sum(fill) > 380 else (250, 250, 250)
    face.write(image, (0.5, 0.48), str(say.integers(10, 100)), ink, 0.25, title=True)
    face.write(image, (0.5, 0.66), "days to go", ink, 0.045)
    return image


def wanted(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = clouds(look, (700, 960), 0.5, 0.85), Face(look)
    ink = shade(look, 0.05, 0.25)
    face.write(image, (0.5, 0.12), "WANTED", ink, 0.13, title=True)
    grey = ImageOps.grayscale(scene(say, (420, 420), photos)).convert("RGB")
    place(image, grey, (0.2, 0.25, 0.8, 0.7))
    ImageDraw.Draw(image).rectangle((140, 240, 560, 672), outline=ink, width=6)
    face.write(image, (0.5, 0.78), name(say, 2), ink, 0.07, title=True)
    face.write(image, (0.5, 0.9), f"REWARD {say.integers(1, 99)} 000", ink, 0.06)
    return image


def visiting_card(look: Generator, say: Generator, photos: Photos) -> Image.Image:
    image, face = ground(look, (1000, 560), photos, dark=True), Face(look)
    panel(image, (0.42, 0, 1, 1), shade(look, 0.85, 1.0), np.random.default_rng(0))
    bits(look, image, 12, (0.05, 0.1, 0.38, 0.9))
    face.write(image, (0.7, 0.3), name(say, 2), (20, 20, 30), 0.09, title=True)
    for i in range(3):
        said = f"{name(say, 1).lower()}@{name(say, 1).lower()}.example"
        face.write(image, (0.7, 0.5 + 0.12 * i), said, (60, 60, 70), 0.045)
    return image


Design = Callable[[Generator, Generator, Photos], Image.Image]
DESIGNS: dict[str, Design] = {
    design.__name__: design
    for design in (
        match_day,
        record_label,
        gig_poster,
        show_cover,
        stream_screen,
        shirt_colour,
        shirt_print,
        known_meme,
        diploma,
        bistro_menu,
        quote_on_photo,
        on_the_wall,
        invitation,
        house_for_sale,
        sale_banner,
        countdown,
        wanted,
        visiting_card,
    )
}


def filled_in(kind: str, seed: int, buyer: int, photos: Photos) -> Image.Image:
    """One buyer's result of one template."""
    look, say = np.random.default_rng([seed, 11]), np.random.default_rng([seed, 12, buyer])
    return DESIGNS[kind](look, say, photos)
