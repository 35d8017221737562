"""Which sound plays which part: dealt once from a seed and pinned by SHA-256 in split.json.

    python tests/benchmarks/audio/catalogue.py SOUNDS_DIR
        (deals anew; only where the sources change)

Parts: "fit" (for calibration; about a third of the music, never measured on), "reference"
(registered), "negative" (never registered: wrong answers, and what is mixed into queries). Sounds
of one family, such as the parts of an album that share a theme or a loop, a piece and its faster
version, the recordings of one brook, all play the same part.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from speech import Speech, speeches

SPLIT = Path(__file__).with_name("split.json")
SEED = 5
PARTS = ("fit", "reference", "negative")
# Shares of the families of each kind, in the order of PARTS.
SHARES = {"music": (0.30, 0.45, 0.25), "effect": (0.25, 0.50, 0.25), "short": (0.25, 0.50, 0.25)}
SPEECHES = {"fit": 40, "reference": 84, "negative": 36}
MUSIC_S, EFFECT_S, SHORT_S = 15.0, 4.8, 1.5
MAX_SHORT_PER_FOLDER = 12
# Beginnings of names that belong together: heard or measured (chromaprint) to share a theme, a loop
# or a recording.
FAMILIES = (
    "forest",
    "new_forest",
    "ghostforest",
    "voc-",
    "airship",
    "cave",
    "fortress",
    "theme",
    "intro",
    "credits",
    "invincible",
    "leveldone",
    "taiko",
    "farm",
    "day_t",
    "rain",
    "amb_farm",
    "amb_port",
    "amb_trade",
    "moan",
    "spaceship",
    "steamlocomotive",
    "river",
    "wave",
    "waterfall",
    "thunder",
    "building_collapse",
    "fire",
    "exotic-birds",
    "wind",
    "snowstorm",
    "x_",
    "tim_machine",
    "kam_explode",
    "alarm",
    "race",
    "sp_",
    "sz",
    "c_1",
    "beneath_the_rabbit_hole",
    "calmrace",
    "spunkyrace",
    "lostrace",
    "wonrace",
    "win_theme",
    "lose_theme",
)
JOINED = {
    "new_forest": "forest",
    "intro": "theme",
    "credits": "theme",
    "invincible": "theme",
    "leveldone": "theme",
    "tim_machine": "x_",
    "snowstorm": "wind",
    "spunkyrace": "calmrace",
    "lostrace": "calmrace",
    "wonrace": "calmrace",
    "waterfall": "river",
    "lose_theme": "win_theme",
    "race": "win_theme",
}


@dataclass(frozen=True)
class Sound:
    """A file of the sources."""

    path: Path
    kind: str
    family: str
    sha256: str
    duration_s: float


def family_of(path: Path) -> str:
    stem = path.stem.lower()
    for start in FAMILIES:
        if stem.startswith(start):
            return JOINED.get(start, start)
    return re.sub(r"(_fast|_old|_remix|_remake|_loop|[-_]?\d+)+$", "", stem)


def kind_of(path: Path, duration_s: float) -> str:
    """music, effect (long enough to be looked for), short (registered, never looked for whole),
    or "" (left out).
    """
    if (
        "music" in path.parts
        or path.stem in ("intro2", "Battle_Theme_1")
        or "Gowns_Bow" in path.stem
    ):
        return "music" if duration_s >= MUSIC_S else ""
    if duration_s >= EFFECT_S:
        return "effect"
    return "short" if duration_s >= SHORT_S else ""


def sounds(folder: Path) -> list[Sound]:
    """Every usable file, identical ones once."""
    found: dict[str, Sound] = {}
    short: defaultdict[Path, int] = defaultdict(int)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".ogg", ".wav"):
            continue
        try:
            duration_s = soundfile.info(path).duration
        except soundfile.LibsndfileError:
            continue  # one broken file of supertuxkart
        kind = kind_of(path, duration_s)
        if kind == "short":
            short[path.parent] += 1
            kind = kind if short[path.parent] <= MAX_SHORT_PER_FOLDER else ""
        if kind:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found.setdefault(digest, Sound(path, kind, family_of(path), digest, duration_s))
    return list(found.values())


def deal(listed: list[Sound]) -> dict[str, list[Sound]]:
    """Families to parts, each kind by its shares of the families."""
    parts: dict[str, list[Sound]] = {part: [] for part in PARTS}
    rng = np.random.default_rng(SEED)
    for kind, shares in SHARES.items():
        families = defaultdict(list)
        for sound in listed:
            if sound.kind == kind:
                families[sound.family].append(sound)
        names = sorted(families)
        rng.shuffle(names)
        bounds = np.round(np.cumsum((0, *shares)) * len(names)).astype(int)
        for part, start, end in zip(PARTS, bounds, bounds[1:], strict=False):
            parts[part] += [sound for name in names[start:end] for sound in families[name]]
    return parts


def spoken(folder: Path) -> dict[str, list[Speech]]:
    every = speeches(folder / "0ad-data", sum(SPEECHES.values()), SEED)
    parts, start = {}, 0
    for part, count in SPEECHES.items():
        parts[part] = every[start : start + count]
        start += count
    return parts


def pinned(folder: Path) -> dict[str, list[Sound]]:
    """The parts as split.json has them.

    Raises: SystemExit if a file is not the one that was dealt.
    """
    by_digest = {sound.sha256[:16]: sound for sound in sounds(folder)}
    parts = json.loads(SPLIT.read_text())["sounds"]
    missing = [
        name
        for listed in parts.values()
        for digest, name in listed.items()
        if digest not in by_digest
    ]
    if missing:
        raise SystemExit(
            f"These sources are not the ones that were dealt (another version?): {missing[:5]} …"
        )
    return {part: [by_digest[digest] for digest in listed] for part, listed in parts.items()}


def main(folder: Path) -> None:
    parts = deal(sounds(folder))
    speech = spoken(folder)
    content = {
        "seed": SEED,
        "sounds": {
            part: {s.sha256[:16]: f"{s.kind}: {s.path.name}" for s in parts[part]} for part in PARTS
        },
        "speeches": {part: [s.sha256[:16] for s in speech[part]] for part in PARTS},
    }
    SPLIT.write_text(json.dumps(content, indent=1) + "\n")
    for part in PARTS:
        count = {kind: [s for s in parts[part] if s.kind == kind] for kind in SHARES}
        print(
            part,
            {kind: (len(c), round(sum(s.duration_s for s in c))) for kind, c in count.items()},
            len(speech[part]),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "sources")
