"""Names of creators, compared as people compare them. Pure.

Two spellings are one name where `canonical` is the same: width, ligatures and composed letters
(Unicode NFKC), case, invisible characters, a leading @ and the shape of apostrophes, hyphens and
middle dots make no difference. Two names are look-alikes where their `skeletons` meet: they are
read as the same though they are not (Unicode UTS 39, with its table of confusable characters).
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from confusable_homoglyphs import categories
from confusable_homoglyphs.confusables import confusables_data

MAX_CHARACTERS = 64
# What stands between letters in names: of people, of handles; the last is Tibetan's syllable dot.
PUNCTUATION = frozenset("._@:+-'\u00b7 \u0f0b")
MAX_MARKS = 4  # that take no room of their own (Mn), on one letter
# Shapes of one mark: apostrophes, hyphens, middle dots.
SHAPES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u02bb\u02bc\u02b9\u2032\u05f3", "'")
    | dict.fromkeys("\u2010\u2012\u2013\u2014\u2015\u2212\u05be", "-")
    | dict.fromkeys("\u2022\u2027\u2219\u22c5\u30fb", "\u00b7")
)
# A number at the end of a word is read as digits: "player10", but not "al1ce", "user0", "yah00".
NUMBER = re.compile(r"(?<![0-9])([1-9][0-9]+)(?![^\W_])")
# Default ignorable characters that are neither controls (Cc) nor format characters (Cf): joiners,
# fillers, vowel signs without a shape, variation selectors.
INVISIBLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0000, 0xE1000))
)
# Scripts that are written together, and those that Latin letters are put beside; anything else in
# one name is a disguise (UTS 39, section 5.2, "moderately restrictive", with its scripts in common
# use but for Cyrillic, Greek and Armenian, which look like Latin).
EVERYWHERE = frozenset({"COMMON", "INHERITED"})
TOGETHER = tuple(
    frozenset({"LATIN", "HAN", *others})
    for others in (("HIRAGANA", "KATAKANA"), ("HANGUL",), ("BOPOMOFO",))
)

BESIDE_LATIN = frozenset(
    {"ARABIC", "BENGALI", "DEVANAGARI", "ETHIOPIC", "GEORGIAN", "GUJARATI", "GURMUKHI", "HEBREW"}
    | {"KANNADA", "KHMER", "LAO", "MALAYALAM", "MYANMAR", "ORIYA", "SINHALA", "TAMIL", "TELUGU"}
    | {"THAANA", "THAI", "TIBETAN"}
)


def plain(text: str) -> str:
    """Return a name as it is shown: as it was written, without what nobody sees or means."""
    while (cleaned := _clean(text)) != text:
        text = cleaned
    return text


def canonical(text: str) -> str:
    """Return the one form of a name that all its spellings have; idempotent."""
    if text.isascii() and text.isprintable():  # nearly all are, and events name millions of them
        return " ".join(text.lstrip(" @").split()).lower()
    while (folded := _fold(plain(text))) != text:
        text = folded
    return text


def is_name(text: str) -> bool:
    """Return whether a canonical name is 1 to 64 letters and digits with their accents and vowel
    signs, spaces, and . _ @ : + - ' and middle dots.
    """
    marks, on_letter = 0, False  # no mark begins a name
    for char in text:
        if (category := unicodedata.category(char)) in ("Mn", "Mc"):
            marks += category == "Mn"
            if not on_letter or marks > MAX_MARKS:
                return False
        else:
            marks, on_letter = 0, char.isalnum()
            if not on_letter and char not in PUNCTUATION:
                return False
    return 0 < len(text) <= MAX_CHARACTERS and any(char.isalnum() for char in text)


def skeletons(text: str) -> list[str]:
    """Return what a name is read as: as it is written, in its canonical form, and with each 1 as i
    (it is read as l otherwise). At most three.
    """
    name = canonical(text)
    return sorted({_skeleton(plain(text)), _skeleton(name), _skeleton(name, one="i")})


def mixed_scripts(text: str) -> list[str]:
    """Return the scripts of a name that are not written together; empty for honest names.

    Latin may stand beside one script that does not look like it, unless all that is in the other
    one is read as Latin.
    """
    name = canonical(text)
    scripts = _scripts(name)
    if len(scripts) < 2 or any(scripts <= allowed for allowed in TOGETHER):
        return []
    others = scripts - {"LATIN"}
    if len(others) == 1 and others <= BESIDE_LATIN and others <= _scripts(_skeleton(name)):
        return []
    return sorted(scripts)


def _scripts(text: str) -> set[str]:
    return {categories.alias(char) for char in text} - EVERYWHERE


def _fold(text: str) -> str:
    # The capital I with a dot folds to i and a dot above it, which the i has already.
    return text.translate(SHAPES).casefold().replace("i\u0307", "i")


def _clean(text: str) -> str:
    text = text.replace("\u00b4", "'")  # NFKC makes this apostrophe a space with an accent
    text = "".join(filter(_is_visible, unicodedata.normalize("NFKC", text)))
    return " ".join(text.split()).lstrip("@")


def _is_visible(char: str) -> bool:
    return ord(char) not in INVISIBLE and unicodedata.category(char) not in ("Cc", "Cf", "Cs")


def _skeleton(text: str, *, one: str = "1") -> str:
    prototypes = _prototypes()
    parts = NUMBER.split(unicodedata.normalize("NFD", text))
    parts[::2] = [
        "".join(prototypes.get(char, char) for char in part.replace("1", one))
        for part in parts[::2]
    ]
    return unicodedata.normalize("NFD", "".join(parts)).casefold()


@cache
def _prototypes() -> dict[str, str]:
    """Return the character, or characters, that each confusable one stands for.

    The table lists pairs both ways. Each group of them is a star: many characters around the one
    that they are confused with, which is therefore the one with the most pairs. But for "rn", two
    letters of ordinary names, which m and all that looks like it would stand for.
    """
    pairs: dict[str, set[str]] = defaultdict(set)
    for char, others in confusables_data.items():
        pairs[_bare(char)] |= {_bare(other["c"]) for other in others}
    return {
        char: _best([char, *others], pairs) for char, others in pairs.items() if len(char) == 1
    } | {char: "m" for char in pairs["rn"] if len(char) == 1}


def _best(group: Iterable[str], pairs: dict[str, set[str]]) -> str:
    # Between equals the longer one, since its letters can be typed one by one; then the first.
    return max(sorted(group), key=lambda char: (len(pairs[char]), len(char)))


def _bare(text: str) -> str:
    return text.replace("\u200e", "")  # the table marks the direction of some characters
