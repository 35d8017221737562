"""Names of creators, compared as people compare them. Pure.

Two spellings are one name where `canonical` is the same: width, ligatures and composed letters
(Unicode NFKC), case, invisible characters and a leading @ make no difference. Two names are
look-alikes where their `skeletons` meet: they are read as the same though they are not (Unicode
UTS 39, with its table of confusable characters).
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from confusable_homoglyphs import categories
from confusable_homoglyphs.confusables import confusables_data

MAX_CHARACTERS = 64
PUNCTUATION = frozenset("._@:+-")
MAX_MARKS = 2  # accents and vowel signs on one letter
# Default ignorable characters that are neither controls (Cc) nor format characters (Cf): joiners,
# fillers, vowel signs without a shape, variation selectors.
INVISIBLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0000, 0xE1000))
)
# Scripts that are written together; anything else in one word is a disguise (UTS 39, section 5.2,
# "highly restrictive").
EVERYWHERE = frozenset({"COMMON", "INHERITED"})
TOGETHER = tuple(
    frozenset({"LATIN", "HAN", *others})
    for others in (("HIRAGANA", "KATAKANA"), ("HANGUL",), ("BOPOMOFO",))
)


def plain(text: str) -> str:
    """Return a name as it is shown: as it was written, without what nobody sees or means."""
    while (cleaned := _clean(text)) != text:
        text = cleaned
    return text


def canonical(text: str) -> str:
    """Return the one form of a name that all its spellings have; idempotent."""
    if text.isascii() and text.isprintable():  # nearly all are, and events name millions of them
        return text.lstrip(" @").rstrip().lower()
    while (folded := plain(text).casefold()) != text:
        text = folded
    return text


def is_name(text: str) -> bool:
    """Return whether a canonical name is 1 to 64 letters, digits and . _ @ : + - with their
    accents.
    """
    marks = MAX_MARKS  # none may begin a name
    for char in text:
        if unicodedata.category(char) in ("Mn", "Mc"):
            marks += 1
        elif char.isalnum():
            marks = 0
        elif char in PUNCTUATION:
            marks = MAX_MARKS
        else:
            return False
        if marks > MAX_MARKS:
            return False
    return 0 < len(text) <= MAX_CHARACTERS and any(char.isalnum() for char in text)


def skeletons(text: str) -> list[str]:
    """Return what a name is read as: as it is written, and in its canonical form. At most two."""
    return sorted({_skeleton(plain(text)), _skeleton(canonical(text))})


def mixed_scripts(text: str) -> list[str]:
    """Return the scripts of a name that are never written in one word; empty for honest names."""
    scripts = {categories.alias(char) for char in canonical(text)} - EVERYWHERE
    if len(scripts) < 2 or any(scripts <= allowed for allowed in TOGETHER):
        return []
    return sorted(scripts)


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    return "".join(filter(_is_visible, text)).strip().lstrip("@")


def _is_visible(char: str) -> bool:
    return ord(char) not in INVISIBLE and unicodedata.category(char) not in ("Cc", "Cf", "Cs")


def _skeleton(text: str) -> str:
    prototypes = _prototypes()
    parts = (prototypes.get(char, char) for char in unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFD", "".join(parts)).casefold()


@cache
def _prototypes() -> dict[str, str]:
    """Return the character, or characters, that each confusable one stands for.

    The table lists pairs both ways. Each group of them is a star: many characters around the one
    that they are confused with, which is therefore the one with the most pairs.
    """
    pairs: dict[str, set[str]] = defaultdict(set)
    for char, others in confusables_data.items():
        pairs[_bare(char)] |= {_bare(other["c"]) for other in others}
    return {
        char: _best([char, *others], pairs)
        for char, others in pairs.items()
        if len(char) == 1 and char
    }


def _best(group: Iterable[str], pairs: dict[str, set[str]]) -> str:
    # Between equals the longer one, since its letters can be typed one by one; then the first.
    return max(sorted(group), key=lambda char: (len(pairs[char]), len(char)))


def _bare(text: str) -> str:
    return text.replace("\u200e", "")  # the table marks the direction of some characters
