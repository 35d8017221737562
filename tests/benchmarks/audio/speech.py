"""Speech by espeak-ng: the translations of 0 A.D. read aloud by many voices in ten languages.

Two speeches never share a sentence. A voice may speak in a reference and in a negative: speech that
has only the voice in common with a registered one is the hardest thing to tell from a copy.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VOICES = {
    "en_GB": "en-gb",
    "de": "de",
    "fr": "fr-fr",
    "es": "es",
    "it": "it",
    "nl": "nl",
    "pl": "pl",
    "cs": "cs",
    "pt_BR": "pt-br",
    "hu": "hu",
}
VARIANTS = ("m1", "m3", "m5", "m7", "f1", "f2", "f4")
WORDS = 95  # about 40 s
MIN_WORDS = 7
ENTRY = re.compile(r'^msgstr((?:\s*"(?:[^"\\]|\\.)*"\n?)+)', re.MULTILINE)


@dataclass(frozen=True)
class Speech:
    """One speech before it is spoken."""

    language: str
    variant: str
    pitch: int
    words_per_minute: int
    text: str

    @property
    def sha256(self) -> str:
        """Of the voice and of the words, hex: the same on every machine."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def speak(self, path: Path) -> None:
        """Write a wav file, mono at 22 050 Hz."""
        voice = f"{VOICES[self.language]}+{self.variant}"
        options = [
            "-v",
            voice,
            "-p",
            str(self.pitch),
            "-s",
            str(self.words_per_minute),
            "-w",
            str(path),
        ]
        subprocess.run(["espeak-ng", *options, "--stdin"], input=self.text.encode(), check=True)


def sentences(folder: Path, language: str) -> list[str]:
    """Translated strings that are prose, each once, in the order of their SHA-256 (so that
    topics are mixed).
    """
    found = set()
    for path in sorted(folder.rglob(f"l10n/{language}.*.po")):
        for match in ENTRY.finditer(path.read_text(errors="replace")):
            text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match.group(1)))
            text = re.sub(r"\\[nt]|\\.|\[[^\]]*\]|%\([a-zA-Z]*\)s|[<>{}|#*_]", " ", text)
            words = text.split()
            if len(words) >= MIN_WORDS and "Project-Id-Version" not in text:
                found.add(" ".join(words[:40]))
    unique: dict[str, str] = {}
    for text in sorted(found):
        unique.setdefault(" ".join(text.lower().split()[:5]), text)
    return sorted(unique.values(), key=lambda text: hashlib.sha256(text.encode()).digest())


def speeches(folder: Path, count: int, seed: int) -> list[Speech]:
    """``count`` different speeches, languages and voices in turn."""
    rng = np.random.default_rng(seed)
    left = {language: sentences(folder, language) for language in VOICES}
    made = []
    while len(made) < count:
        language = list(VOICES)[len(made) % len(VOICES)]
        text: list[str] = []
        while sum(len(part.split()) for part in text) < WORDS:
            text.append(left[language].pop().rstrip(".") + ".")
        variant = VARIANTS[int(rng.integers(len(VARIANTS)))]
        made.append(
            Speech(
                language,
                variant,
                int(rng.integers(30, 71)),
                int(rng.integers(150, 196)),
                " ".join(text),
            )
        )
    return made
